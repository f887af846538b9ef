"""The command `capxai`."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capxai_core.errors import CapxaiError, ImageError, RequestError

if TYPE_CHECKING:
    from capxai_core.methods import Explanation
    from capxai_core.models.captioner import Captioner
    from capxai_core.views.page import Entry

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder with flickr8k/, vgg16/ …; default: $CAPXAI_DATA.")
]


def main() -> None:
    """Run the command; what the user gave wrong is one line on standard error and exit code 2."""
    try:
        app(args=pair_parameters(sys.argv[1:]))
    except CapxaiError as error:
        print(f"capxai: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("capxai: interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(130)


def pair_parameters(arguments: list[str]) -> list[str]:
    """Papermill's `-p NAME VALUE` as `-p NAME=VALUE`: an option of typer that is repeated takes one word."""
    paired: list[str] = []
    rest = iter(arguments)
    for word in rest:
        paired.append(word)
        if word in ("-p", "--parameter"):
            name = next(rest, None)
            if name is not None:
                value = None if "=" in name else next(rest, None)
                paired.append(name if value is None else f"{name}={value}")
    return paired


@app.callback()
def capxai() -> None:
    """Why an image-captioning model said each word, in pixels and in preceding words."""


@app.command()
def train(
    profile: Annotated[str, typer.Option(help="What to train on: scenes, flickr8k …")] = "scenes",
    model: Annotated[str, typer.Option(help="grid_td, or encoder (scenes only).")] = "grid_td",
    out: Annotated[
        Path | None, typer.Option(help="Folder for weights, log and checkpoint; default: runs/PROFILE/MODEL.")
    ] = None,
    data: DataOption = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most this many epochs.")] = None,
    seed: Annotated[int, typer.Option(help="Of initial weights, order and dropout.")] = 1,
) -> None:
    """Train a captioner (resumes where it was interrupted)."""
    import torch

    from capxai_core.models.captioner import DECODERS
    from capxai_core.pipeline.profiles import data_root, find_profile
    from capxai_core.training.captioning import train_captioner
    from capxai_core.training.presence import train_encoder

    chosen = find_profile(profile)
    if model == "encoder":
        if profile != "scenes":
            raise RequestError(f"profile '{profile}' uses VGG16 as it is; only 'scenes' has an encoder to train")
        print(train_encoder(out or Path("runs/scenes"), seed=seed))
        return
    if model not in DECODERS:
        raise RequestError(f"unknown model '{model}'; known: {', '.join(DECODERS)}, encoder")
    root = data_root(data) if chosen.needs_data else Path()
    changes = {"seed": seed} | ({"epochs": epochs} if epochs else {})
    recipe = chosen.recipe.model_copy(update=changes)
    folder = out or Path("runs") / profile / model
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cache = Path("runs") / profile / "features"
    examples = chosen.examples(root)
    weights = train_captioner(model, profile, chosen.encoder(root), examples, recipe, folder, cache, device)
    print(weights)


@app.command()
def explain(
    photo: Annotated[Path, typer.Argument(help="A picture, or a folder of pictures.", show_default=False)],
    model: Annotated[str, typer.Option(help="profile/model or a weights file.")],
    out: Annotated[
        Path | None, typer.Option(help="Page to write, or folder for a folder; default: named after the input.")
    ] = None,
    method: Annotated[list[str] | None, typer.Option(help="May be repeated; default: all methods.")] = None,
    caption: Annotated[str | None, typer.Option(help="Explain this caption instead of the model's own.")] = None,
    beam_size: Annotated[int, typer.Option(min=1, help="Beam of the search for the caption; 1 is greedy.")] = 3,
    data: DataOption = None,
) -> None:
    """Caption a picture and write a self-contained page that shows why each word was said."""
    if data is not None:
        os.environ["CAPXAI_DATA"] = str(data)
    if not photo.exists():
        raise ImageError(f"{photo}: no such file or folder")
    from capxai_core.methods import METHODS
    from capxai_core.methods.registry import find_method
    from capxai_core.models.captioner import load_captioner
    from capxai_core.views.page import write_gallery, write_page

    methods = method or list(METHODS)
    for name in methods:
        find_method(name)
    captioner = load_captioner(model)
    if photo.is_dir():
        folder = out or Path(f"{photo.resolve().name}-explained")
        table: list[dict[str, Any]] = []
        failed: list[str] = []
        entries = explained(captioner, pictures(photo), methods, caption, beam_size, table, failed)
        index = write_gallery(folder, entries, f"Captions of {photo.resolve().name}", captioner.warning)
        write_words(table, folder / "words.csv")
        print(f"{index}\n{folder / 'words.csv'}")
        if failed:
            raise ImageError(f"{len(failed)} pictures could not be explained (the others were): {'; '.join(failed)}")
        return
    page = out or Path(f"{photo.stem}.html")
    if page.is_dir() or not page.parent.is_dir():
        raise RequestError(f"--out {page}: must be a file in an existing folder")
    failed = []
    view = list(explained(captioner, [photo], methods, caption, beam_size, [], failed))
    if failed:
        raise ImageError(failed[0])
    print(view[0][2][0].caption)
    print(write_page(page, view, photo.name, captioner.warning))


def pictures(folder: Path) -> list[Path]:
    """The image files of a folder, in order of name."""
    from capxai_core.data.images import SUFFIXES

    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not found:
        raise ImageError(f"{folder}: holds no picture ({', '.join(sorted(SUFFIXES))})")
    return found


def explained(
    model: "Captioner",
    photos: list[Path],
    methods: list[str],
    words: str | None,
    beam_size: int,
    table: list[dict[str, Any]],
    failed: list[str],
) -> "Iterator[Entry]":
    """Title, picture and explanations of each photo, one at a time; fills `table` (a row a word) and `failed`."""
    from rich.console import Console
    from rich.progress import track

    from capxai_core.data.images import load_image
    from capxai_core.methods import explain as explain_caption

    for photo in track(photos, "explaining", console=Console(stderr=True), transient=True):
        try:
            image = load_image(photo)
        except ImageError as error:
            failed.append(str(error))
            continue
        caption = model.read(image, words) if words else model.caption(image, beam_size)
        explanations = [explain_caption(model, image, caption, name) for name in methods]
        table += [row for e in explanations for row in word_rows(photo.name, e)]
        yield photo.name, image, explanations


def word_rows(picture: str, e: "Explanation") -> "Iterator[dict[str, Any]]":
    """One row a word: what the model gave it, and what the method says of it in numbers."""
    for row, (position, word) in enumerate(zip(e.positions, e.targets, strict=True)):
        found = {"picture": picture, "caption": str(e.caption), "method": e.method, "position": position, "word": word}
        found |= {"logit": e.logits[row].item(), "log_prob": e.caption.log_probs[position].item()}
        found |= {"beta": e.caption.beta[position].item(), "map_mean": e.image[row].mean().item()}
        if e.words is not None:
            preceding = e.words[row, : position + 1]
            strongest = int(preceding.abs().argmax())
            found |= {"strongest_word": e.tokens[strongest], "strongest_score": preceding[strongest].item()}
        if e.budget is not None and e.pixel_share is not None:
            terms = dict(zip(e.budget.names, e.budget.terms()[:, row].tolist(), strict=True))
            found |= {"pixel_share": e.pixel_share[row].item(), **terms}
        yield found


def write_words(table: list[dict[str, Any]], path: Path) -> None:
    """The rows as CSV, whole or not at all."""
    import pandas as pd

    partial = path.with_name(f".{path.name}.part")
    pd.DataFrame(table).to_csv(partial, index=False)
    os.replace(partial, path)


@app.command()
def run(
    chapters: Annotated[list[str] | None, typer.Argument(help="Chapters to execute; default: all.")] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME VALUE", help="Of the chapters; may be repeated."),
    ] = None,
) -> None:
    """Execute chapters of the book in batch, e.g. capxai run 3_methodology -p profile scenes -p seed 2."""
    from capxai_core.pipeline.notebooks import run_notebooks

    values = {}
    for pair in parameter or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise RequestError(f"-p {name}: give the parameter's name and its value, e.g. -p seed 2")
        values[name] = value
    for path in run_notebooks(chapters or (), values):
        print(path)


if __name__ == "__main__":
    main()

"""The command `capxai`."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from capxai_core.errors import CapxaiError, RequestError
from capxai_core.files import write_table
from capxai_core.models.captioner import DECODERS, find_weights, load_captioner
from capxai_core.models.device import accelerator, faster_in_bfloat16, processes
from capxai_core.pipeline.profiles import data_root, evaluation_examples, find_profile
from capxai_core.training.card import fingerprint

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder with flickr8k/, vgg16/ …; default: $CAPXAI_DATA.")
]
AgainOption = Annotated[
    bool,
    typer.Option("--again", help="Delete what is in the way of other code, weights, data or options, and redo it."),
]
data_app = typer.Typer(no_args_is_help=True, help="Photographs and weights: whether they are there, and from where.")
app.add_typer(data_app, name="data")


def main() -> None:
    """Run the command; what the user gave wrong is one line on standard error and exit code 2."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a cluster's "stop": ends what runs beside, too
    try:
        app(args=pair_parameters(sys.argv[1:]))
    except CapxaiError as error:
        print(f"capxai: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"capxai: {error.filename or 'files'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as end:
        if end.code in (130, 143):  # typer makes an interrupt an exit
            print("capxai: interrupted; run the same command again", file=sys.stderr)
        raise


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
    model: Annotated[str, typer.Option(help="adaptive, grid_td, or encoder (scenes only).")] = "grid_td",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for weights, log and checkpoint; default: runs/PROFILE/MODEL, with --reward …/MODEL_REWARD."
        ),
    ] = None,
    data: DataOption = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most this many epochs.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of initial weights, order, what is drawn.")] = 1,
    reward: Annotated[str | None, typer.Option(help="Go on, for cider (CIDEr-D) or recall (that and recall).")] = None,
    again: AgainOption = False,
) -> None:
    """Train a captioner (resumes where it was interrupted)."""
    from capxai_core.training.captioning import train_captioner
    from capxai_core.training.presence import train_encoder
    from capxai_core.training.reward import REWARDED, REWARDS, for_reward

    chosen = find_profile(profile)
    if reward and reward not in REWARDS:
        raise RequestError(f"unknown reward '{reward}'; known: {', '.join(REWARDS)}")
    if reward and model not in DECODERS:
        raise RequestError(f"--reward is for captioners: {', '.join(DECODERS)}; not '{model}'")
    if model == "encoder":
        if profile != "scenes":
            raise RequestError(f"profile '{profile}' uses VGG16 as it is; only 'scenes' has an encoder to train")
        asked = {"epochs": epochs} if epochs else {}
        print(train_encoder(out or Path("runs/scenes"), seed=seed, again=again, **asked))
        return
    if model not in DECODERS:
        raise RequestError(f"unknown model '{model}'; known: {', '.join(DECODERS)}, encoder")
    root = chosen.root(data)
    changes = (REWARDED if reward else {}) | {"seed": seed} | ({"epochs": epochs} if epochs else {})
    recipe = chosen.recipe.model_copy(update=changes)
    folder = out or Path("runs") / profile / (f"{model}_{reward}" if reward else model)
    cache = Path("runs") / profile / "features"
    examples, encoder = chosen.examples(root), chosen.encoder(root)
    further = for_reward(reward, model, profile, encoder, examples, recipe) if reward else None
    print(train_captioner(model, profile, encoder, examples, recipe, folder, cache, accelerator(), further, again))


@app.command()
def explain(
    photo: Annotated[Path, typer.Argument(help="A picture, or a folder of pictures.", show_default=False)],
    model: Annotated[str, typer.Option(help="profile/model, e.g. flickr8k/adaptive, or a file.")] = "scenes/grid_td",
    out: Annotated[
        Path | None, typer.Option(help="Page to write, or folder for a folder; default: named after the input.")
    ] = None,
    method: Annotated[list[str] | None, typer.Option(help="May be repeated; default: the paper's.")] = None,
    caption: Annotated[str | None, typer.Option(help="Explain this caption instead of the model's own.")] = None,
    beam_size: Annotated[
        int, typer.Option(min=1, max=100, help="Beam of the search for the caption; 1 is greedy.")
    ] = 3,
    data: DataOption = None,
) -> None:
    """Caption a picture and write a self-contained page that shows why each word was said."""
    from capxai_core.pipeline.pictures import explain_pictures

    explain_pictures(photo, model, out, list(dict.fromkeys(method or ())), caption, beam_size, data)


@app.command()
def evaluate(
    profile: Annotated[str, typer.Option(help="What to evaluate on: scenes, flickr8k …")] = "scenes",
    model: Annotated[
        list[str] | None, typer.Option(help="adaptive, grid_td, or another profile's, e.g. flickr8k/grid_td.")
    ] = None,
    n: Annotated[
        int, typer.Option(min=2, help="Images of the test split; of scenes, three of four from its part `counter`.")
    ] = 256,
    subset: Annotated[int, typer.Option(min=0, help="Of these, images that are looked at many times; may be 0.")] = 32,
    subset_only: Annotated[
        bool, typer.Option("--subset-only", help="Only what looks many times; the other tables are there, and stay.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for records and tables, by profile and model.")] = Path("results"),
    data: DataOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap and of everything random.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; default: one a core.")] = None,
    bfloat16: Annotated[
        bool, typer.Option("--bfloat16", help="See pictures hidden in part or faded in bfloat16, if that is faster.")
    ] = False,
    again: AgainOption = False,
) -> None:
    """Make every table of the evaluation (goes on where it was interrupted)."""
    from capxai_core.evaluate.suite import Evaluation, provenance_of
    from capxai_core.evaluate.suite import evaluate as judge

    evaluations = []
    find_profile(profile).root(data)  # before anything looks for weights elsewhere
    for name in dict.fromkeys(name.removeprefix(f"{profile}/") for name in model or DECODERS):
        full = name if "/" in name else f"{profile}/{name}"
        captioner, weights = load_captioner(full, data=data), find_weights(full)
        judged, training = evaluation_examples(profile, n, data, captioner.profile)
        if len(judged) < n:
            print(f"there are {len(judged)} images to evaluate on, not {n}", file=sys.stderr)
        provenance = provenance_of(captioner, fingerprint(judged), weights, seed, len(judged)) | {"model": full}
        given = {"beam_size": 3, "min_count": find_profile(captioner.profile).recipe.min_count}
        folder = out / profile / name.replace("/", "-")
        short = bfloat16 and faster_in_bfloat16(accelerator())
        options = given, subset, seed, subset_only, again, short
        evaluations.append(Evaluation(captioner, judged, training, folder, provenance, *options))
    judge(evaluations, jobs or processes())
    for evaluation in evaluations:
        print(evaluation.folder)


@app.command()
def quality(
    model: Annotated[str, typer.Option(help="profile/model, e.g. flickr8k/grid_td.")] = "scenes/grid_td",
    split: Annotated[str, typer.Option(help="val, on which models are chosen, or test.")] = "val",
    against: Annotated[str, typer.Option(help="Another model of the profile, compared on the same images.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for results, by profile and model.")] = Path("results"),
    data: DataOption = None,
) -> None:
    """The caption metrics of table I on a whole split."""
    from capxai_core.pipeline.quality import caption_quality

    for table in caption_quality(model, split, data, out, against):
        print(table.to_string(index=False))


@app.command()
def photographs(
    model: Annotated[str, typer.Option(help="profile/model, e.g. flickr8k/grid_td.")] = "flickr8k/grid_td",
    out: Annotated[Path, typer.Option(help="Folder for results, by profile and model.")] = Path("results"),
    data: DataOption = None,
) -> None:
    """Explain the free photographs that installed packages carry; the book shows what this keeps."""
    from capxai_core.pipeline.photographs import explain_photographs

    captioner = load_captioner(model, data=data_root(data) if data else None).to(accelerator())
    folder = captioner.name if Path(model).is_file() else model
    for path in explain_photographs(captioner, out / folder / "photographs"):
        print(path)


@app.command()
def tune(
    profile: Annotated[str, typer.Option(help="Whose captioner and data: scenes, flickr8k …")] = "scenes",
    model: Annotated[str, typer.Option(help="adaptive (the paper's) or grid_td.")] = "adaptive",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each arm.")] = 3,
    variants: Annotated[int, typer.Option(min=0, help="Runs of each other reading of eq. (15).")] = 0,
    maps: Annotated[
        int, typer.Option(min=0, help="Images to map for readings that need it; 0: with variants, all.")
    ] = 0,
    epochs: Annotated[int, typer.Option(min=1, help="Of the arms original and lrp, where there are variants.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for tables, by profile and model.")] = Path("results"),
    data: DataOption = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; default: one a core.")] = None,
    again: AgainOption = False,
) -> None:
    """LRP inference: tune a captioner on its own explanations, and judge what that gives (goes on where it was)."""
    from capxai_core.evaluate.suite import provenance_of
    from capxai_core.pipeline.tuning import tune as run_arms

    chosen, name = find_profile(profile), f"{profile}/{model}"
    examples = chosen.examples(chosen.root(data))
    captioner = load_captioner(name, data=data)
    provenance = provenance_of(captioner, fingerprint(examples), find_weights(name), 0, len(examples))
    runs, results = Path("runs") / profile / model / "tuned", out / profile / model
    counts = seeds, variants, maps, epochs, jobs or processes(), again
    run_arms(captioner, examples, chosen.recipe, provenance, runs, results, *counts)
    print(results / "fine_tuning.csv")


@app.command()
def ledger(
    profile: Annotated[list[str] | None, typer.Option(help="May be repeated; default: scenes.")] = None,
    results: Annotated[Path, typer.Option(help="Folder that capxai evaluate wrote to.")] = Path("results"),
) -> None:
    """The claims of the paper, and what came out here."""
    from rich import print as show_table

    from capxai_core.evaluate.ledger import ledger as judge
    from capxai_core.evaluate.ledger import show

    for name in profile or ["scenes"]:
        if not (results / find_profile(name).name).is_dir():
            raise RequestError(f"{results}: no results of '{name}'; make them with capxai evaluate --profile {name}")
    table = judge(results, profile or ["scenes"])
    write_table(table, results / "ledger.csv")
    show_table(show(table))
    print(results / "ledger.csv")


@app.command()
def run(
    chapters: Annotated[list[str] | None, typer.Argument(help="Chapters to execute; default: all.")] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME VALUE", help="Of the chapters; may be repeated."),
    ] = None,
    data: DataOption = None,
) -> None:
    """Execute chapters of the book in batch, e.g. capxai run 3_methodology -p profile scenes -p seed 2."""
    from capxai_core.pipeline.notebooks import run_notebooks

    if data:
        os.environ["CAPXAI_DATA"] = str(data_root(data).resolve())  # for the chapters' kernels, too
    values = {}
    for pair in parameter or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise RequestError(f"-p {name}: give the parameter's name and its value, e.g. -p seed 2")
        values[name] = value
    for path in run_notebooks(chapters or (), values):
        print(path)


@app.command()
def reproduce(
    profile: Annotated[str, typer.Option(help="scenes, flickr8k, flickr30k or coco2017.")] = "scenes",
    data: DataOption = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes of evaluating and tuning.")] = None,
) -> None:
    """A profile whole: check, train, judge, evaluate, tune, chapters, ledger; scenes: as it ships (resumable)."""
    from capxai_core.pipeline.reproduce import reproduce_profile

    reproduce_profile(profile, data, jobs)


@data_app.command()
def check(
    profile: Annotated[str, typer.Argument(help="flickr8k, flickr30k or coco2017.")], data: DataOption = None
) -> None:
    """Look whether everything is there and can be read, before hours of work; exit code 2 where it is not."""
    from capxai_core.pipeline.check import check_profile

    check_profile(profile, data)


@data_app.command()
def fetch(
    profile: Annotated[str, typer.Argument(help="flickr8k, flickr30k or coco2017.")], data: DataOption = None
) -> None:
    """Download what may be downloaded (verified; goes on where it was interrupted), then check."""
    from capxai_core.pipeline.check import fetch_profile

    fetch_profile(profile, data)


if __name__ == "__main__":
    main()

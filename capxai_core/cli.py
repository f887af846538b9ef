"""The command `capxai`."""

import sys
from pathlib import Path
from typing import Annotated

import torch
import typer

from capxai_core.errors import CapxaiError, RequestError

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
        app()
    except CapxaiError as error:
        print(f"capxai: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("capxai: interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(130)


@app.callback()
def capxai() -> None:
    """Why an image-captioning model said each word, in pixels and in preceding words."""


@app.command()
def train(
    profile: Annotated[str, typer.Option(help="What to train on: scenes, flickr8k …")] = "scenes",
    model: Annotated[str, typer.Option(help="grid_td, or encoder (scenes only).")] = "grid_td",
    out: Annotated[Path | None, typer.Option(help="Folder for weights, log and checkpoint; default runs/PROFILE/MODEL.")] = None,
    data: DataOption = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most this many epochs.")] = None,
    seed: Annotated[int, typer.Option(help="Of initial weights, order and dropout.")] = 1,
) -> None:
    """Train a captioner (resumes where it was interrupted)."""
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
    weights = train_captioner(model, profile, chosen.encoder(root), chosen.examples(root), recipe, folder, cache, device)
    print(weights)


if __name__ == "__main__":
    main()

"""Photographs of free licence that installed packages carry, and what captioners say of them and why.

Photographs of the data sets may not be shown; these may. What a trained captioner says of them is kept in small files,
so that the book shows it where neither data nor weights are.
"""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from rich.progress import track
from torch import Tensor

from capxai_core.data.images import load_image
from capxai_core.errors import DataError
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import USUAL, explain
from capxai_core.models.captioner import Captioner
from capxai_core.pipeline.kept import load_explanations, save_explanations

PHOTOGRAPHS = {
    "astronaut": "skimage.data/astronaut.png",
    "camera": "skimage.data/camera.png",
    "chelsea": "skimage.data/chelsea.png",
    "motorcycle": "skimage.data/motorcycle_left.png",
    "coffee": "skimage.data/coffee.png",
    "china": "sklearn.datasets/images/china.jpg",
    "flower": "sklearn.datasets/images/flower.jpg",
}


def photograph(name: str) -> Tensor:
    """A photograph (3, H, W) from the package that carries it; `DataError` says which one is missing."""
    package, _, inside = PHOTOGRAPHS[name].partition("/")
    try:
        return load_image(Path(str(files(package))) / inside)
    except ModuleNotFoundError:
        raise DataError(f"the photograph '{name}' comes with {package}: pip install 'capxai[book]'") from None


def explain_photographs(model: Captioner, folder: Path, beam_size: int = 3) -> Iterator[Path]:
    """Caption and explain them by the paper's methods; a file each in `folder`. Those that are there are made anew."""
    images = {name: photograph(name) for name in PHOTOGRAPHS}
    for name in images:  # first: they may be another model's, which an interruption must not leave among these
        (folder / f"{name}.safetensors").unlink(missing_ok=True)
    for name, image in track(images.items(), "photographs", len(images), transient=True):
        caption = model.caption(image, beam_size)
        yield save_explanations([explain(model, image, caption, m) for m in USUAL], folder / f"{name}.safetensors")


def kept_photographs(folder: Path) -> dict[str, list[Explanation]]:
    """What `explain_photographs` kept, by the photograph's name; `DataError` says how to make it."""
    if not folder.is_dir():
        raise DataError(f"{folder}: nothing is kept here; capxai photographs --model PROFILE/MODEL makes it")
    return {name: load_explanations(folder / f"{name}.safetensors") for name in PHOTOGRAPHS}

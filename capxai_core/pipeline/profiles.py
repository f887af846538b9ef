"""What a profile name stands for: data, encoder and recipe, so that the same commands run on each."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from capxai_core.data.examples import Example
from capxai_core.data.karpathy import load_karpathy
from capxai_core.data.scenes import load_scenes
from capxai_core.errors import DataError, RequestError
from capxai_core.models.captioner import PRETRAINED, load_encoder
from capxai_core.models.encoder import Encoder, vgg16
from capxai_core.training.recipe import Recipe

SCENES = {"train": 6000, "val": 500, "test": 150, "counter": 450}


@dataclass(frozen=True)
class Profile:
    """A data set with its encoder and training recipe. `examples` and `encoder` read from the data folder."""

    name: str
    about: str
    examples: Callable[[Path], Sequence[Example]]
    encoder: Callable[[Path], Encoder]
    recipe: Recipe = field(default_factory=Recipe)
    needs_data: bool = True


def data_root(given: Path | None) -> Path:
    """The folder of real data sets: the one given, else $CAPXAI_DATA; `DataError` says how to set it."""
    root = given or (Path(os.environ["CAPXAI_DATA"]) if os.environ.get("CAPXAI_DATA") else None)
    if root is None:
        raise DataError("this profile reads real photographs: give their folder with --data or set CAPXAI_DATA to it")
    if not root.is_dir():
        raise DataError(f"{root}: no such data folder (from --data or CAPXAI_DATA)")
    return root


def find_profile(name: str) -> Profile:
    """The profile of that name; `RequestError` lists the known ones."""
    if name not in PROFILES:
        raise RequestError(f"unknown profile '{name}'; known: {', '.join(PROFILES)}")
    return PROFILES[name]


def load_examples(profile: str, split: str, n: int, seed: int = 0, data: Path | None = None) -> list[Example]:
    """The first n examples of a split of a profile's data; for `scenes`, another seed gives other scenes.

    `counter`, the split where habits mislead, exists in `scenes` only; elsewhere `test` stands for it.
    `RequestError` for an unknown profile or split, `DataError` where the data are not to be found.
    """
    if profile == "scenes":
        return list(load_scenes(split, n, seed))
    chosen = find_profile(profile)
    wanted = "test" if split == "counter" else split
    found = [example for example in chosen.examples(data_root(data)) if example.split == wanted]
    if not found:
        raise RequestError(f"profile '{profile}' has no split '{split}'")
    return found[:n]


def evaluation_examples(profile: str, n: int, data: Path | None = None) -> tuple[list[Example], list[Example]]:
    """n examples to evaluate on, and 500 of the training set (for how often a word is right there).

    Of the drawn scenes a quarter is `test` and the rest `counter`, where habits mislead; elsewhere all are `test`.
    """
    chosen = find_profile(profile)
    everything = chosen.examples(data_root(data) if chosen.needs_data else Path())
    training = [e for e in everything if e.split == "train"][:500]
    judged = [e for e in everything if e.split == "test"]
    if profile == "scenes":
        judged = judged[: n // 4] + [e for e in everything if e.split == "counter"][: n - n // 4]
    if not judged or not training:
        raise DataError(f"profile '{profile}' has no examples of the splits test and train")
    return judged[:n], training


def _scenes(_: Path) -> Sequence[Example]:
    return [example for split, n in SCENES.items() for example in load_scenes(split, n)]


def _scenes_encoder(_: Path) -> Encoder:
    own = Path("runs/scenes/encoder.safetensors")
    return load_encoder(own if own.is_file() else PRETRAINED / "scenes" / "encoder.safetensors")


def _flickr8k(root: Path) -> Sequence[Example]:
    return load_karpathy(root / "flickr8k" / "dataset_flickr8k.json", root / "flickr8k" / "images")


PROFILES = {
    "scenes": Profile(
        "scenes",
        "drawn scenes, made by the package",
        _scenes,
        _scenes_encoder,
        Recipe(d=128, k=64, min_count=1, epochs=15, lr=1e-3, captions=5),
        needs_data=False,
    ),
    "flickr8k": Profile("flickr8k", "Flickr8k, Karpathy split, VGG16", _flickr8k, vgg16),
}

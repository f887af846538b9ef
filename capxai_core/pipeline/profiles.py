"""What a profile name stands for: data, encoder and recipe, so that the same commands run on each."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from capxai_core.data.coco import load_coco, split_training
from capxai_core.data.examples import Example, FileExample
from capxai_core.data.karpathy import load_karpathy
from capxai_core.data.scenes import load_scenes
from capxai_core.errors import DataError, RequestError
from capxai_core.models.captioner import PRETRAINED, load_encoder
from capxai_core.models.encoder import Encoder, vgg16
from capxai_core.training.recipe import Recipe

SCENES = {"train": 6000, "val": 500, "test": 150, "counter": 450}
# On photographs over-fitting begins after a few epochs; each of these three puts it off.
PHOTOGRAPHS = Recipe(lr=1e-3, decay=0.8, average=0.998, smoothing=0.1, flips=True)


@dataclass(frozen=True)
class Profile:
    """A data set with its encoder and training recipe. `listed` and `encoder` read from the data folder.

    listed: all that the annotations list, their pictures there or not. judged: how many images an evaluation at full
    size looks at, and at how many of these many times.
    """

    name: str
    listed: Callable[[Path], Sequence[Example]]
    encoder: Callable[[Path], Encoder]
    recipe: Recipe = field(default_factory=Recipe)
    needs_data: bool = True
    judged: tuple[int, int] = (1000, 200)

    def root(self, given: Path | None) -> Path:
        """The data folder, as `data_root` finds it; of a profile that needs none, the working folder."""
        return data_root(given) if self.needs_data else Path()

    def examples(self, root: Path) -> Sequence[Example]:
        """Those whose picture is there. How many are missing is logged; `DataError` where all are."""
        listed = self.listed(root)
        missing = {example.name for example in absent(listed)}
        if missing:
            told = f"of the {len(listed)} images listed for '{self.name}', {len(missing)} are missing in {root}"
            if len(missing) == len(listed):
                raise DataError(f"{told}; capxai data check {self.name} says where they belong")
            logging.getLogger(__name__).warning("%s, e.g. %s", told, min(missing))
        return [example for example in listed if example.name not in missing]


def absent(examples: Sequence[Example]) -> list[FileExample]:
    """Those whose picture is a file that is not there."""
    return [e for e in examples if isinstance(e, FileExample) and not e.path.is_file()]


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


def evaluation_examples(
    profile: str, n: int, data: Path | None = None, trained: str | None = None
) -> tuple[list[Example], list[Example]]:
    """n examples to evaluate on, and 500 of the training set (for how often a word is right there).

    Of the drawn scenes a quarter is `test` and the rest `counter`, where habits mislead; elsewhere all are `test`.
    trained: the profile that the captioner was trained on. Where it is another, those of other splits follow the ones
    of `test`, all but what that training saw: Flickr30k holds Flickr8k, under names that begin alike.
    """
    if trained and trained != profile:
        other = find_profile(trained)
        seen = {_photo(e) for e in other.listed(other.root(data)) if e.split != "test"}
        found = sorted(find_profile(profile).examples(data_root(data)), key=lambda e: e.split != "test")
        return [e for e in found if _photo(e) not in seen][:n], evaluation_examples(trained, 1, data)[1]
    chosen = find_profile(profile)
    everything = chosen.examples(chosen.root(data))
    training = [e for e in everything if e.split == "train"][:500]
    judged = [e for e in everything if e.split == "test"]
    if profile == "scenes":
        judged = judged[: n // 4] + [e for e in everything if e.split == "counter"][: n - n // 4]
    if not judged or not training:
        raise DataError(f"profile '{profile}' has no examples of the splits test and train")
    return judged[:n], training


def _photo(example: Example) -> str:
    """Flickr's number of a photograph: 1000268201 of 1000268201_693b08cb0e.jpg."""
    return example.name.partition(".")[0].partition("_")[0]


def _scenes(_: Path) -> Sequence[Example]:
    return [example for split, n in SCENES.items() for example in load_scenes(split, n)]


def _scenes_encoder(_: Path) -> Encoder:
    own = Path("runs/scenes/encoder.safetensors")
    return load_encoder(own if own.is_file() else PRETRAINED / "scenes" / "encoder.safetensors")


def _karpathy(name: str, root: Path) -> Sequence[Example]:
    return load_karpathy(root / name / f"dataset_{name}.json", root / name / "images")


def _coco2017(root: Path) -> Sequence[Example]:
    def read(part: str, split: str) -> list[FileExample]:
        folder, name = root / "coco2017", f"{part}2017.json"
        captions, instances = (folder / "annotations" / f"{kind}_{name}" for kind in ("captions", "instances"))
        return load_coco(captions, instances, folder / f"{part}2017", split)

    train = read("train", "train")
    splits = split_training([example.name for example in train])
    return [replace(example, split=splits[example.name]) for example in train] + read("val", "test")


PROFILES = {
    "scenes": Profile(
        "scenes",
        _scenes,
        _scenes_encoder,
        Recipe(d=128, k=64, min_count=1, epochs=15, lr=1e-3, captions=5),
        needs_data=False,
        judged=(256, 32),
    ),
    "flickr8k": Profile("flickr8k", partial(_karpathy, "flickr8k"), vgg16, PHOTOGRAPHS),
    "flickr30k": Profile("flickr30k", partial(_karpathy, "flickr30k"), vgg16, PHOTOGRAPHS),
    "coco2017": Profile(
        "coco2017",
        _coco2017,
        vgg16,
        PHOTOGRAPHS.model_copy(update={"min_count": 5}),
        judged=(5000, 200),
    ),
}

"""Scenes as a data set: lazily drawn examples, and the same in COCO's own annotation format."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from capxai_core.data.examples import ObjectAnnotation
from capxai_core.data.scenes.sampling import sample_scene
from capxai_core.data.scenes.scene import Scene
from capxai_core.data.scenes.world import CATEGORIES, SPLITS
from capxai_core.errors import RequestError
from capxai_core.files import atomic

SEEDS_PER_RUN = 1_000_000


@dataclass(frozen=True)
class SceneExample:
    """One scene as an example of a data set; pixels, objects and captions are made when asked for."""

    seed: int
    split: str
    size: int = 128

    @property
    def name(self) -> str:
        """`scene-<split>-<seed>`."""
        return f"scene-{self.split}-{self.seed}"

    @cached_property
    def scene(self) -> Scene:
        """The scene itself, to be edited and drawn again."""
        return sample_scene(self.seed, self.split)

    @property
    def captions(self) -> tuple[tuple[str, ...], ...]:
        """Five captions as tuples of lower-case tokens."""
        return self.scene.captions

    @property
    def objects(self) -> tuple[ObjectAnnotation, ...]:
        """What can be seen, with boxes and masks."""
        return self.scene.objects

    def image(self) -> Tensor:
        """The picture, float32 (3, size, size) in [0, 1]."""
        return self.scene.render(self.size)

    def display(self) -> Tensor:
        """The same scene, drawn large."""
        return self.scene.render(512)

    def supports(self, word: str) -> bool:
        """Whether something that can be seen is called so; the captions, written from habit, do not count."""
        return any(word in seen.words for seen in self.objects)


def load_scenes(split: str, n: int, seed: int = 0, size: int = 128) -> list[SceneExample]:
    """The first `n` scenes of a split; another `seed` gives entirely other scenes. Nothing is drawn yet."""
    if split not in SPLITS:
        raise RequestError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
    if not 0 <= n <= SEEDS_PER_RUN or seed < 0:
        raise RequestError(f"n must be between 0 and {SEEDS_PER_RUN} and seed 0 or more, not n={n}, seed={seed}")
    return [SceneExample(seed * SEEDS_PER_RUN + i, split, size) for i in range(n)]


def export_coco(folder: str | Path, split: str, n: int, seed: int = 0, size: int = 128) -> None:
    """Write `images/*.png`, `captions_<split>.json` and `instances_<split>.json` as COCO lays them out.

    Segmentations are COCO's uncompressed run lengths of the visible pixels, boxes are in pixels.
    """
    examples = list(enumerate(load_scenes(split, n, seed, size), 1))
    for _, example in examples:
        with atomic(Path(folder) / "images" / f"{example.name}.png") as part:
            pixels = (example.image().numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)
            Image.fromarray(pixels).save(part)
    common = {
        "info": {"description": f"capxai scenes, split {split}, seed {seed}"},
        "images": [{"id": k, "file_name": f"{e.name}.png", "width": size, "height": size} for k, e in examples],
    }
    said = [{"image_id": k, "caption": " ".join(tokens)} for k, e in examples for tokens in e.captions]
    shown = [{"image_id": k} | _instance(o, size) for k, e in examples for o in e.scene.annotate(size)]
    categories = [{"id": k, "name": name, "supercategory": name} for k, name in enumerate(CATEGORIES, 1)]
    for name, rows, more in (("captions", said, {}), ("instances", shown, {"categories": categories})):
        content = common | {"annotations": [{"id": k} | row for k, row in enumerate(rows, 1)]} | more
        with atomic(Path(folder) / f"{name}_{split}.json") as part:
            part.write_text(json.dumps(content))


def _instance(o: ObjectAnnotation, size: int) -> dict[str, Any]:
    mask = np.asarray(o.mask)
    return {
        "category_id": CATEGORIES.index(o.category) + 1, "bbox": [round(v * size, 3) for v in o.box],
        "area": int(mask.sum()), "iscrowd": 0, "segmentation": {"size": [size, size], "counts": run_lengths(mask)},
    }  # fmt: skip


def run_lengths(mask: np.ndarray) -> list[int]:
    """COCO's uncompressed run lengths of a boolean (H, W) mask: columns first, starting with the zeros."""
    flat = np.concatenate([[False], mask.ravel(order="F")])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return [int(v) for v in np.diff(np.concatenate([[0], changes, [mask.size]]))]

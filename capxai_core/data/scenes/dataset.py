"""Scenes as a data set: lazily drawn examples, and the same in COCO's own annotation format."""

import json
import os
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
    folder = Path(folder)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    spoken: list[dict[str, Any]] = []
    instances: list[dict[str, Any]] = []
    for number, example in enumerate(load_scenes(split, n, seed, size), 1):
        file = f"{example.name}.png"
        pixels = (example.image().numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)
        part = folder / "images" / (file + ".part")
        Image.fromarray(pixels).save(part, format="PNG")
        os.replace(part, folder / "images" / file)
        images.append({"id": number, "file_name": file, "width": size, "height": size})
        for tokens in example.captions:
            spoken.append({"id": len(spoken) + 1, "image_id": number, "caption": " ".join(tokens)})
        for o in example.scene.annotate(size):
            assert o.mask is not None
            instances.append({
                "id": len(instances) + 1, "image_id": number, "category_id": CATEGORIES.index(o.category) + 1,
                "bbox": [round(v * size, 3) for v in o.box], "area": int(o.mask.sum()), "iscrowd": 0,
                "segmentation": {"size": [size, size], "counts": run_lengths(o.mask)},
            })  # fmt: skip
    categories = [{"id": k, "name": name, "supercategory": name} for k, name in enumerate(CATEGORIES, 1)]
    info = {"description": f"capxai scenes, split {split}, seed {seed}"}
    _write(folder / f"captions_{split}.json", {"info": info, "images": images, "annotations": spoken})
    _write(folder / f"instances_{split}.json",
           {"info": info, "images": images, "annotations": instances, "categories": categories})  # fmt: skip


def run_lengths(mask: np.ndarray) -> list[int]:
    """COCO's uncompressed run lengths of a boolean (H, W) mask: columns first, starting with the zeros."""
    flat = np.concatenate([[False], mask.ravel(order="F")])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return [int(v) for v in np.diff(np.concatenate([[0], changes, [mask.size]]))]


def _write(path: Path, content: dict[str, Any]) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content))
    os.replace(part, path)

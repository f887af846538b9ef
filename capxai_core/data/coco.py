"""Data sets in the official COCO layout: `captions_*.json`, `instances_*.json` and a folder of images.

Two kinds of annotations become no objects: crowd regions (`iscrowd`), each of which outlines many instances at once, so
that its box says where no single one is; and boxes without extent, of which instances_train2017 has two.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt
from pydantic.dataclasses import dataclass

from capxai_core.data.annotations import STRICT, FileName, Records, read, unique, wrong
from capxai_core.data.examples import FileExample, ObjectAnnotation, tokenize
from capxai_core.data.images import MAX_PIXELS
from capxai_core.data.segmentation import Segmentation, beyond, draw, misfit
from capxai_core.data.synonyms import words_of
from capxai_core.errors import DataError


@dataclass(config=STRICT, slots=True)
class Picture:
    """One of `images`."""

    id: int
    file_name: FileName
    width: PositiveInt
    height: PositiveInt


@dataclass(config=STRICT, slots=True)
class Sentence:
    """One of the `annotations` of a captions file."""

    id: int
    image_id: int
    caption: str


@dataclass(config=STRICT, slots=True)
class Instance:
    """One of the `annotations` of an instances file."""

    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, NonNegativeFloat, NonNegativeFloat]
    segmentation: Segmentation
    iscrowd: Literal[0, 1]


@dataclass(config=STRICT, slots=True)
class Category:
    """One of `categories`."""

    id: int
    name: str


@dataclass(config=STRICT, slots=True)
class Captions:
    """A captions file."""

    images: Annotated[Records[Picture], Field(min_length=1)]
    annotations: Records[Sentence]


@dataclass(config=STRICT, slots=True)
class Instances:
    """An instances file."""

    images: Records[Picture]
    annotations: Records[Instance]
    categories: Records[Category]


def load_coco(captions: str | Path, instances: str | Path | None, images: str | Path, split: str) -> list[FileExample]:
    """Read a captions file and, for objects with boxes and masks, the instances file of the same images.

    The pictures belong in the folder `images`, which must be there; `Profile` tells which are missing. A blank caption
    is skipped; an image without any other is an error. Masks are drawn when asked for, in the size that the annotations
    state. Raises `DataError` naming file, field and index.
    """
    captions, folder = Path(captions), Path(images)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of images")
    content = read(captions, Captions)
    unique(captions, "images", "file_name", content.images)
    unique(captions, "annotations", "id", content.annotations)
    told: dict[int, list[tuple[str, ...]]] = {n: [] for n in unique(captions, "images", "id", content.images)}
    for k, sentence in enumerate(content.annotations):
        if sentence.image_id not in told:
            raise wrong(captions, ("annotations", k, "image_id"), f"there is no such id: {sentence.image_id}")
        if words := tokenize(sentence.caption):
            told[sentence.image_id].append(words)
    for i, picture in enumerate(content.images):
        if not told[picture.id]:
            raise wrong(captions, ("images", i), f"image {picture.id} has no caption with a word")
    objects = _objects(Path(instances), captions, content.images) if instances else {}
    return [
        FileExample(p.file_name, split, tuple(told[p.id]), folder / p.file_name, tuple(objects.get(p.id, ())))
        for p in content.images
    ]


def split_training(names: Sequence[str]) -> dict[str, str]:
    """Each image of train2017 with its split by section IV-A: 5,000 `val`, 110,000 `train`; the other 3,287 are `rest`.

    Which ones the paper does not say: here they stand in the order of the SHA-256 of their names. Of fewer images, as
    many in proportion.
    """
    order = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    val, train = (round(len(order) * share / 118_287) for share in (5_000, 115_000))
    return {name: "val" if i < val else "train" if i < train else "rest" for i, name in enumerate(order)}


def _objects(path: Path, captions: Path, pictures: list[Picture]) -> dict[int, list[ObjectAnnotation]]:
    content = read(path, Instances)
    own = unique(path, "images", "id", content.images)
    categories = unique(path, "categories", "id", content.categories)
    unique(path, "annotations", "id", content.annotations)
    for i, picture in enumerate(content.images):
        if picture.width * picture.height > MAX_PIXELS:
            raise wrong(path, ("images", i, "width"), f"a picture has at most {MAX_PIXELS} pixels")
    for i, picture in enumerate(pictures):
        if own.get(picture.id) != picture:
            raise wrong(path, ("images",), f"must describe image {picture.id} as {captions}: images[{i}] does")
    words = {number: words_of(category.name) for number, category in categories.items()}
    objects: dict[int, list[ObjectAnnotation]] = {number: [] for number in own}
    for k, instance in enumerate(content.annotations):
        for key, known in (("image_id", own), ("category_id", categories)):
            if getattr(instance, key) not in known:
                raise wrong(path, ("annotations", k, key), f"there is no such id: {getattr(instance, key)}")
        width, height = own[instance.image_id].width, own[instance.image_id].height
        x, y, w, h = instance.bbox
        if reason := beyond(x, y, x + w, y + h, width, height):
            raise wrong(path, ("annotations", k, "bbox"), reason)
        if reason := misfit(instance.segmentation, width, height):
            raise wrong(path, ("annotations", k, "segmentation"), reason)
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        if not instance.iscrowd and left < right and top < bottom:
            box = (left / width, top / height, (right - left) / width, (bottom - top) / height)
            mask = partial(draw, instance.segmentation, width, height)
            number = instance.category_id
            objects[instance.image_id].append(ObjectAnnotation(categories[number].name, words[number], box, mask))
    return objects

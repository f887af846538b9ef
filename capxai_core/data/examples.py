"""What every data set is made of: one image with its reference captions and, where known, its objects."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from capxai_core.data.images import load_image

WORD = re.compile(r"\w+")


def tokenize(text: str) -> tuple[str, ...]:
    """Lower-cased runs of word characters, the tokens the paper's captions are made of."""
    return tuple(WORD.findall(text.lower()))


@dataclass(frozen=True)
class ObjectAnnotation:
    """One object of an image.

    `box` is (x, y, width, height) in fractions of the image's width and height; `words` are the caption
    words that may name it (category, synonyms); `segmentation` is its mask, or what draws it when asked to.
    """

    category: str
    words: tuple[str, ...]
    box: tuple[float, float, float, float]
    segmentation: np.ndarray | Callable[[], np.ndarray] | None = None

    @property
    def mask(self) -> np.ndarray | None:
        """Its pixels as a boolean (H, W) array, or None. Drawn anew each time: those of a data set fill gigabytes."""
        return self.segmentation() if callable(self.segmentation) else self.segmentation


class Example(Protocol):
    """One image of a data set, its pixels decoded only when asked for."""

    @property
    def name(self) -> str:
        """Unique within the data set: the file name, or `scene-<split>-<seed>`."""

    @property
    def split(self) -> str:
        """`train`, `val` or `test` (in `scenes` also `counter`, in COCO `rest`)."""

    @property
    def captions(self) -> tuple[tuple[str, ...], ...]:
        """Reference captions as tuples of lower-cased tokens, without `<start>` and `<end>`."""

    @property
    def objects(self) -> tuple[ObjectAnnotation, ...]:
        """Annotated objects; empty where the data set has none."""

    def image(self) -> Tensor:
        """The picture as float32 (3, H, W) in [0, 1]."""

    def display(self) -> Tensor:
        """The same picture for people to look at, perhaps in finer resolution."""

    def supports(self, word: str) -> bool:
        """Whether a caption that uses this object word is right to: the ground truth of section IV-B3."""


@dataclass(frozen=True)
class FileExample:
    """An example whose picture is a file (see `Example` for the fields)."""

    name: str
    split: str
    captions: tuple[tuple[str, ...], ...]
    path: Path
    objects: tuple[ObjectAnnotation, ...] = ()

    def image(self) -> Tensor:
        """Decode the file: float32 (3, H, W) in [0, 1]; `ImageError` where it cannot be."""
        return load_image(self.path)

    def display(self) -> Tensor:
        """The file as it is."""
        return self.image()

    def supports(self, word: str) -> bool:
        """As in the paper: whether any reference caption has the word."""
        return any(word in caption for caption in self.captions)

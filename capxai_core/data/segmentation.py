"""COCO's segmentations, polygons or run lengths: checked when they are read, drawn when asked for."""

import re
from typing import Annotated, Any

import numpy as np
from pycocotools.mask import decode, frPyObjects, merge
from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeInt
from pydantic.dataclasses import dataclass

from capxai_core.data.annotations import STRICT

ROUNDING = 2.0  # pixels by which a box or an outline may reach beyond the picture


def _points(flat: list[float]) -> np.ndarray:
    if len(flat) % 2:
        raise ValueError(f"must be pairs of x and y, not {len(flat)} numbers")
    return np.array(flat).reshape(-1, 2)


def _runs(counts: Any) -> Any:
    """Compressed run lengths spelt out: of cut strings and of runs that are too short pycocotools makes random masks.

    Each number is a group of characters of 5 bits, the lowest first, with a sixth bit where the group goes on; from the
    fourth number on they are differences to the last but one.
    """
    if not isinstance(counts, str):
        return counts
    if not re.fullmatch("([P-o]{0,6}[0-O])*", counts):
        raise ValueError("is no string of compressed run lengths")
    runs: list[int] = []
    for number in re.findall("[P-o]*[0-O]", counts):
        bits = [ord(character) - ord("0") & 31 for character in number]
        value = sum(five << 5 * k for k, five in enumerate(bits)) - (bits[-1] >> 4 << 5 * len(bits))  # signed
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    return runs


@dataclass(config=STRICT, slots=True)
class RunLengths:
    """A mask of `size` (H, W): the lengths of its runs of 0 and 1 by turns, column after column."""

    size: tuple[int, int]
    counts: Annotated[list[NonNegativeInt], BeforeValidator(_runs)]


Polygon = Annotated[list[float], Field(min_length=6), AfterValidator(_points)]  # kept as a compact array (n, 2)
Segmentation = Annotated[list[Polygon], Field(min_length=1)] | RunLengths


def beyond(left: float, top: float, right: float, bottom: float, width: int, height: int) -> str | None:
    """What to say of an extent that reaches beyond its picture by more than rounding."""
    if min(left, top) >= -ROUNDING and right <= width + ROUNDING and bottom <= height + ROUNDING:
        return None
    return f"reaches beyond the picture of {width} x {height} pixels"


def misfit(segmentation: Segmentation, width: int, height: int) -> str | None:
    """Why a segmentation cannot be one of a picture of this size, or None."""
    if isinstance(segmentation, RunLengths):
        fits = segmentation.size == (height, width) and sum(segmentation.counts) == width * height
        return None if fits else f"must have size [{height}, {width}] and counts of {width * height} pixels"
    for points in segmentation:
        (left, top), (right, bottom) = np.min(points, 0), np.max(points, 0)
        if reason := beyond(left, top, right, bottom, width, height):
            return reason
    return None


def draw(segmentation: Segmentation, width: int, height: int) -> np.ndarray:
    """The mask, boolean (H, W)."""
    if isinstance(segmentation, RunLengths):
        encoded = frPyObjects({"size": segmentation.size, "counts": segmentation.counts}, height, width)
    else:
        encoded = merge(frPyObjects([np.ravel(points) for points in segmentation], height, width))
    mask: np.ndarray = decode(encoded).astype(bool)
    return mask

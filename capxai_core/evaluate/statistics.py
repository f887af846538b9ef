"""Means, paired differences and areas under the ROC curve with 95 % intervals: a bootstrap that resamples images.

The rows of one image (its words) hang together, so whole images are drawn with replacement; a draw is a weight, how
often it holds each image (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13: percentiles).
The same seed and the same number of images give the same draws, whatever is measured on them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from capxai_core.errors import RequestError

Strata = ArrayLike | None
Row = dict[str, Any]
CHUNK = 100  # draws at once: bounds the memory


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval.

    value, low, high: None where they cannot be computed, and then `note` says why. n, images: rows and images it rests
    on. p: two-sided, of a difference.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    images: int
    p: float | None = None
    note: str = ""

    def row(self) -> dict[str, Any]:
        """The columns value, low, high, n, images and note of a table."""
        return {name: held for name, held in asdict(self).items() if name != "p"}


def mean_interval(values: ArrayLike, images: ArrayLike, seed: int = 0, draws: int = 2000) -> Interval:
    """The mean over all rows. values: (n,) finite; images: (n,) the name of each row's image, else `RequestError`."""
    (x,), of, k = _rows(images, values)
    if not len(x):
        return _nothing(0, 0)
    sums, counts = np.bincount(of, x, k), np.bincount(of, minlength=k)
    drawn = np.concatenate([(w @ sums) / (w @ counts) for w in _resamples(k, draws, seed)])
    return _interval(float(x.mean()), drawn, len(x), k)


def paired_difference(a: ArrayLike, b: ArrayLike, images: ArrayLike, seed: int = 0, draws: int = 2000) -> Interval:
    """The mean of a - b, row by row (n,); p by flipping the sign of all of an image's differences at random."""
    (x, y), of, k = _rows(images, a, b)
    found = mean_interval(x - y, images, seed, draws)
    if k < 2:
        return found
    sums, rng = np.bincount(of, x - y, k), np.random.default_rng(seed)
    flipped = np.concatenate([abs(rng.choice((-1.0, 1.0), w.shape) @ sums) for w in _resamples(k, draws, seed)])
    rounding = 1e-12 * np.abs(sums).sum()
    p = (1 + int((flipped >= abs(sums.sum()) - rounding).sum())) / (draws + 1)
    return replace(found, p=p)


def auc_interval(
    scores: ArrayLike, labels: ArrayLike, images: ArrayLike, strata: Strata = None, seed: int = 0, draws: int = 2000
) -> Interval:
    """The share of pairs (a row labelled true, one labelled false) in which the true one scores higher; ties half.

    All arrays (n,). strata: only pairs within a stratum count, each pair alike; None pools all rows.
    """
    (x, y), of, k = _rows(images, scores, labels)
    pairs = _Pairs(x, y, strata)
    if pairs.value is None:
        return _nothing(k, len(x), int(y.sum()))
    drawn = np.concatenate([pairs.auc(w[:, of]) for w in _resamples(k, draws, seed)])
    return _interval(pairs.value, drawn, len(x), k)


def auc_difference(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    labels: ArrayLike,
    images: ArrayLike,
    strata: Strata = None,
    seed: int = 0,
    draws: int = 2000,
) -> Interval:
    """AUC of a minus AUC of b on the same rows and the same draws (see `auc_interval`).

    p: twice the smaller share of draws whose difference is not above, or not below, zero.
    """
    (a, b, y), of, k = _rows(images, scores_a, scores_b, labels)
    first, second = _Pairs(a, y, strata), _Pairs(b, y, strata)
    if first.value is None or second.value is None:
        return _nothing(k, len(a), int(y.sum()))
    drawn = np.concatenate([first.auc(w[:, of]) - second.auc(w[:, of]) for w in _resamples(k, draws, seed)])
    valid = drawn[~np.isnan(drawn)]
    p = min(1.0, 2 * (1 + int(min((valid <= 0).sum(), (valid >= 0).sum()))) / (len(valid) + 1))
    return _interval(first.value - second.value, drawn, len(a), k, p)


def measured(asked: Row, values: ArrayLike, images: ArrayLike, seed: int, less: ArrayLike | None = None) -> Row:
    """A row of a table: what was asked, and the mean of the values, less others row by row, with its interval and p."""
    interval = mean_interval(values, images, seed) if less is None else paired_difference(values, less, images, seed)
    return asked | interval.row() | {"p": interval.p}


def nothing(columns: Sequence[str]) -> pd.DataFrame:
    """The table of an empty selection: one row, which says so."""
    return pd.DataFrame([measured(dict.fromkeys(columns, ""), [], [], 0)])


class _Pairs:
    """Counts concordant pairs for any weights of the rows, by cumulative sums over the rows in order of score."""

    def __init__(self, scores: np.ndarray, labels: np.ndarray, strata: Strata) -> None:
        of = np.zeros(len(scores), int) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
        if of.shape != scores.shape or not np.isin(labels, (0, 1)).all():
            raise RequestError("strata: one for each row is needed, and labels that are true or false")
        self.order = np.lexsort((scores, of))
        of, scores, self.positive = of[self.order], scores[self.order], labels[self.order].astype(bool)
        new = np.diff(of, prepend=-1) != 0  # a stratum starts here
        self.stratum = _edges(new, self.positive)
        self.tie = _edges(new | (np.diff(scores, prepend=0) != 0), self.positive)
        value = float(self.auc(np.ones((1, len(scores))))[0])
        self.value = None if np.isnan(value) else value

    def auc(self, weights: np.ndarray) -> np.ndarray:
        """weights: (draws, n) of the rows in their own order → (draws,), NaN where no pair has any weight."""
        w = weights[:, self.order].astype(float)
        below = np.cumsum(np.pad(np.where(self.positive, 0, w), ((0, 0), (1, 0))), axis=1)  # weight of the false rows
        (start, end), (low, high), w = self.stratum, self.tie, w[:, self.positive]
        won = (w * ((below[:, low] + below[:, high]) / 2 - below[:, start])).sum(1)
        pairs = (w * (below[:, end] - below[:, start])).sum(1)
        return np.asarray(np.divide(won, pairs, out=np.full(len(w), np.nan), where=pairs > 0))


def _edges(new: np.ndarray, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First row, and row after the last, of the group that each kept row belongs to; a group starts where `new`."""
    starts = np.append(np.flatnonzero(new), len(new))
    group = np.cumsum(new)[keep] - 1
    return starts[group], starts[group + 1]


def _rows(images: ArrayLike, *columns: ArrayLike) -> tuple[list[np.ndarray], np.ndarray, int]:
    """The columns as numbers, the number of each row's image, and how many images there are."""
    names = np.asarray(images)
    values = [np.asarray(column, float) for column in columns]
    if names.ndim != 1 or any(v.shape != names.shape for v in values):
        raise RequestError(f"one value and one image a row are needed, not {names.shape}, {[v.shape for v in values]}")
    for v in values:
        if not np.isfinite(v).all():
            first = names[~np.isfinite(v)][0]
            raise RequestError(f"image {first}: a value is missing or infinite; leave such rows out and count them")
    found, of = np.unique(names, return_inverse=True)
    return values, of, len(found)


def _resamples(images: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    return (drawn(images, draws, seed)[i : i + CHUNK] for i in range(0, draws, CHUNK))


@lru_cache(maxsize=16)
def drawn(images: int, draws: int, seed: int) -> np.ndarray:
    """(draws, images) how often each image is drawn; kept, since a table asks for the same ones many times."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), draws).astype(np.uint16)


def _interval(value: float, drawn: np.ndarray, n: int, images: int, p: float | None = None) -> Interval:
    if images < 2:
        return Interval(value, None, None, n, images, None, "one image: no interval")
    valid = drawn[~np.isnan(drawn)]
    note = f"{len(drawn) - len(valid)} of {len(drawn)} draws without a pair left out" if len(valid) < len(drawn) else ""
    low, high = (float(q) for q in np.percentile(valid, (2.5, 97.5)))
    return Interval(value, low, high, n, images, p, note)


def _nothing(images: int, n: int, true: int = 0) -> Interval:
    note = f"{true} true and {n - true} false rows make no pair" if n else "nothing selected"
    return Interval(None, None, None, n, images, note=note)

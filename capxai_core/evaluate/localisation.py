"""Where a word's evidence lies: attention correctness, eq. (13), on boxes and masks (section IV-B2, figure 5).

A map is judged on an object by the share of its positive evidence E_p = max(E, 0) / max(E) that falls on the object,
once for each threshold: only what is above it counts. Beside the methods stand simple maps: the uniform one, a Gaussian
in the middle of the picture, and the picture's edges × attention. Every map is judged as it is and with E_p pooled to
the encoder's grid, so that resolution is not mistaken for insight.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, conv2d, interpolate, pad

from capxai_core.data.examples import ObjectAnnotation
from capxai_core.data.images import fit
from capxai_core.evaluate.records import Explained
from capxai_core.evaluate.statistics import mean_interval, measured
from capxai_core.methods.registry import METHODS

THRESHOLDS = tuple(k / 10 for k in range(10))
SCORES = [f"c{k}" for k in range(10)]
ASKED = ["method", "resolution", "sign", "region"]

Key = tuple[str, str, str]  # method, resolution, sign
Regions = dict[str, Tensor]  # region → (R, H, W), how much of each pixel belongs to it
Judged = dict[str, tuple[float, list[float]]]  # region → its share of the picture, the correctness at each threshold


def correctness(evidence: Tensor, regions: Tensor) -> Tensor:
    """Eq. (13) for each threshold and region, (10, R) in [0, 1]; all 0 for a map without positive evidence.

    evidence: (H, W) signed; regions: (R, H, W), how much of each pixel belongs to the region.
    """
    if _empty(evidence):
        return torch.zeros(len(THRESHOLDS), len(regions), dtype=torch.float64)
    positive = evidence.double().clamp(min=0).flatten()
    positive = positive / positive.max()
    kept = positive * (positive > torch.tensor(THRESHOLDS, dtype=torch.float64).unsqueeze(1))
    return kept @ regions.double().flatten(1).T / kept.sum(1, keepdim=True)


def localisation_rows(e: Explained, grid: int) -> list[dict[str, Any]]:
    """How well the maps of a caption's object words fall on what the words name. grid: the side of the encoder's.

    An object word is one that a reference caption has too and that names an annotated object; its first occurrence
    counts. One row for each word, method, resolution (own; pooled: to the grid), sign (+; -: of max(-E, 0), for signed
    methods) and region. Regions of a word that names several objects: the union of their boxes; the best box at each
    threshold; mask, the union of their masks, where all have one. Columns: image, position, word, other (""), method,
    resolution, sign, region, `share` of the picture that the region takes (of best: its largest box), `empty` (no
    evidence of that sign, which scores 0), c0 … c9 at the thresholds 0, .1 … .9.
    """
    return [
        _row(e, p, "", key, region, evidence, share, values)
        for p, key, evidence, judged in _judge(e, grid)
        for region, (share, values) in judged[p].items()
    ]


def discrimination_rows(e: Explained, grid: int) -> list[dict[str, Any]]:
    """Whether maps tell a caption's object words apart: correctness on what a word names minus on what `other` does.

    The columns of `localisation_rows`; c0 … c9 and `share` are differences, 0 on average for maps that are
    the same for every word. Two words that can name the same object are not held against each other.
    """
    named, rows = _object_words(e), []
    for p, key, evidence, judged in _judge(e, grid):
        for q, others in judged.items():
            if any(own is other for own in named[p] for other in named[q]):
                continue
            for region in [name for name in judged[p] if name in others]:
                (share, values), (less, away) = judged[p][region], others[region]
                apart = [a - b for a, b in zip(values, away, strict=True)]
                rows.append(_row(e, p, e.caption.words[q], key, region, evidence, share - less, apart))
    return rows


def localisation_curves(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Figure 5 from recorded rows of either kind: the mean at each threshold, bootstrapped over images.

    Columns: method, resolution, sign, region, threshold, value, low, high, n, images, note, covered (share of the maps
    that were not empty).
    """
    rows = []
    for asked, part in _groups(table):
        for threshold, score in zip(THRESHOLDS, SCORES, strict=True):
            found = mean_interval(part[score], part["image"], seed)
            rows.append({**asked, "threshold": threshold, **found.row(), "covered": _covered(part)})
    return pd.DataFrame(rows)


def localisation_table(
    table: pd.DataFrame, against: Sequence[str] = ("attention", "uniform"), seed: int = 0
) -> pd.DataFrame:
    """The mean over thresholds, and its difference to other methods' positive maps of the same words, in pairs.

    Columns: method, resolution, sign, region, against ("" for the mean itself; `negative`, of signed methods, the map
    of their own negative evidence), value, low, high, p, n, images, note, covered.
    """
    groups = list(_groups(table.assign(mean=table[SCORES].mean(axis=1)) if len(table) else table))
    found = {tuple(asked.values()): part for asked, part in groups}
    rows = []
    for asked, part in groups:
        rows.append(measured(asked | {"against": ""}, part["mean"], part["image"], seed) | {"covered": _covered(part)})
        others = {name: (name, asked["resolution"], "+", asked["region"]) for name in against}
        others |= {"negative": (asked["method"], asked["resolution"], "-", asked["region"])}
        for name, key in others.items():
            if key == tuple(asked.values()) or (name == "negative" and key not in found):
                continue
            other = found.get(key, part[:0])
            pairs = part.merge(other, on=["image", "position", "other"], suffixes=("", "_other"))
            apart = measured(asked | {"against": name}, pairs["mean"], pairs["image"], seed, pairs["mean_other"])
            rows.append(apart | {"covered": _covered(part)})
    return pd.DataFrame(rows)


def _empty(evidence: Tensor) -> bool:
    return bool(evidence.le(0).all())  # a map with NaN is not empty, and its row no number


def _object_words(e: Explained) -> dict[int, list[ObjectAnnotation]]:
    told = {word for caption in e.example.captions for word in caption}
    named = {word: [o for o in e.example.objects if word in o.words] for word in e.caption.words if word in told}
    return {e.caption.words.index(word): objects for word, objects in named.items() if objects}


def _judge(e: Explained, grid: int) -> Iterator[tuple[int, Key, Tensor, dict[int, Judged]]]:
    """Every map of every object word, judged on the objects of each: position, key, map, results by position."""
    named = _object_words(e) if e.explanations else {}
    size = next(iter(e.explanations.values())).image.shape[-1] if named else 0
    fine = {p: _regions(objects, size) for p, objects in named.items()}
    coarse = {p: {name: adaptive_avg_pool2d(r, grid) for name, r in found.items()} for p, found in fine.items()}
    for p in named:
        for key, evidence in _maps(e, p, size, grid):
            at = fine if key[1] == "own" else coarse
            regions = [(q, name, r) for q, found in at.items() for name, r in found.items()]
            scores = correctness(evidence, torch.cat([r for *_, r in regions])).split([len(r) for *_, r in regions], 1)
            judged: dict[int, Judged] = {q: {} for q in named}
            for (q, name, r), score in zip(regions, scores, strict=True):
                judged[q][name] = float(r.mean((1, 2)).max()), score.amax(1).tolist()
            yield p, key, evidence, judged


def _maps(e: Explained, p: int, size: int, grid: int) -> Iterator[tuple[Key, Tensor]]:
    found = {name: x for name, x in e.explanations.items() if p in x.positions}
    own = {name: x.image[x.positions.index(p)].detach().cpu().double() for name, x in found.items()}
    across = torch.linspace(-1, 1, size, dtype=torch.float64)
    bell = torch.exp(-2 * across**2)  # its standard deviation is a quarter of the side
    own |= {"uniform": torch.ones(size, size, dtype=torch.float64), "centre": bell.outer(bell)}
    if "attention" in own:
        own["edges_attention"] = _edges(e.image, size) * own["attention"]
    for name, evidence in own.items():
        x = found.get(name)
        for sign, signed in {"+": evidence, "-": -evidence}.items() if x and x.signed else [("+", evidence)]:
            positive = signed.clamp(min=0)
            yield (name, "own", sign), positive
            yield (name, "pooled", sign), _pooled(positive, grid, METHODS[x.method].pixel_level if x else True)


def _pooled(positive: Tensor, grid: int, pixel_level: bool) -> Tensor:
    """To (grid, grid): the mean of each cell, or nearly what stood there before a map of the grid was upsampled.

    Of the positive evidence, as the eye does: pooled with its sign, what alternates in a cell would vanish, and that is
    no matter of resolution.
    """
    x = positive[None, None]
    return (adaptive_avg_pool2d(x, grid) if pixel_level else interpolate(x, (grid, grid), mode="bilinear"))[0, 0]


def _edges(image: Tensor, size: int) -> Tensor:
    """(size, size): the magnitude of the Sobel gradient of a picture's brightness."""
    grey = pad(fit(image.cpu(), size).double().mean(0)[None, None], (1, 1, 1, 1), mode="replicate")
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64)
    across, down = conv2d(grey, torch.stack([sobel, sobel.T]).unsqueeze(1))[0]
    return torch.hypot(across, down)


def _regions(objects: Sequence[ObjectAnnotation], size: int) -> Regions:
    boxes = torch.stack([_filled(o.box, size) for o in objects])
    found = {"union": boxes.amax(0, keepdim=True), "best": boxes}
    masks = [mask for o in objects if (mask := o.mask) is not None]
    if len(masks) == len(objects):
        found["mask"] = adaptive_avg_pool2d(torch.from_numpy(np.logical_or.reduce(masks)).double()[None], size)
    return found


def _filled(box: tuple[float, float, float, float], size: int) -> Tensor:
    """How much of each pixel of (size, size) a box fills."""
    edges = torch.arange(size + 1, dtype=torch.float64) / size
    x, y, width, height = box
    along, down = (
        ((edges[1:].clamp(max=start + extent) - edges[:-1].clamp(min=start)) * size).clamp(min=0)
        for start, extent in ((x, width), (y, height))
    )
    return down.outer(along)


def _row(
    e: Explained, p: int, other: str, key: Key, region: str, evidence: Tensor, share: float, values: list[float]
) -> dict[str, Any]:
    keys = dict(zip(ASKED, (*key, region), strict=True))
    who = {"image": e.example.name, "position": p, "word": e.caption.words[p], "other": other}
    return {**who, **keys, "share": share, "empty": _empty(evidence)} | dict(zip(SCORES, values, strict=True))


def _groups(table: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """The rows of each method, resolution, sign and region; one group without rows where there are none."""
    if not len(table):
        yield dict.fromkeys(ASKED, ""), pd.DataFrame(columns=["image", "position", "other", "empty", "mean", *SCORES])
        return
    for keys, part in table.groupby(ASKED, sort=False):
        yield dict(zip(ASKED, map(str, keys), strict=True)), part


def _covered(part: pd.DataFrame) -> float | None:
    return float(1 - part["empty"].mean()) if len(part) else None

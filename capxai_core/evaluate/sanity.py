"""Checks the paper leaves out: does an explanation depend on the weights, and do its pixels matter?

Parameter randomisation shuffles the weights layer by layer, from the output down (Adebayo et al. 2018, Sanity checks
for saliency maps): a map that stays as it was explains no model. Deletion and insertion hide or show the cells of the
encoder's grid in order of relevance and follow the word's probability (Petsiuk et al. 2018, RISE); a random order is
the control.
"""

from collections.abc import Collection, Iterator, Sequence
from copy import deepcopy
from itertools import product
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import torch
from torch import nn

from capxai_core.evaluate.causes import correlation, ranks
from capxai_core.evaluate.masking import cells, covered, first_said, look_again, ranked
from capxai_core.evaluate.records import Explained
from capxai_core.evaluate.statistics import measured, nothing
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import explain
from capxai_core.models.captioner import Captioner

DECODER = ("fc", "language_lstm", "attention", "sentinel", "attention_lstm", "lstm", "embedding", "project_g",
           "project_v")  # fmt: skip
CURVES = ["method", "ranking", "curve"]
OTHERS = ("attention", "random")  # orders that the others are compared with, the earlier with the later
ALIKE = ("map", "map_rank", "signed", "words")


def randomisation_rows(model: Captioner, e: Explained, seed: int = 0) -> list[dict[str, Any]]:
    """How much the explanations by a model whose weights are shuffled down to a layer resemble its own.

    The caption stays. Columns: image, position, word, method, depth (layers shuffled), layer (the last of them), and
    the four of `similarity`. The same seed shuffles alike for every image.
    """
    found = []
    for depth, layer, changed in shuffled(model, seed):
        for method, before in e.explanations.items():
            after = explain(changed, e.image, e.caption, before.method)
            for row in compared(e, before, after, model.encoder.grid):
                found.append(row | {"method": method, "depth": depth, "layer": layer})
    return found


def shuffled(model: Captioner, seed: int = 0) -> Iterator[tuple[int, str, Captioner]]:
    """A copy of the model, shuffled in ever more of its `layers`: of how many, the last of them, the (same) copy."""
    changed, generator = deepcopy(model), torch.Generator().manual_seed(seed)
    for depth, (layer, module) in enumerate(layers(changed), 1):
        with torch.no_grad():
            for p in module.parameters():
                p.copy_(p.flatten()[torch.randperm(p.numel(), generator=generator)].view_as(p))
        yield depth, layer, changed


def layers(model: Captioner) -> Iterator[tuple[str, nn.Module]]:
    """The layers with weights, by the names of the weights, from the output to the pixels."""
    yield from ((f"decoder.{name}", getattr(model.decoder, name)) for name in DECODER if hasattr(model.decoder, name))
    for name, layer in reversed(list(model.encoder.features.named_children())):
        if list(layer.parameters()):
            yield f"encoder.features.{name}", layer


def deletion_rows(
    model: Captioner, e: Explained, words: Collection[str], steps: int = 8, seed: int = 0, bfloat16: bool = False
) -> list[dict[str, Any]]:
    """The probability of the first occurrence of each of `words` as more and more cells are hidden, or shown.

    Columns: image, position, word, method (and `random`, an order by chance), ranking (by `score`, or of signed methods
    also by the `absolute` evidence), curve (`deletion` from the whole picture, `insertion` from nothing but its
    mean colour), share of the cells, probability along the same caption. bfloat16: see `look_again`.
    """
    found, grid = [], model.encoder.grid
    for position in first_said(e.caption, words):
        chance = np.random.default_rng([seed, position, crc32(e.example.name.encode())]).permutation(grid**2)
        maps = {(m, "score"): x.image[[x.row(position)]] for m, x in e.explanations.items()}
        maps |= {(m, "absolute"): x.image[[x.row(position)]].abs() for m, x in e.explanations.items() if x.signed}
        orders = {asked: ranked(cells(of, grid)[0], chance) for asked, of in maps.items()}
        orders["random", "score"] = chance
        hidden, cases = [], []
        for asked, order in orders.items():
            for step in range(steps + 1):
                first = covered(order[: round(step / steps * grid**2)], grid)
                hidden += [first, ~first]
                cases += [(*asked, curve, step / steps) for curve in ("deletion", "insertion")]
        after, _ = look_again(model, e, np.array(hidden), "mean", bfloat16=bfloat16)
        where = {"image": e.example.name, "position": position, "word": e.caption.words[position]}
        for case, p in zip(cases, after[:, position].tolist(), strict=True):
            found.append(where | dict(zip([*CURVES, "share", "probability"], (*case, p), strict=True)))
    return found


def randomisation_table(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The mean similarities of `randomisation_rows`: columns method, depth, layer and those of `means`."""
    return means(table, ["method", "depth", "layer"], ALIKE, seed)


def deletion_table(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The area under each method's curve (the mean probability on the way), and less that of other orders.

    Columns: method, ranking, curve, against (empty, or one of `OTHERS`), then those of an interval and p. Low is good
    for deletion, high for insertion.
    """
    if not len(table):
        return nothing([*CURVES, "against"])
    points = table.pivot(index=[*CURVES, "image", "position"], columns="share", values="probability")
    p, width = points.to_numpy(), np.diff(points.columns.to_numpy(dtype=float))
    areas, found = pd.DataFrame({"area": (p[:, 1:] + p[:, :-1]) / 2 @ width}, points.index), []
    others = [name for name in OTHERS if name in areas.index.get_level_values("method")]
    for key, part in areas.groupby(level=CURVES):
        asked, images = dict(zip(CURVES, key, strict=True)), part.index.get_level_values("image").to_numpy()
        found.append(measured(asked | {"against": ""}, part["area"], images, seed))
        for other in others[others.index(asked["method"]) + 1 :] if asked["method"] in others else others:
            less = areas.xs((other, "score", asked["curve"]))["area"]
            found.append(measured(asked | {"against": other}, part["area"], images, seed, less))
    return pd.DataFrame(found)


def similarity(a: Explanation, b: Explanation, grid: int) -> dict[str, list[float | None]]:
    """How alike two explanations of the same T words are: correlations in [-1, 1], 0 where one of the two is constant.

    map, map_rank: of |E| averaged over the grid's cells, and of its ranks; signed: of E likewise; words: of the ranks
    of the preceding tokens' scores, None where there are fewer than two or the method gives none.
    """
    x, y = (cells(of.image.abs(), grid) for of in (a, b))
    words: list[float | None] = [None] * len(a.positions)
    if a.words is not None and b.words is not None:
        for row, position in enumerate(a.positions):
            if position:
                u, v = (of[row : row + 1, : position + 1].numpy() for of in (a.words, b.words))
                words[row] = float(correlation(ranks(u), ranks(v))[0])
    return {
        "map": correlation(x, y).tolist(),
        "map_rank": correlation(ranks(x), ranks(y)).tolist(),
        "signed": correlation(cells(a.image, grid), cells(b.image, grid)).tolist(),
        "words": words,
    }


def compared(e: Explained, before: Explanation, after: Explanation, grid: int) -> list[dict[str, Any]]:
    """A row for each word: image, position, word and the four of `similarity`."""
    alike = similarity(before, after, grid)
    return [
        {"image": e.example.name, "position": p, "word": word} | {name: values[p] for name, values in alike.items()}
        for p, word in enumerate(e.caption.words)
    ]


def means(table: pd.DataFrame, by: list[str], measures: Sequence[str], seed: int) -> pd.DataFrame:
    """Columns: by, measure, then those of an interval and p. Rows without the value are left out and not in n."""
    if not len(table):
        return nothing([*by, "measure"])
    found = []
    for (key, part), measure in product(table.groupby(by, sort=False), measures):
        there = part.dropna(subset=measure)
        asked = dict(zip(by, key, strict=True)) | {"measure": measure}
        found.append(measured(asked, there[measure].astype(float), there["image"], seed))
    return pd.DataFrame(found)

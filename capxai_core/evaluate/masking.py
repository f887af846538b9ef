"""Masking (figure 4): hide what an explanation points at, or all but that, and see what the captioner says then.

The paper shows one picture: its upper part, where the maps of the word *suit* are highlighted, turns white like the
background, then its lower part. Here the cells of the encoder's grid are ranked by a word's map, and a share of them is
hidden: the most relevant, the least (of a signed map: opposed), those with the strongest evidence of either sign, as
many at random, or the most relevant ones' outline shifted to another place (around the edges), which like objects hangs
together. The paper tells no share.
"""

from collections.abc import Collection, Sequence
from itertools import product
from zlib import crc32

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import gaussian_blur

from capxai_core.data.vocabulary import END
from capxai_core.errors import RequestError
from capxai_core.evaluate.records import Explained
from capxai_core.evaluate.statistics import Row, measured, nothing
from capxai_core.models.captioner import Captioner
from capxai_core.models.explainable import Caption, see_all
from capxai_core.models.search import beam_search

REGIONS = ("relevant", "opposed", "strongest", "random", "shifted")


def masking_rows(
    model: Captioner,
    e: Explained,
    words: Collection[str],
    share: float = 0.25,
    fill: str = "white",
    kept: Sequence[bool] = (False, True),
    seed: int = 0,
    bfloat16: bool = False,
) -> list[Row]:
    """What becomes of the first occurrence of each of `words` where a share of the cells is filled.

    kept: whether the region is hidden, or all but the region, or both.
    Columns: image, position, word, probability (along the caption), method, share, fill, region (of REGIONS), kept (all
    but the region is hidden), masked_probability (along the same caption), survives (the word is in the new caption),
    caption (the new one). The random cells are the same for all methods. fill: see `look_again`.
    """
    found, grid = [], model.encoder.grid
    for position in first_said(e.caption, words):
        rng = np.random.default_rng([seed, position, crc32(e.example.name.encode())])
        chance, step = rng.permutation(grid**2), divmod(int(rng.integers(1, grid**2)), grid)
        k, hidden = max(1, round(share * grid**2)), []
        for x in e.explanations.values():
            evidence = x.image[[x.row(position)]]
            order, strong = (ranked(cells(of, grid)[0], chance) for of in (evidence, evidence.abs()))
            best, *others = (covered(some, grid) for some in (order[:k], order[-k:], strong[:k], chance[:k]))
            for mask in (best, *others, np.roll(best, step, axis=(0, 1))):
                hidden += [~mask if alone else mask for alone in kept]
        looked = look_again(model, e, np.array(hidden), fill, beam_size=3, bfloat16=bfloat16)
        word, p = e.caption.words[position], e.caption.log_probs[position].exp().item()
        where = {"image": e.example.name, "position": position, "word": word, "probability": p}
        cases = product(e.explanations, REGIONS, kept)
        for (method, region, alone), after, said in zip(cases, *looked, strict=True):
            what = {"method": method, "share": share, "fill": fill, "region": region, "kept": alone}
            seen = {"masked_probability": float(after[position]), "survives": word in said, "caption": " ".join(said)}
            found.append({**where, **what, **seen})
    return found


def masking_table(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """How often the word survives and how far its probability drops, and how that differs between regions.

    Columns: method, share, fill, kept, measure (survives, drop), region, against (empty, or what is taken off the
    relevant one, word by word: another region, or `attention`'s relevant one), then those of an interval and p.
    """
    by, found = ["method", "share", "fill", "kept"], []
    words = [*by, "image", "position"]
    if not len(table):
        return nothing([*by, "measure", "region", "against"])
    table = table.assign(drop=table["probability"] - table["masked_probability"])
    for measure in ("survives", "drop"):
        wide = table.pivot(index=words, columns="region", values=measure).astype(float)
        if "attention" in wide.index.get_level_values("method"):
            its = wide["relevant"].xs("attention", level="method").rename("attention")
            wide = wide.join(its, on=words[1:])
        for key, part in wide.groupby(level=by):
            images, what = part.index.get_level_values("image").to_numpy(), dict(zip(by, key, strict=True))
            others = [name for name in (*REGIONS[1:], "attention") if name in part and name != what["method"]]
            for region, other in (*((r, None) for r in REGIONS), *(("relevant", other) for other in others)):
                asked = what | {"measure": measure, "region": region, "against": other or ""}
                found.append(measured(asked, part[region], images, seed, None if other is None else part[other]))
    return pd.DataFrame(found)


def first_said(caption: Caption, words: Collection[str]) -> list[int]:
    """Where each of `words` that a caption has comes first, in order."""
    return [p for p, word in enumerate(caption.words) if word in words and word not in caption.words[:p]]


def cells(maps: Tensor, grid: int) -> np.ndarray:
    """Maps (T, H, W) → their means over the cells of the encoder's grid, (T, grid²), row by row."""
    return np.asarray(F.adaptive_avg_pool2d(maps.double(), grid).flatten(1))


def ranked(relevance: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """The cells (L,) from the most to the least relevant; equal ones in the order of `chance`, a permutation."""
    return np.asarray(chance[np.argsort(-relevance[chance], kind="stable")])


def covered(chosen: np.ndarray, grid: int) -> np.ndarray:
    """(grid, grid), true at the chosen cells."""
    return np.isin(np.arange(grid**2), chosen).reshape(grid, grid)


@torch.no_grad()
def look_again(
    model: Captioner, e: Explained, hidden: np.ndarray, fill: str, beam_size: int = 0, bfloat16: bool = False
) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """The words' probabilities (K, T) along the same caption, and K new captions, with cells hidden (K, grid, grid).

    fill: `white`, the picture's own `mean` colour, or the picture in a `blur` as wide as a cell. Without a `beam_size`
    the new captions are empty. Of equal masks one is looked at. bfloat16: see `see_all`.
    """
    x, ids = model.normalise(e.image), e.caption.token_ids
    which, where = np.unique(hidden.reshape(len(hidden), -1), axis=0, return_inverse=True)
    masks = torch.from_numpy(which).reshape(-1, 1, *hidden.shape[1:]).to(x)
    a = see_all(model, torch.where(F.interpolate(masks, x.shape[-2:]) > 0, _paint(model, x, fill), x), bfloat16)
    run = model.unroll(a, model.embed(ids).expand(len(a), -1, -1))
    after = torch.softmax(model.output(run.fused[:, : len(ids)]), dim=-1)[:, range(len(ids)), list(ids)]
    found = beam_search(model.decoder, a, beam_size) if beam_size else [[]] * len(a)
    said = [model.vocabulary.decode(token for token in found[k] if token != END) for k in where.ravel()]
    return after.cpu().numpy()[where.ravel()], said


def _paint(model: Captioner, x: Tensor, fill: str) -> Tensor:
    if fill == "white":
        return model.normalise(torch.ones(3, 8, 8))
    if fill == "mean":
        return x.mean((2, 3), keepdim=True)
    if fill == "blur":
        side = model.size // model.encoder.grid
        return torch.as_tensor(gaussian_blur(x, 4 * side + 1, float(side)))
    raise RequestError(f"unknown fill {fill!r}: choose white, mean or blur")

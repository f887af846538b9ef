"""Word ablation (table IV): delete the preceding words that a method ranks highest; how far does the word drop?

Every choice of words to delete is tried, in one batch: a method's drop is that of the words it chooses, and the mean
over all choices is what deleting at random drops, exactly. `<start>` is never deleted.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import torch

from capxai_core.data.vocabulary import START
from capxai_core.evaluate.records import Explained
from capxai_core.evaluate.statistics import measured
from capxai_core.models.captioner import Captioner

DELETED = {"is": 1, "are": 2}  # how many words are deleted before each, table IV
BASELINES = ("nearest", "random")


def ablation_rows(model: Captioner, e: Explained, deleted: Mapping[str, int] = DELETED) -> list[dict[str, Any]]:
    """The drop at every occurrence of the words that `deleted` names, by method and ranking.

    Columns: image, position, word, method (with `nearest`, the last words, and `random`, the expectation), ranking (by
    `score`, as the paper does for LRP, or by its `absolute` value, as for Grad*), deleted (the words), probability
    (before), drop. Of equal words the nearer goes first. A word with too few predecessors has one row: method is
    empty, drop None.
    """
    found: list[dict[str, Any]] = []
    caption = e.caption
    for position, word in enumerate(caption.words):
        if word not in deleted:
            continue
        p, k = caption.log_probs[position].exp().item(), deleted[word]
        common = {"image": e.example.name, "position": position, "word": word, "probability": p}
        if position < k:
            found.append(common | {"method": "", "ranking": "", "deleted": "", "drop": None})
            continue
        drops = {choice: p - after for choice, after in without(model, e, position, k).items()}
        chosen = {("nearest", "score"): tuple(range(position - k, position))}
        for method, x in e.explanations.items():
            if x.words is None:
                continue
            score = x.words[x.row(position), 1 : position + 1].double().numpy()
            chosen[method, "score"] = highest(score, k)
            chosen[method, "absolute"] = highest(np.abs(score), k)
        for (method, ranking), choice in chosen.items():
            gone = " ".join(caption.words[i] for i in choice)
            found.append(common | {"method": method, "ranking": ranking, "deleted": gone, "drop": drops[choice]})
        expected = float(np.mean(list(drops.values())))
        found.append(common | {"method": "random", "ranking": "score", "deleted": "", "drop": expected})
    return found


def ablation_table(table: pd.DataFrame, words: Mapping[str, int] = DELETED, seed: int = 0) -> pd.DataFrame:
    """Table IV with intervals: the mean drop, and what it has over deleting at random or the nearest words.

    Columns: word, left_out (occurrences with too few predecessors), method, ranking, against (empty, or the baseline
    that is taken off), sd (over the rows; what the paper seems to print after ±), then those of an interval and p.
    """
    found: list[dict[str, Any]] = []
    for word in words:
        rows = table[table["word"] == word] if len(table) else pd.DataFrame(columns=["drop"])
        kept = rows.dropna(subset="drop")
        asked: dict[str, Any] = {"word": word, "left_out": len(rows) - len(kept)}
        asked |= {"method": "", "ranking": "", "against": "", "sd": None}
        if not len(kept):
            found.append(measured(asked, [], [], seed))
            continue
        wide = kept.pivot(index=["image", "position"], columns=["method", "ranking"], values="drop").astype(float)
        images = wide.index.get_level_values("image").to_numpy()
        for method, ranking in kept[["method", "ranking"]].drop_duplicates().itertuples(index=False, name=None):
            drop = wide[method, ranking]
            asked |= {"method": method, "ranking": ranking}
            found.append(measured(asked | {"sd": float(drop.std(ddof=0))}, drop, images, seed))
            for baseline in () if method in BASELINES else BASELINES:
                less = wide[baseline, "score"]
                off = {"against": baseline, "sd": float((drop - less).std(ddof=0))}
                found.append(measured(asked | off, drop, images, seed, less))
    return pd.DataFrame(found)


def deleted_words(table: pd.DataFrame, most: int = 10) -> pd.DataFrame:
    """Which words the methods chose: the `most` frequent choices of each, before each word.

    Columns: word, method, ranking, deleted (the words), times, n (choices in all), drop (their mean).
    """
    by = ["word", "method", "ranking"]
    if not len(table):
        return pd.DataFrame(columns=[*by, "deleted", "times", "n", "drop"])
    chosen = table[table["deleted"] != ""].astype({"drop": float})
    found = chosen.groupby([*by, "deleted"])["drop"].agg(times="size", drop="mean").reset_index()
    found.insert(5, "n", found.groupby(by)["times"].transform("sum"))
    found = found.sort_values("times", ascending=False, kind="stable").groupby(by).head(most)
    return found.sort_values(by, kind="stable", ignore_index=True)


def highest(score: np.ndarray, k: int) -> tuple[int, ...]:
    """The indices of the k highest scores in order of index; of equal ones the later."""
    nearest_first = np.argsort(-score[::-1], kind="stable")[:k]
    return tuple(sorted(len(score) - 1 - int(i) for i in nearest_first))


@torch.no_grad()
def without(model: Captioner, e: Explained, position: int, k: int) -> dict[tuple[int, ...], float]:
    """The probability of the word at `position` after the words before it less each choice of k of them."""
    ids = e.caption.token_ids
    choices = list(combinations(range(position), k))
    kept = [[START, *(ids[i] for i in range(position) if i not in choice)] for choice in choices]
    a = model.see(e.image)
    run = model.unroll(a.expand(len(kept), -1, -1, -1), model.embedding(torch.tensor(kept, device=a.device)))
    after = torch.softmax(model.output(run.fused[:, -1]), dim=-1)[:, ids[position]]
    return dict(zip(choices, after.tolist(), strict=True))

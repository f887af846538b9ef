"""True causes: what changes a word's score, found out by changing it (drawn scenes only).

A scene is drawn again with each of its objects removed, moved or recoloured; the prefix is read again with each word
deleted or made `<unk>`. How much that takes off the word's logit, along the same caption, is the truth that a method's
relevance inside the object, or its score of the preceding word, is ranked against: what should cause a word is not
what does, in a biased captioner. (Occlusion's word scores *are* the truth of `unknown`.)
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata

from capxai_core.data.scenes import Scene, SceneExample
from capxai_core.data.scenes.world import PEOPLE
from capxai_core.data.vocabulary import UNK
from capxai_core.errors import RequestError
from capxai_core.evaluate.records import Explained
from capxai_core.evaluate.statistics import measured, nothing
from capxai_core.evaluate.support import object_words
from capxai_core.models.captioner import Captioner
from capxai_core.models.explainable import Unrolled, see_all, word_scores

OBJECT_EDITS, WORD_EDITS = ("removed", "moved", "recoloured"), ("deleted", "unknown")
STEP = 0.25  # of the picture's width
NAMES = object_words("scenes")
ASKED = ["edit", "names", "sign", "score", "method"]

Scores = dict[tuple[str, str], np.ndarray]  # method and kind of score → (T, causes)


def causes_rows(model: Captioner, e: Explained, edits: Collection[str] = OBJECT_EDITS) -> list[dict[str, Any]]:
    """How well each method's scores rank the true causes of each word of a caption. edits: of the objects.

    Columns: image, position, word, names (the word names an object that is `seen`, one `unseen`, or `other`), edit,
    method, score (an object's `sum` or `mean` of relevance; a word's `score`), sign (`signed`, or `absolute` scores
    against absolute changes), causes (how many are ranked), spearman, top1 (whether the greatest is the true one,
    1/n where n tie). The baselines: `uniform`, to which objects differ in area alone, and `nearest` among words.
    Words with fewer than two possible causes have no rows.
    """
    found: list[dict[str, Any]] = []
    truths = (*_objects(model, e, edits), *_words(model, e)) if e.caption.words else ()
    for edit, scores, change in truths:
        for position, word in enumerate(e.caption.words):
            n = position if edit in WORD_EDITS else change.shape[1]
            if n < 2:
                continue
            names = "other" if word not in NAMES else "seen" if e.example.supports(word) else "unseen"
            where = {"image": e.example.name, "position": position, "word": word, "names": names, "edit": edit}
            given, truth = np.stack([of[position, :n] for of in scores.values()]), change[position, :n]
            both = {"signed": (given, truth), "absolute": (np.abs(given), np.abs(truth))}
            for sign, pair in both.items():
                ranks = map(np.ndarray.tolist, agreement(*pair))
                for (method, score), spearman, top in zip(scores, *ranks, strict=True):
                    what = {"method": method, "score": score, "sign": sign, "causes": n}
                    found.append({**where, **what, "spearman": spearman, "top1": top})
    return found


def causes_table(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The mean agreement by edit, what the word names (and of all words), sign, score and method.

    Columns: those, measure (spearman, top1), against (empty, or `uniform`, taken off word by word), then those of an
    interval and p.
    """
    if not len(table):
        return nothing([*ASKED, "measure", "against"])
    table = pd.concat([table.assign(names="all"), table])
    found = []
    for measure in ("spearman", "top1"):
        wide = table.pivot(index=[*ASKED[:4], "image", "position"], columns="method", values=measure)
        for key, part in wide.groupby(level=ASKED[:4]):
            images = part.index.get_level_values("image").to_numpy()
            for method in part.columns[part.notna().any()]:
                asked = dict(zip(ASKED, (*key, method), strict=True)) | {"measure": measure}
                found.append(measured(asked | {"against": ""}, part[method], images, seed))
                found.append(measured(asked | {"against": "uniform"}, part[method], images, seed, part["uniform"]))
    return pd.DataFrame(found)


def agreement(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How M scores of n causes (M, n) agree with the truth (n,): rank correlation, and whether the first is the first.

    Of scores, or causes, that tie for the first place each may be it.
    """
    first = scores == scores.max(1, keepdims=True)
    best = truth == truth.max()
    top = (first & best).sum(1) / (first.sum(1) * best.sum())
    return correlation(ranks(scores), ranks(truth[None])), top


def ranks(x: np.ndarray) -> np.ndarray:
    """Ranks along each row of (M, n), ties sharing theirs."""
    return np.asarray(rankdata(x, axis=1))


def correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson's, row by row, of (M, n) and (M, n) or (1, n) → (M,); 0 where one of the two is constant."""
    varies = (np.ptp(x, 1) > 0) & (np.ptp(y, 1) > 0)  # of a constant, its mean taken off leaves rounding
    x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    norm = np.sqrt((x**2).sum(1) * (y**2).sum(1))
    return np.asarray(np.divide((x * y).sum(1), norm, out=np.zeros(len(x)), where=varies & (norm > 0)))


def edited(scene: Scene, i: int, edit: str) -> Scene | None:
    """The scene with one thing done to object `i` of `objects`, None where it cannot be done to such an object.

    Moved: sideways by `STEP`, towards the middle; not clothes, which would take their wearer along. Recoloured: blue,
    or red where it is blue; not people.
    """
    (key, worn), box = scene.seen[i], scene.objects[i].box
    thing = scene.thing(key)
    if edit == "removed":
        return scene.without(i)
    if edit == "moved":
        return None if worn else scene.moved(i, STEP if box[0] + box[2] / 2 < 0.5 else -STEP, 0)
    if edit == "recoloured":
        colour = next((garment.colour for garment in thing.wears if garment.kind == worn), thing.colour)
        return None if thing.kind in PEOPLE and not worn else scene.recoloured(i, "red" if colour == "blue" else "blue")
    raise RequestError(f"unknown edit {edit!r}: choose some of {', '.join(OBJECT_EDITS)}")


@torch.no_grad()
def _objects(model: Captioner, e: Explained, edits: Collection[str]) -> Iterator[tuple[str, Scores, np.ndarray]]:
    """For each edit: scores of the objects it can be done to, and what it takes off the words' logits, (T, causes)."""
    if not isinstance(e.example, SceneExample):
        raise RequestError(f"{e.example.name}: only drawn scenes can be drawn again with one thing changed")
    scene, ids = e.example.scene, e.caption.token_ids
    masks = [np.asarray(o.mask, dtype=float) for o in scene.annotate(model.size)]
    for edit in edits:
        changed = {i: new for i in range(len(masks)) if (new := edited(scene, i, edit)) is not None}
        if not changed:
            continue
        x = torch.cat([model.normalise(s.render(model.size)) for s in (scene, *changed.values())])
        run = model.unroll(see_all(model, x), model.embed(ids).expand(len(x), -1, -1))
        logits = word_scores(model, run, ids, range(len(ids))).double().cpu().numpy().T
        parts = np.array([with_clothes(scene, i, masks) for i in changed])
        area = parts.sum((1, 2))
        maps = {"uniform": np.ones((len(ids), model.size, model.size))}
        maps |= {method: explanation.image.double().numpy() for method, explanation in e.explanations.items()}
        sums = {method: np.einsum("thw,nhw->tn", of, parts, optimize=True) for method, of in maps.items()}
        scores = {(method, "sum"): of for method, of in sums.items()}
        yield edit, scores | {(method, "mean"): of / area for method, of in sums.items()}, logits[:, :1] - logits[:, 1:]


def with_clothes(scene: Scene, i: int, masks: Sequence[np.ndarray]) -> np.ndarray:
    """A person's pixels with those of the clothes, which share the person's fate; of anything else its own."""
    key, worn = scene.seen[i]
    gone = [mask for mask, (of, _) in zip(masks, scene.seen, strict=True) if of == key and not worn]
    return np.asarray(np.sum(gone or [masks[i]], axis=0))


@torch.no_grad()
def _words(model: Captioner, e: Explained) -> Iterator[tuple[str, Scores, np.ndarray]]:
    """For each edit of the prefix: scores of the words (T, T - 1), and what it takes off each word's logit, (T, T)."""
    a, ids, n = model.see(e.image), e.caption.token_ids, len(e.caption.words)
    scores = {(m, "score"): x.words[:, 1:].double().numpy() for m, x in e.explanations.items() if x.words is not None}
    scores |= {("uniform", "score"): np.zeros((n, n)), ("nearest", "score"): np.tile(np.arange(1.0, n + 1), (n, 1))}
    embedded, each = model.embed(ids), torch.arange(n)
    logits = word_scores(model, model.unroll(a, embedded), ids, range(n))
    unknown = embedded.repeat(n, 1, 1)
    unknown[each, each + 1] = model.embedding.weight[UNK]
    shorter = embedded[0, torch.tensor([[k for k in range(n + 1) if k != j + 1] for j in range(n)])]
    for edit, prefixes in (("deleted", shorter), ("unknown", unknown)):
        fused = model.unroll(a.expand(n, -1, -1, -1), prefixes).fused
        if edit == "deleted":  # every later word comes one step earlier
            fused = torch.cat([fused[:, :1], fused], dim=1)
        yield edit, scores, (logits - word_scores(model, Unrolled(fused), ids, range(n))).T.double().cpu().numpy()

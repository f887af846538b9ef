"""Does LRP inference help? Table III: captions and clothing words of models tuned in several ways, seed by seed.

TP is the share of the clothing words said that are right, in per cent. A model that says fewer of them may gain by
that alone, so their number and the share of the clothes there that are named (recall) stand beside it, and so does the
biased word, which the subset's references lack. CHAIR counts made-up objects of all kinds (Rohrbach et al. 2018, Object
hallucination in image captioning): i, of the object words said; s, of the captions.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from capxai_core.data.examples import Example
from capxai_core.data.scenes import CLOTHING_WORDS, SceneExample
from capxai_core.data.synonyms import COCO, words_of
from capxai_core.errors import RequestError
from capxai_core.evaluate.captions import image_scores
from capxai_core.evaluate.statistics import drawn

BIASED = "shirt"
DEFAULT = 0.03  # mean |m - 1| of the arms called lrp and frequency
MAIN = ("pretrained", "original", "frequency", "lrp")
# Section IV-B4: the other clothes.
CLOTHES = frozenset(("kilt", "jacket", "uniform", "coat", "dress", "suit", "jersey", "outfit", "polka", "bikini",
                     "swimsuit", "plaid", "bib", "skirt"))  # fmt: skip
# What is measured: (sum of this) / (sum of that), times that much; None: of all rows.
MEASURES: Mapping[str, tuple[str, str | None, float]] = {
    "TP": ("right", "said", 100),
    "clothes said": ("said", None, 1),
    "recall": ("found", "there", 100),
    "biased word said": ("biased", None, 100),
    "biased word made up": ("biased_wrong", None, 100),
    "CHAIR i": ("made_up", "objects", 100),
    "CHAIR i of other words": ("others_made_up", "others", 100),
    "CHAIR s": ("hallucinates", None, 100),
    "METEOR": ("METEOR", None, 1),
    "ROUGE-L": ("ROUGE-L", None, 1),
    "CIDEr-D": ("CIDEr-D", None, 1),
    "words": ("words", None, 1),
}

# Table III, of Flickr30k and adaptive attention.
PRINTED: Mapping[str, Mapping[str, float]] = {
    "original": {"TP": 47.19, "ROUGE-L": 0.4978, "METEOR": 0.2129},
    "frequency": {"TP": 50.46, "ROUGE-L": 0.4869, "METEOR": 0.2114},
    "lrp": {"TP": 49.12, "ROUGE-L": 0.5, "METEOR": 0.2138},
}


def clothing_words(profile: str) -> frozenset[str]:
    """The clothing words judged, the biased one apart: of the drawn scenes, or the paper's."""
    return CLOTHES if profile != "scenes" else CLOTHING_WORDS - {BIASED}


def clothing_subset(examples: Sequence[Example], clothes: Collection[str]) -> list[Example]:
    """The examples whose references lack the biased word but have another clothing word."""
    told = [(example, set(chain(*example.captions))) for example in examples]
    return [example for example, words in told if BIASED not in words and words & set(clothes)]


def is_there(example: Example, word: str) -> bool:
    """Whether what an object word names is in a picture: by what shows in a drawn scene, else by references and boxes.

    Of photographs, all words of a category of COCO's stand for each other, as in CHAIR: who says *puppy* is right where
    a reference has *dog*.
    """
    if isinstance(example, SceneExample):
        return example.supports(word)
    same = {word, *chain(*(words for category in COCO if word in (words := words_of(category))))}
    return any(map(example.supports, same)) or any(word in o.words for o in example.objects)


def tuning_rows(
    examples: Sequence[Example],
    captions: Sequence[Sequence[str]],
    clothes: Collection[str],
    objects: Collection[str] = (),
) -> list[dict[str, Any]]:
    """One row an image: the caption's scores, and its clothing words: said, right, there (in references), found.

    Also how many of `objects` it says (objects), how many of those are not there (made_up), and whether any; and the
    first two without the biased word (others, others_made_up).
    """
    scores = image_scores([e.captions for e in examples], captions)
    rows = []
    for i, (example, caption) in enumerate(zip(examples, captions, strict=True)):
        said, there = set(caption) & set(clothes), set(chain(*example.captions)) & set(clothes)
        row = {"image": example.name, "caption": " ".join(caption), "words": len(caption)}
        row |= {"said": len(said), "right": sum(map(example.supports, said))}
        row |= {"there": len(there), "found": len(there & said), "biased": BIASED in caption}
        row |= {"biased_wrong": BIASED in caption and not example.supports(BIASED)}
        named = set(caption) & set(objects)
        wrong = {word for word in named if not is_there(example, word)}
        row |= {"objects": len(named), "made_up": len(wrong), "hallucinates": bool(wrong)}
        row |= {"others": len(named - {BIASED}), "others_made_up": len(wrong - {BIASED})}
        rows.append(row | {name: float(values[i]) for name, values in scores.items()})
    return rows


def changed_captions(
    examples: Sequence[Example], before: Sequence[Sequence[str]], after: Sequence[Sequence[str]], words: Collection[str]
) -> pd.DataFrame:
    """The captions that differ in one of `words`. Columns: picture (its number), before, after, and
    made up before, made up after: those of `words` that are said and not there.
    """
    rows = []
    for k, (example, *said) in enumerate(zip(examples, before, after, strict=True)):
        named = [set(caption) & set(words) for caption in said]
        if named[0] != named[1]:
            wrong = [", ".join(sorted(w for w in of if not is_there(example, w))) for of in named]
            rows.append([k, *map(" ".join, said), *wrong])
    return pd.DataFrame(rows, columns=["picture", "before", "after", "made up before", "made up after"])


def tuning_table(rows: pd.DataFrame, seed: int = 0, draws: int = 2000) -> pd.DataFrame:
    """Table III with intervals: each measure of each arm, and how it differs from the others of `MAIN`.

    rows: those of `tuning_rows` on the same images, with the columns arm and seed. Bootstrap over images and seeds at
    once, the same draws for all arms, so that differences are paired; over a few seeds that differ much, intervals are
    too narrow. `RequestError` where images differ. Columns: measure, arm, against, value, low, high, n, images, seeds,
    note.
    """
    if len({frozenset(of["image"]) for _, of in rows.groupby(["arm", "seed"])}) > 1:
        raise RequestError("every arm and seed must be judged on the same images")
    found = []
    arms = list(dict.fromkeys(rows["arm"]))
    others = ["", *(arm for arm in MAIN if arm in arms)]
    for measure, (over, under, times) in MEASURES.items():
        if over not in rows:
            continue
        samples = {arm: _draws(rows[rows["arm"] == arm], over, under, times, seed, draws) for arm in arms}
        for arm, other in ((arm, other) for arm in arms for other in others if arm != other):
            part, (value, sample) = rows[rows["arm"] == arm], samples[arm]
            if other:
                value, sample = value - samples[other][0], sample - samples[other][1]
            valid = sample[np.isfinite(sample)]
            ends: list[float | None] = np.percentile(valid, (2.5, 97.5)).tolist() if len(valid) else [None, None]
            row: dict[str, Any] = {"measure": measure, "arm": arm, "against": other}
            row |= {"value": value if np.isfinite(value) else None, "low": ends[0], "high": ends[1]}
            row |= {"n": int(part[under].sum()) if under else len(part), "images": part["image"].nunique()}
            found.append(row | {"seeds": part["seed"].nunique(), "note": "" if np.isfinite(value) else "nothing said"})
    return pd.DataFrame(found)


def with_printed(table: pd.DataFrame) -> pd.DataFrame:
    """`tuning_table` with a column `printed`: what table III of the paper says of the arm, or of two by subtraction."""
    of = pd.DataFrame({**PRINTED, "": dict.fromkeys(PRINTED["lrp"], 0.0)}).stack()
    ours, less = (of.reindex(pd.MultiIndex.from_frame(table[["measure", arm]])) for arm in ("arm", "against"))
    return table.assign(printed=ours.to_numpy() - less.to_numpy())


def by_strength(table: pd.DataFrame) -> pd.DataFrame:
    """The values of `tuning_table` of the arms that have a λ, with columns weights (lrp, frequency) and strength.

    One more ordinary epoch is λ = 0 of both; the arms named after the weights alone have the default.
    """
    values = table[table["against"] == ""]
    found = []
    for weights, name in (("lrp", "share"), ("frequency", "frequency")):
        told = values["arm"].str.extract(rf"^{name}, λ = (.*)$")[0].astype(float)
        strength = told.fillna(values["arm"].map({"original": 0.0, weights: DEFAULT}))
        found.append(values.assign(weights=weights, strength=strength).dropna(subset="strength"))
    return pd.concat(found, ignore_index=True)


def by_epoch(table: pd.DataFrame) -> pd.DataFrame:
    """The values of `tuning_table` of the arms that were tuned for several epochs, with columns weights and epoch."""
    values = table[table["against"] == ""]
    told = values["arm"].str.extract(r"^(?P<weights>original|lrp)(?:, epoch (?P<epoch>\d+))?$").fillna({"epoch": "1"})
    return values.assign(weights=told["weights"], epoch=told["epoch"].astype(int)).dropna(subset="weights")


def _draws(
    part: pd.DataFrame, over: str, under: str | None, times: float, seed: int, draws: int
) -> tuple[float, np.ndarray]:
    """The measure, and its values (draws,) when images and seeds are drawn with replacement."""
    wide = part.pivot(index="image", columns="seed", values=over).sort_index().to_numpy(float)
    base = part.pivot(index="image", columns="seed", values=under).sort_index().to_numpy(float) if under else None
    base = np.ones_like(wide) if base is None else base
    images, seeds = wide.shape
    w = drawn(images, draws, seed).astype(float)
    u = np.random.default_rng([seed, 1]).multinomial(seeds, np.full(seeds, 1 / seeds), draws).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = times * float(np.divide(wide.sum(), base.sum()))
        return value, times * ((w @ wide) * u).sum(1) / ((w @ base) * u).sum(1)

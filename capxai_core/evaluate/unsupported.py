"""Do explanations tell the words that the picture supports from those it does not? Section IV-B3: figure 7, table II.

The positive class is *supported*, and every score is turned so that more of it should mean supported: the paper's β row
is 1 - β. A word said twice is judged where it is said first, whatever its scores there. Which word it is already
predicts much (shirts are made up, people seldom), so the headline compares only rows of the same word.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any, cast

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_curve
from sklearn.model_selection import GroupKFold, cross_val_predict

from capxai_core.data.examples import Example
from capxai_core.evaluate.records import Explained
from capxai_core.evaluate.statistics import Interval, auc_difference, auc_interval, mean_interval, paired_difference
from capxai_core.evaluate.support import say, support_counts
from capxai_core.models.captioner import Captioner

Key = tuple[str, str, str]
KEY = ["method", "score", "normalisation"]
PLACE = ["image", "position"]
WORDS = [*PLACE, "word", "first", "object", "supported", "logit", "log_prob", "beta", "pixel_share", "words_before"]
LOGIT, LOG_PROB, RATE = ("model", "logit", "raw"), ("model", "log_prob", "raw"), ("training", "rate", "raw")
FOLDS = 5

# The paper's names and areas. It does not say whether maps were normalised; the authors' code divides by max|E|.
TABLE_II = {
    ("lrp", "max"): ("L-max", 0.66),
    ("lrp", "mean"): ("L", 0.64),
    ("guided_gradcam", "mean_abs"): ("Guided-abs", 0.58),
    ("attention", "mean"): ("Att.", 0.51),
    ("model", "1 - beta"): ("1 - β", 0.47),
    ("guided_gradcam", "mean"): ("Guided", 0.42),
}
MADE_UP = {"shirt": 0.65, "frequent": 766 / (816 + 766)}  # section IV-B3 and 4
MENTIONED = {"shirt": 7078 / 29000}  # section IV-B4


def word_rows(e: Explained, object_words: Collection[str]) -> list[dict[str, Any]]:
    """One row for each word of the caption, with the columns `WORDS`.

    first: whether the caption has not said it before; supported: an object word that is there, false of all others;
    logit, log_prob (natural); beta, pixel_share: NaN for a model, or methods, without (and logit, of a word that is not
    explained); words_before: `<start>` apart.
    """
    said, logits, shares = e.caption, dict[int, float](), dict[int, float]()
    for x in reversed([*e.explanations.values()]):  # of several by LRP the first counts
        logits |= zip(x.positions, x.logits.tolist(), strict=True)
        shares |= {} if x.pixel_share is None else zip(x.positions, x.pixel_share.tolist(), strict=True)
    beta = [np.nan] * len(said.words) if said.beta is None else said.beta.tolist()
    rows = []
    for p, word in enumerate(said.words):
        known = word in object_words
        about = [e.example.name, p, word, word not in said.words[:p], known, known and e.example.supports(word)]
        logit, share = logits.get(p, np.nan), shares.get(p, np.nan)
        rows.append(dict(zip(WORDS, [*about, logit, said.log_probs[p].item(), beta[p], share, p], strict=True)))
    return rows


def score_rows(e: Explained, object_words: Collection[str]) -> list[dict[str, Any]]:
    """One row for each object word of the caption, method, score and normalisation.

    Columns: image, position, word, `KEY`, value. score: `mean`, `max` and, of methods whose maps have signs,
    `mean_abs` of the map E; normalisation: `raw`, or `max` for E / max|E| (0 of an empty map). Attention is taken on
    the encoder's grid: its normalised mean is that of α / max α, its raw mean only repeats 1 - β.
    """
    rows = []
    chosen = [(p, word) for p, word in enumerate(e.caption.words) if word in object_words]
    for method, found in e.explanations.items():
        maps, attention, beta = found.image, e.caption.attention, e.caption.beta
        if found.method == "attention" and attention is not None and beta is not None:
            maps = (attention * (1 - beta).unsqueeze(1))[list(found.positions)]
        for p, word in chosen:
            e_map = maps[found.row(p)].double()
            values = {"mean": e_map.mean(), "max": e_map.max(), "mean_abs": e_map.abs().mean()}
            for score in values if found.signed else ("mean", "max"):
                for how, by in (("raw", 1.0), ("max", e_map.abs().max().item() or 1.0)):
                    row = [e.example.name, p, word, method, score, how, values[score].item() / by]
                    rows.append(dict(zip([*PLACE, "word", *KEY, "value"], row, strict=True)))
    return rows


def training_rates(model: Captioner, examples: Sequence[Example], object_words: Collection[str]) -> pd.DataFrame:
    """How often each object word is right when the model captions these (training) examples.

    Columns: word, said, right, rate (right / said; of a word never said the overall rate, and `note` says so),
    mentioned (examples with the word in any reference caption), images (all examples).
    """
    wanted = sorted(object_words)
    counts = support_counts(examples, say(model, examples), wanted).set_index("word")
    counts = counts[["said", "right"]].reindex(wanted, fill_value=0)
    mentioned = Counter(word for example in examples for word in set(chain(*example.captions)))
    overall = counts["right"].sum() / counts["said"].sum() if counts["said"].any() else np.nan
    return counts.assign(
        rate=(counts["right"] / counts["said"]).fillna(overall),
        mentioned=[mentioned[word] for word in wanted],
        images=len(examples),
        note=["" if n else "never said: the rate of all object words" for n in counts["said"]],
    ).reset_index()


def judged(words: pd.DataFrame, scores: pd.DataFrame, rates: pd.DataFrame) -> dict[Key, pd.DataFrame]:
    """For every score and baseline: the object words at their first occurrence, with `supported` and the `value`.

    Baselines: the model's logit, log-probability and 1 - β, LRP's pixel share, and the rate of the word in training.
    Words whose value is missing or infinite are left out.
    """
    words = words.reindex(columns=WORDS)
    chosen = words[words["first"].astype(bool) & words["object"].astype(bool)].astype({"supported": bool})
    found: dict[Key, pd.DataFrame] = {}
    for key, rows in scores.groupby(KEY, sort=False) if len(scores) else ():
        found[cast(Key, key)] = chosen.merge(rows[[*PLACE, "value"]], on=PLACE, validate="one_to_one")
    baselines = {
        LOGIT: chosen["logit"],
        LOG_PROB: chosen["log_prob"],
        ("model", "1 - beta", "raw"): 1 - chosen["beta"],
        ("lrp", "pixel_share", "raw"): chosen["pixel_share"],
        RATE: chosen["word"].map(rates.set_index("word")["rate"]),
    }
    found |= {key: chosen.assign(value=value.astype(float)) for key, value in baselines.items()}
    return {key: table[np.isfinite(table["value"])] for key, table in found.items()}


def auc_table(
    words: pd.DataFrame, scores: pd.DataFrame, rates: pd.DataFrame, minimum: int = 50, seed: int = 0
) -> pd.DataFrame:
    """Table II: the area under the ROC curve of every score, as columns `KEY`, label, selection, word, pairs, printed
    and those of an interval.

    selection: `frequent`, words said more than `minimum` times (the paper's choice), `all`, or one frequent `word`;
    pairs: `pooled` over words (the paper), or `within words` that are both right and wrong (of `all`: the headline).
    """
    rows: list[dict[str, Any]] = []
    for key, table in judged(words, scores, rates).items():
        frequent, printed = _frequent(table, minimum), TABLE_II.get(key[:2], ("", None))[1]
        about = _named(key) | {"word": "", "pairs": "pooled"}
        for selection, chosen in (("frequent", frequent), ("all", table)):
            about |= {"selection": selection, "printed": printed if selection == "frequent" else None}
            mixed = _mixed(chosen)
            rows.append(about | _auc(chosen, seed).row())
            rows.append(about | {"pairs": "within words", "printed": None} | _auc(mixed, seed, mixed["word"]).row())
        about |= {"selection": "word", "pairs": "within words"}
        rows += [about | {"word": word} | _auc(of, seed).row() for word, of in frequent.groupby("word")]
    return pd.DataFrame(rows)


def auc_differences(
    words: pd.DataFrame, scores: pd.DataFrame, rates: pd.DataFrame, than: Key = ("lrp", "mean", "max"), seed: int = 0
) -> pd.DataFrame:
    """By how much the area of `than` (the paper's L) is larger than that of every other score, on the same words.

    All object words, pairs within words. Columns: `KEY` and label of the other, than, p, and those of an interval.
    """
    tables = judged(words, scores, rates)
    mine = tables.pop(than, tables[LOGIT][:0])[[*PLACE, "value"]]
    rows = []
    for key, table in tables.items():
        both = _mixed(table.merge(mine, on=PLACE, suffixes=("", "_than")))
        found = auc_difference(both["value_than"], both["value"], both["supported"], both["image"], both["word"], seed)
        rows.append(_named(key) | {"than": " ".join(than), "p": found.p} | found.row())
    return pd.DataFrame(rows)


def roc_points(words: pd.DataFrame, scores: pd.DataFrame, rates: pd.DataFrame, minimum: int = 50) -> pd.DataFrame:
    """Figure 7: the corners of the ROC curve of every score, words said more than `minimum` times, pooled.

    Columns: `KEY`, label, fpr, tpr, n, images, note; one row without a point where a class is missing.
    """
    rows: list[dict[str, Any]] = []
    for key, table in judged(words, scores, rates).items():
        table = _frequent(table, minimum)
        about = _named(key) | {"n": len(table), "images": table["image"].nunique(), "note": ""}
        if table["supported"].nunique() == 2:
            fpr, tpr, _ = roc_curve(table["supported"], table["value"])
            rows += [about | {"fpr": x, "tpr": y} for x, y in zip(fpr.tolist(), tpr.tolist(), strict=True)]
        else:
            rows.append(about | {"fpr": None, "tpr": None, "note": "no curve: a class is missing"})
    return pd.DataFrame(rows)


def adds_anything(words: pd.DataFrame, scores: pd.DataFrame, rates: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Does a score say more of a word than the word, its logit, log-probability and rate in training already do?

    Logistic regression with and without the score, numbers entering by rank, on the words that are both right and
    wrong; `FOLDS`-fold over images. measure `log_loss` (nats): without - with; `auc`: with - without, pairs of the same
    word and fold, so that one model ranks them; both gains when positive. The row `logit + log_prob + rate` is the gain
    of these over the word alone. Columns: `KEY`, label, measure, p, and those of an interval.
    """
    tables = judged(words, scores, rates)
    known = _mixed(tables[RATE].dropna(subset=["logit"]).rename(columns={"value": "rate"}))
    numbers = ["logit", "log_prob", "rate"]
    rows = _gains(known, [], numbers, ("model", " + ".join(numbers), "raw"), seed)
    for key in [key for key in tables if key not in (LOGIT, LOG_PROB, RATE)]:
        rows += _gains(known.merge(tables[key][[*PLACE, "value"]], on=PLACE), numbers, [*numbers, "value"], key, seed)
    return pd.DataFrame(rows)


def made_up_rates(words: pd.DataFrame, rates: pd.DataFrame, minimum: int = 50, seed: int = 0) -> pd.DataFrame:
    """The share of unsupported among all object words, the frequent ones, and each by itself, the most said first.

    Columns: word (`all`, `frequent` or one), those of an interval, printed, mentioned (share of the training images
    whose references have the word) and printed_mentioned.
    """
    chosen = judged(words, pd.DataFrame(), rates)[LOG_PROB]
    groups = {"all": chosen, "frequent": _frequent(chosen, minimum)}
    groups |= {word: chosen[chosen["word"] == word] for word, _ in Counter(sorted(chosen["word"])).most_common()}
    mentioned = dict(zip(rates["word"], rates["mentioned"] / rates["images"], strict=True))
    return pd.DataFrame(
        [
            {"word": word}
            | mean_interval(~group["supported"], group["image"], seed).row()
            | {"printed": MADE_UP.get(word), "mentioned": mentioned.get(word), "printed_mentioned": MENTIONED.get(word)}
            for word, group in groups.items()
        ]
    )


def _named(key: Key) -> dict[str, Any]:
    return dict(zip(KEY, key, strict=True)) | {"label": TABLE_II.get(key[:2], ("",))[0]}


def _frequent(table: pd.DataFrame, minimum: int) -> pd.DataFrame:
    return table[table.groupby("word")["word"].transform("size") > minimum]


def _mixed(table: pd.DataFrame) -> pd.DataFrame:
    return table[table.groupby("word")["supported"].transform("nunique") == 2]


def _auc(table: pd.DataFrame, seed: int, strata: "pd.Series[str] | None" = None) -> Interval:
    return auc_interval(table["value"], table["supported"], table["image"], strata, seed)


def _gains(table: pd.DataFrame, without: list[str], with_: list[str], key: Key, seed: int) -> list[dict[str, Any]]:
    right, images = table["supported"].to_numpy(bool), table["image"]
    folds = list(GroupKFold(FOLDS).split(table, groups=images)) if images.nunique() >= FOLDS else []
    if folds and all(len(set(right[seen])) == 2 for seen, _ in folds):
        less, more = _out_of_fold(table, without, folds), _out_of_fold(table, with_, folds)
        fold = np.argmax([np.isin(np.arange(len(table)), unseen) for _, unseen in folds], axis=0).astype(str)
        loss = paired_difference(_surprise(less, right), _surprise(more, right), images, seed)
        auc = auc_difference(more, less, right, images, strata=table["word"] + " " + fold, seed=seed)
    else:
        note = f"too few images with right and with wrong words for {FOLDS} folds"
        loss = auc = Interval(None, None, None, len(table), images.nunique(), None, note)
    return [_named(key) | {"measure": name, "p": x.p} | x.row() for name, x in (("log_loss", loss), ("auc", auc))]


def _out_of_fold(table: pd.DataFrame, numbers: list[str], folds: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The probability (n,) that each word is supported, by a model that has not seen its image."""
    # Ranks, as the AUC sees them: a pixel share has no bound, and one outlier would rule a linear model.
    ranks = (table[numbers].rank(pct=True) - 0.5) * 12**0.5
    x = pd.concat([pd.get_dummies(table["word"], dtype=float), ranks], axis=1).to_numpy()
    model, right = LogisticRegression(solver="newton-cholesky"), table["supported"]
    return np.asarray(cross_val_predict(model, x, right, cv=folds, method="predict_proba")[:, 1])


def _surprise(chances: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.asarray(-np.log(np.clip(np.where(right, chances, 1 - chances), 1e-12, 1)))

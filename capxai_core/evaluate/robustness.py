"""Do LRP's options decide what comes out? Every evaluation again with one option changed at a time.

The paper and the authors' code do not agree on all options (ε is 0.01 in the one, 1e-7 in the other), and nobody can
choose some of them for a reason. How alike the explanations are is one question; whether a conclusion drawn from them
stands is the one that counts.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from capxai_core.evaluate.records import Explained
from capxai_core.evaluate.sanity import ALIKE, compared, means
from capxai_core.evaluate.statistics import nothing
from capxai_core.methods.registry import explain
from capxai_core.models.captioner import Captioner

PAPER = "paper"
SWEEP: dict[str, dict[str, Any]] = {
    PAPER: {},
    "ε = 1e-7": {"epsilon": 1e-7},
    "ε = 1e-4": {"epsilon": 1e-4},
    "ε = 0.1": {"epsilon": 0.1},
    "α = 2": {"alpha": 2.0},
    "γ = 0.25": {"gamma": 0.25},
    "z^B": {"box": True},
    "conv_bias": {"conv_bias": True},
    "share_bias": {"share_bias": True},
}
OWN = {"resolution": "own", "sign": "+", "region": "union"}
AREA = {"score": "mean", "selection": "all", "word": ""}
# What is concluded, from which table, by its rows that hold these values, where the value is above that.
CONCLUSIONS: tuple[tuple[str, str, Mapping[str, str], float], ...] = (
    ("locates objects better than attention", "localisation", OWN | {"against": "attention"}, 0),
    ("locates objects better than a uniform map", "localisation", OWN | {"against": "uniform"}, 0),
    ("positive evidence locates better than negative", "localisation", OWN | {"against": "negative"}, 0),
    ("tells a caption's objects apart", "discrimination", OWN | {"against": ""}, 0),
    ("tells right from made-up words (mean / max)", "auc", AREA | {"pairs": "pooled", "normalisation": "max"}, 0.5),
    ("tells right from made-up words (raw mean)", "auc", AREA | {"pairs": "pooled", "normalisation": "raw"}, 0.5),
    ("… of the same word (mean / max)", "auc", AREA | {"pairs": "within words", "normalisation": "max"}, 0.5),
    ("… of the same word (raw mean)", "auc", AREA | {"pairs": "within words", "normalisation": "raw"}, 0.5),
    ("its first word matters more to “is” than one at random", "ablation",
     {"word": "is", "ranking": "score", "against": "random"}, 0),
    ("its first two matter more to “are” than two at random", "ablation",
     {"word": "are", "ranking": "score", "against": "random"}, 0),
)  # fmt: skip


def variants(model: Captioner, e: Explained) -> Explained:
    """The same picture and caption explained by LRP with each set of options: for any evaluation to judge."""
    sweep = SWEEP if e.caption.words else {}
    return replace(e, explanations={name: explain(model, e.image, e.caption, "lrp", **o) for name, o in sweep.items()})


def robustness_rows(model: Captioner, varied: Explained) -> list[dict[str, Any]]:
    """How much each of `variants` resembles the `paper`'s.

    Columns: image, position, word, method (name of the options), the four of `similarity`, pixel_share.
    """
    found = []
    for name, after in varied.explanations.items():
        rows = compared(varied, varied.explanations[PAPER], after, model.encoder.grid)
        shares = after.pixel_share
        assert shares is not None
        found += [row | {"method": name, "pixel_share": x} for row, x in zip(rows, shares.tolist(), strict=True)]
    return found


def robustness_table(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The mean similarities and pixel shares of `robustness_rows`: columns method and those of `means`."""
    return means(table, ["method"], (*ALIKE, "pixel_share"), seed)


def conclusions_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Which of `CONCLUSIONS` stand with each set of options.

    tables: localisation, discrimination, auc and ablation of `variants`. Columns: conclusion, method (the options),
    than (what the value must be above), value, low, high, n, images, note, holds (yes: all of the interval is above;
    no: all below; else undecided, or not tested), survives (holds as with the paper's options).
    """
    columns = ["value", "low", "high", "n", "images", "note"]
    rows: list[dict[str, Any]] = []
    for conclusion, name, where, than in CONCLUSIONS:
        table = tables[name]
        chosen = table[(table[list(where)].fillna("") == pd.Series(where)).all(axis=1)] if len(table) else table
        found = [row for row in chosen.to_dict("records") if row["method"] in SWEEP]
        for row in sorted(found, key=lambda row: list(SWEEP).index(row["method"])):
            low, high = row["low"], row["high"]
            verdict = "not tested" if pd.isna(low) else "yes" if low > than else "no" if high < than else "undecided"
            told = {"conclusion": conclusion, "method": row["method"], "than": than}
            rows.append(told | {column: row[column] for column in columns} | {"holds": verdict})
    if not rows:
        return nothing(["conclusion", "method", "than"]).assign(holds="not tested", survives=False)
    made = pd.DataFrame(rows)
    papers = made[made["method"] == PAPER].set_index("conclusion")["holds"]
    return made.assign(survives=made["holds"] == made["conclusion"].map(papers))

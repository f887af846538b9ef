"""Figures and tables of results, and the verdicts a chapter ends with: what they show, and what they say."""

from pathlib import Path

import pandas as pd
import pytest

import capxai_core as cx
from capxai_core.views.charts import verdicts

MASKING = {"share": 0.25, "fill": "white", "kept": False, "measure": "drop", "region": "relevant"}


def masked(folder: Path, *rows: tuple[str, str, float, float, float], models: tuple[str, ...] = ("grid_td",)) -> Path:
    """Results of masking, as (method, against, value, low, high)."""
    table = pd.DataFrame(rows, columns=["method", "against", "value", "low", "high"])
    for model in models:
        (folder / "scenes" / model).mkdir(parents=True)
        path = folder / "scenes" / model / "masking.csv"
        table.assign(**MASKING, n=1234, images=48, note="", p=0.01).to_csv(path, index=False)
    return folder


def told(folder: Path, says: str, model: str = "grid-TD") -> list[str]:
    table = verdicts(folder, "scenes", "4b_masking").data
    return table[table.index.str.startswith(says)][model].item().split("\n")


def test_a_claim_that_came_out_is_shown_with_its_interval_and_n(tmp_path: Path) -> None:
    masked(tmp_path, ("lrp", "opposed", 0.25, 0.2, 0.3))
    assert told(tmp_path, "Masking what LRP") == ["reproduced", "0.25 [0.2, 0.3]", "n = 1,234"]


def test_a_claim_that_did_not_says_whether_it_is_contradicted_and_by_what(tmp_path: Path) -> None:
    masked(tmp_path, *((m, "", 0.1, 0.05, 0.15) for m in ("lrp", "guided_gradcam")), ("attention", "", 0.4, 0.3, 0.5))
    by = "LRP: 0.1 [0.05, 0.15] against Attention: 0.4 [0.3, 0.5]"
    assert told(tmp_path, "LRP and Guided") == ["not reproduced: contradicted", by, "n = 1,234"]


def test_negative_values_have_a_true_minus_and_the_open_question_stays_open(tmp_path: Path) -> None:
    masked(tmp_path, ("lrp", "opposed", -0.01, -0.05, 0.03))
    said = ["not reproduced: undecided at this n", "−0.01 [−0.05, 0.03]", "n = 1,234"]
    assert told(tmp_path, "Masking what LRP") == said


def test_what_was_not_computed_is_told_for_the_model_that_lacks_it(tmp_path: Path) -> None:
    masked(tmp_path, ("lrp", "opposed", 0.25, 0.2, 0.3))
    missing = ["not tested: no results scenes/adaptive/masking.csv"]
    assert told(tmp_path, "Masking what LRP", "adaptive attention") == missing


def test_a_claim_that_does_not_fit_its_table_is_told_and_the_others_are_judged(tmp_path: Path) -> None:
    masked(tmp_path, *[("lrp", "opposed", 0.25, 0.2, 0.3)] * 2, ("attention", "", 0.4, 0.3, 0.5), models=("adaptive",))
    (said,) = told(tmp_path, "Masking what LRP", "adaptive attention")
    assert said.startswith("not tested: claim 'opposed-regions': 2 rows instead of 1")
    assert told(tmp_path, "Without the regions", "adaptive attention")[0].startswith("not tested: nothing in")


def test_a_chapter_without_claims_is_refused(tmp_path: Path) -> None:
    with pytest.raises(cx.RequestError, match="5_nothing"):
        verdicts(tmp_path, "scenes", "5_nothing")

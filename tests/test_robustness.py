"""The sweep over LRP's options: the same caption each time, and conclusions that stand or do not, worked by hand."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from test_sanity import IDS, explained

import capxai_core as cx
from capxai_core.evaluate.ablation import ablation_table
from capxai_core.evaluate.localisation import localisation_table
from capxai_core.evaluate.robustness import (
    CONCLUSIONS,
    SWEEP,
    conclusions_table,
    robustness_rows,
    robustness_table,
    variants,
)
from capxai_core.evaluate.unsupported import auc_table
from capxai_core.views.claims import table_conclusions

LOCATES, _, SIGN = (name for name, table, *_ in CONCLUSIONS if table == "localisation")


def test_the_sweep_explains_the_same_caption_with_each_set_of_options() -> None:
    model, e = explained(5)
    varied = variants(model, e)
    for name, options in SWEEP.items():
        assert torch.equal(varied.explanations[name].image, cx.explain(model, e.image, e.caption, **options).image)
    rows = robustness_rows(model, varied)
    assert rows == robustness_rows(model, variants(model, e)) and len(rows) == len(SWEEP) * len(IDS)
    for row in rows:
        if row["method"] == "paper":
            assert (row["map"], row["map_rank"], row["signed"]) == pytest.approx((1, 1, 1))
        share = varied.explanations[row["method"]].pixel_share
        assert row["pixel_share"] == share[row["position"]].item()
    table = robustness_table(pd.DataFrame(rows)).set_index(["method", "measure"])
    assert table["value"]["paper", "map"] == pytest.approx(1)
    assert table["value"]["z^B", "pixel_share"] == pytest.approx(varied.explanations["z^B"].pixel_share.mean().item())
    assert table["n"]["α = 2", "map"] == 4 and table["n"]["α = 2", "words"] == 3  # nothing but <start> before the first


def row(method: str, against: str, low: float | None, high: float | None) -> dict:
    asked = {"method": method, "resolution": "own", "sign": "+", "region": "union", "against": against}
    value = None if low is None or high is None else (low + high) / 2
    return asked | {"value": value, "low": low, "high": high, "n": 9, "images": 5, "note": ""}


def concluded(*rows: dict) -> pd.DataFrame:
    nothing = {name: pd.DataFrame() for name in ("discrimination", "auc", "ablation")}
    return conclusions_table({"localisation": pd.DataFrame(rows)} | nothing)


def test_a_conclusion_holds_fails_or_stays_open_by_its_interval_and_survives_where_that_is_as_with_the_papers() -> None:
    table = concluded(
        row("α = 2", "attention", -0.3, -0.1),
        row("paper", "attention", 0.1, 0.3),
        row("γ = 0.25", "attention", 0.05, 0.2),
        row("z^B", "attention", -0.1, 0.3),
        row("ε = 0.1", "attention", None, None),
        row("paper", "negative", -0.2, -0.1),
        row("attention", "uniform", 0.2, 0.3),  # no reading of LRP's
    )
    found = {(r.conclusion, r.method): (r.holds, r.survives) for r in table.itertuples()}
    assert found == {
        (LOCATES, "paper"): ("yes", True),
        (LOCATES, "ε = 0.1"): ("not tested", False),
        (LOCATES, "α = 2"): ("no", False),
        (LOCATES, "γ = 0.25"): ("yes", True),
        (LOCATES, "z^B"): ("undecided", False),
        (SIGN, "paper"): ("no", True),
    }
    shown = table_conclusions(table, "Here").data
    assert list(shown.index) == [LOCATES, SIGN]
    assert shown.iloc[0, 0].startswith("yes: 0.20 [") and shown.iloc[1, 1] == "none of the others"
    assert all(name in shown.iloc[0, 1] for name in ("α = 2 (no: ", "z^B (undecided: ", "ε = 0.1 (not tested: –"))
    assert "γ" not in shown.iloc[0, 1]


def test_every_conclusion_finds_its_row_in_the_tables_of_a_sweep() -> None:
    """Their columns and values are those that the evaluations write, or a conclusion would go missing unseen."""
    words = pd.DataFrame(
        [
            {"image": f"{i}", "position": 0, "word": "dog", "first": True, "object": True, "supported": i % 2 == 0}
            | {"logit": 1.0, "log_prob": -1.0, "beta": 0.5, "pixel_share": 0.1, "words_before": 0}
            for i in range(6)
        ]
    )
    rates = pd.DataFrame({"word": ["dog"], "said": 2, "right": 1, "rate": 0.5, "mentioned": 1, "images": 2})
    places = [{"image": f"{i}", "position": 0, "word": "dog"} for i in range(6)]
    scores = [
        {**place, "method": "paper", "score": "mean", "normalisation": how, "value": i % 2}
        for i, place in enumerate(places)
        for how in ("max", "raw")
    ]
    maps = (("paper", "+", 0.8), ("paper", "-", 0.1), ("attention", "+", 0.5), ("uniform", "+", 0.2))
    spots = [
        {**place, "other": "", "method": method, "resolution": "own", "sign": sign, "region": "union", "share": 0.2}
        | {"empty": False}
        | {f"c{k}": value + i / 100 for k in range(10)}
        for i, place in enumerate(places)
        for method, sign, value in maps
    ]
    drops = [
        {"image": f"{i}", "position": 2, "word": word, "probability": 0.5, "method": method, "ranking": "score"}
        | {"deleted": "", "drop": drop + i / 100}
        for i in range(6)
        for word in ("is", "are")
        for method, drop in (("paper", 0.3), ("random", 0.1), ("nearest", 0.1))
    ]
    localisation = localisation_table(pd.DataFrame(spots))
    table = conclusions_table(
        {
            "localisation": localisation,
            "discrimination": localisation,
            "auc": auc_table(words, pd.DataFrame(scores), rates),
            "ablation": ablation_table(pd.DataFrame(drops)),
        }
    )
    assert list(table["conclusion"]) == [name for name, *_ in CONCLUSIONS] and set(table["method"]) == {"paper"}
    holds = dict(zip(table["conclusion"], table["holds"], strict=True))
    assert [holds[name] for name, of, *_ in CONCLUSIONS if of != "auc"] == ["yes"] * 6
    assert [holds[name] for name, of, *_ in CONCLUSIONS if of == "auc"] == ["no"] * 4  # made-up words scored higher


def test_nothing_to_conclude_from_says_so() -> None:
    empty = [pd.DataFrame()] * 4
    table = conclusions_table(dict(zip(("localisation", "discrimination", "auc", "ablation"), empty, strict=True)))
    assert list(table["holds"]) == ["not tested"] and list(table["note"]) == ["nothing selected"]
    (similar,) = robustness_table(pd.DataFrame([])).to_dict("records")
    assert (similar["n"], similar["note"]) == (0, "nothing selected")


@pytest.mark.parametrize("architecture", ["adaptive", "grid_td"])
def test_a_caption_without_words_is_explained_by_no_options(architecture: str) -> None:
    model, e = explained(7, architecture=architecture)
    silent = replace(e, caption=model.follow(model.see(e.image), (), ended=True))
    assert robustness_rows(model, variants(model, silent)) == []

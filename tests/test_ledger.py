"""The claims ledger: verdicts worked by hand on made-up tables, and claims that cover the whole paper."""

import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from rich.console import Console
from small import captioner
from torch import nn

import capxai_core as cx
from capxai_core.evaluate import ablation, causes, localisation, masking, sanity, unsupported
from capxai_core.evaluate.captions import caption_metrics
from capxai_core.evaluate.ledger import Claim, claims, ledger, settings, show
from capxai_core.lrp.options import PAPER
from capxai_core.lrp.reference import alpha_beta_rule

CHAPTERS = {
    f"book/{name}"
    for name in (
        "3_methodology",
        "4a_the_data",
        "true_causes",
        "4b2_localisation",
        "4b3_unsupported_words",
        "4b_masking",
        "4c_improving",
        "appendix",
        "ledger",
    )
}
TABLES = {
    "captions", "made_up", "auc", "auc_differences", "roc", "adds", "localisation", "localisation_curves",
    "discrimination", "masking", "ablation", "causes", "randomisation", "deletion", "robustness", "settings",
    "fine_tuning",
}  # fmt: skip

LRP, ATTENTION = ("lrp", 0.6, 0.5, 0.7), ("attention", 0.4, 0.35, 0.45)


def claim(**fields: Any) -> Claim:
    told = {"id": "a", "source": ["table II"], "says": "It is so.", "printed": "so", "chapter": "book/ledger"}
    if not fields.keys() & {"facts", "not_tested"}:
        told |= {"table": "t", "where": {"method": "lrp"}}
    return Claim(**(told | fields))


def judged(folder: Path, asked: Claim, *rows: tuple[Any, ...], models: str = "grid_td", **columns: Any) -> pd.DataFrame:
    """The ledger of one claim over a table of (method, value, low, high), the same for each of the models."""
    counts = {"n": 9, "images": 50, "note": ""} | columns
    table = pd.DataFrame(rows, columns=["method", "value", "low", "high"]).assign(**counts)
    for model in models.split():
        (folder / "scenes" / model).mkdir(parents=True, exist_ok=True)
        table.to_csv(folder / "scenes" / model / "t.csv", index=False)
        (folder / "scenes" / model / "provenance.json").write_text("{}")
    return ledger(folder, ["scenes"], [asked])


def verdict(folder: Path, asked: Claim, *rows: tuple[Any, ...], **columns: Any) -> tuple[str, str]:
    found = judged(folder, asked, *rows, **columns).set_index("model").loc["grid_td"]
    return found.verdict, found.note


def test_too_few_images_are_not_judged_by(tmp_path):
    assert verdict(tmp_path, claim(rule="above", than=0.4), LRP, images=8)[0] == "reproduced"
    told = verdict(tmp_path, claim(rule="above", than=0.4), LRP, images=7)
    assert told == ("not tested", "7 images are too few to judge by")
    near = claim(rule="near", number=0.6, tolerance=0.2)  # a count may be the paper's, of however few
    assert verdict(tmp_path, near, LRP, images=7)[0] == "reproduced"


@pytest.mark.parametrize(
    ("rule", "than", "expected"),
    [
        ("above", 0.4, ("reproduced", "")),
        ("above", 0.5, ("not", "undecided at this n")),
        ("above", 0.6, ("not", "undecided at this n")),
        ("above", 0.7, ("not", "contradicted")),
        ("below", 0.8, ("reproduced", "")),
        ("below", 0.6, ("not", "undecided at this n")),
        ("below", 0.5, ("not", "contradicted")),
        ("above", {"method": "attention"}, ("reproduced", "lrp 0.6 [0.5, 0.7] against attention 0.4 [0.35, 0.45]")),
        (
            "below",
            {"method": "attention"},
            ("not", "lrp 0.6 [0.5, 0.7] against attention 0.4 [0.35, 0.45]: contradicted"),
        ),
        (
            "above",
            {"method": "close"},
            ("not", "lrp 0.6 [0.5, 0.7] against close 0.5 [0.45, 0.55]: undecided at this n"),
        ),
    ],
)
def test_above_and_below_hold_where_intervals_are_disjoint(tmp_path, rule, than, expected):
    rows = LRP, ATTENTION, ("close", 0.5, 0.45, 0.55)
    assert verdict(tmp_path, claim(rule=rule, than=than), *rows) == expected


def test_what_is_compared_differs_in_nothing_else(tmp_path):
    asked = claim(where={"method": ["a", "b"], "kind": "new"}, rule="above", than={"kind": "old"})
    rows = ("a", 0.9, 0.9, 0.9), ("a", 0.8, 0.8, 0.8), ("b", 0.3, 0.3, 0.3), ("b", 0.2, 0.2, 0.2)
    kinds = ["new", "old"] * 2
    assert verdict(tmp_path, asked, *rows, kind=kinds) == ("reproduced", "a new 0.9 against a old 0.8")
    assert verdict(tmp_path, asked, *rows, kind=kinds[::-1])[1] == "a new 0.8 against a old 0.9: contradicted"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0.64, "reproduced"),
        (0.66, "in direction"),
        ({"scenes": 0.57}, "reproduced"),
        ({"scenes/grid_td": 0.57}, "reproduced"),
        ({"scenes/adaptive": 0.6}, "in direction"),
        ({"flickr30k": 0.6}, "in direction"),
    ],
)
def test_a_printed_number_must_be_met_on_the_data_it_was_printed_for(tmp_path, number, expected):
    asked = claim(rule="above", than=0.4, number=number, tolerance=0.05)
    assert verdict(tmp_path, asked, LRP) == (expected, "")
    wrong = claim(rule="above", than=0.9, number=number, tolerance=0.05)
    assert verdict(tmp_path, wrong, LRP) == ("not", "contradicted")


@pytest.mark.parametrize(
    ("number", "tolerance", "expected"),
    [
        (0.6, 0.15, ("reproduced", "")),
        (0.6, 0.05, ("not", "undecided at this n")),
        (0.4, 0.1, ("not", "undecided at this n")),
        (0.4, 0.05, ("not", "contradicted")),
        ({"flickr30k": 0.6}, 0.5, ("not tested", "the number was printed for other data")),
    ],
)
def test_near_holds_where_the_whole_interval_is_near(tmp_path, number, tolerance, expected):
    asked = claim(rule="near", number=number, tolerance=tolerance)
    assert verdict(tmp_path, asked, LRP) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("a", 0.1, 0.0, 0.2), ("b", 0.2, 0.1, 0.3), ("c", 0.4, 0.3, 0.5)], "reproduced"),
        ([("a", 0.1, 0.0, 0.2), ("b", 0.09, 0, 0.3), ("c", 0.4, 0.3, 0.5)], "in direction"),
        ([("a", 0.1, 0.0, 0.2), ("b", 0.2, 0.1, 0.3), ("c", 0.3, 0.1, 0.5)], "not"),
        ([("a", 0.9, 0.8, 1.0), ("b", 0.2, 0.1, 0.3), ("c", 0.3, 0.1, 0.5)], "not"),
    ],
)
def test_ordered_rises_from_the_first_to_the_last(tmp_path, rows, expected):
    asked = claim(where={"method": ["a", "b", "c"]}, rule="ordered")
    assert verdict(tmp_path, asked, *rows)[0] == expected
    assert verdict(tmp_path, asked, *rows[::-1])[0] == expected  # as the claim lists them, not the table


def test_of_several_rows_the_worst_counts(tmp_path):
    asked = claim(where={"method": ["lrp", "gradcam"]}, rule="above", than={"method": ["attention", "uniform"]})
    rows = LRP, ATTENTION, ("gradcam", 0.44, 0.4, 0.48), ("uniform", 0.3, 0.3, 0.3)
    found = judged(tmp_path, asked, *rows).set_index("model").loc["grid_td"]
    assert found.verdict == "not" and found.value == 0.44
    assert found.note == "gradcam 0.44 [0.4, 0.48] against attention 0.4 [0.35, 0.45]: undecided at this n"


def test_what_cannot_be_judged_is_not_tested_and_says_why(tmp_path):
    asked = claim(rule="above", than=0.5)
    assert verdict(tmp_path, asked, ATTENTION) == ("not tested", "nothing in t with method lrp")
    empty = judged(tmp_path, asked, ("lrp", None, None, None))
    assert set(empty.verdict) == {"not tested"} and "nothing in t" in set(empty.note)
    missing = ledger(tmp_path / "none", ["scenes", "flickr8k"], [asked])
    assert set(missing.verdict) == {"not tested"} and len(missing) == 4
    assert "no results flickr8k/adaptive/t.csv" in set(missing.note)
    told = ledger(tmp_path, ["scenes"], [claim(not_tested="a diagram", remark="see there")])
    assert told[["model", "verdict", "note"]].values.tolist() == [["", "not tested", "a diagram; see there"]]


def test_a_table_says_why_it_has_no_value(tmp_path):
    table = pd.DataFrame([{"method": "lrp", "value": None, "low": None, "high": None, "n": 0, "images": 0}])
    (tmp_path / "scenes" / "adaptive").mkdir(parents=True)
    table.assign(note="not computed: no Java").to_csv(tmp_path / "scenes" / "adaptive" / "t.csv", index=False)
    found = ledger(tmp_path, ["scenes"], [claim(rule="above", than=0)])
    assert set(found.note) == {"no results scenes/adaptive/t.csv", "no results scenes/grid_td/t.csv"}  # unfinished
    (tmp_path / "scenes" / "adaptive" / "provenance.json").write_text("{}")
    found = ledger(tmp_path, ["scenes"], [claim(rule="above", than=0)])
    assert found.note.tolist() == ["not computed: no Java", "no results scenes/grid_td/t.csv"]


def test_a_value_without_an_interval_may_be_near_but_beyond_nothing(tmp_path):
    row = ("lrp", 0.6, None, None)
    assert verdict(tmp_path, claim(rule="near", number=0.6), row) == ("reproduced", "")
    assert verdict(tmp_path, claim(rule="above", than=0.1), row)[0] == "not tested"


def test_an_empty_cell_is_a_value_like_others_even_in_an_empty_column(tmp_path):
    asked = claim(where={"method": "lrp", "against": ""}, rule="above", than=0.4)
    assert verdict(tmp_path, asked, LRP, against="")[0] == "reproduced"
    assert verdict(tmp_path, asked, LRP, ATTENTION, against=["", "uniform"])[0] == "reproduced"


def test_numbers_and_truth_values_select_rows_too(tmp_path):
    asked = claim(where={"method": "lrp", "share": 0.3, "kept": False}, rule="above", than=0.4)
    assert verdict(tmp_path, asked, LRP, LRP, share=3 / 10, kept=[False, True])[0] == "reproduced"


def test_another_column_counts_as_exact(tmp_path):
    assert verdict(tmp_path, claim(column="n", rule="near", number=9), LRP) == ("reproduced", "")
    assert verdict(tmp_path, claim(column="n", rule="near", number=8), LRP) == ("not", "contradicted")


def test_a_claim_may_compare_the_two_models(tmp_path):
    asked = claim(where={"method": "lrp", "architecture": "grid_td"}, rule="above", than={"architecture": "adaptive"})
    judged(tmp_path, asked, ("lrp", 0.3, 0.2, 0.4), models="adaptive")
    found = judged(tmp_path, asked, LRP, models="grid_td")
    assert found.verdict.tolist() == ["reproduced"] and found.model.tolist() == [""]
    assert found.note.tolist() == ["grid_td 0.6 [0.5, 0.7] against adaptive 0.3 [0.2, 0.4]"]


@pytest.mark.parametrize(
    ("where", "problem"), [({"method": "lrp"}, "2 rows instead of 1"), ({"methods": "lrp"}, "has no column methods")]
)
def test_a_claim_that_does_not_fit_its_table_is_an_error(tmp_path, where, problem):
    with pytest.raises(cx.DataError, match=f"claim 'a'.* {problem}"):
        judged(tmp_path, claim(where=where, rule="above", than=0.5), LRP, LRP)


def test_facts_of_the_text_are_judged_without_results(tmp_path):
    asked = claim(facts={"F": -0.04, "S": 0.25}, rule="above", than=0)
    found = ledger(tmp_path, ["scenes"], [asked]).iloc[0]
    assert (found.verdict, found.value, found.note) == ("not", -0.04, "F: contradicted")


def test_the_ledger_reads_in_order_with_everything_a_reader_needs(tmp_path):
    found = judged(tmp_path, claim(rule="above", than=0.4, number=0.6, tolerance=0.05), LRP, models="adaptive grid_td")
    assert list(found) == [
        "id", "source", "says", "printed", "profile", "model", "value", "low", "high", "n", "images", "verdict", "note",
        "rule", "chapter",
    ]  # fmt: skip
    assert found.iloc[1, 4:12].tolist() == ["scenes", "grid_td", 0.6, 0.5, 0.7, 9, 50, "reproduced"]
    assert found.rule[0] == "t method lrp: above 0.4; reproduced within 0.05 of the printed number"
    console = Console(width=120, record=True, file=StringIO())
    console.print(show(found))
    assert "scenes grid_td 0.6 [0.5, 0.7]" in console.export_text()


def test_nothing_the_paper_numbers_is_without_a_claim():
    kinds = {"figure": range(1, 12), "table": ("I", "II", "III", "IV"), "equation": range(1, 16), "algorithm": (1, 2)}
    numbered = {f"{kind} {number}" for kind, numbers in kinds.items() for number in numbers}
    assert numbered <= {source for told in claims() for source in told.source}


def test_there_are_enough_claims_and_each_can_be_judged():
    told = claims()
    assert len(told) >= 25 and len({one.id for one in told}) == len(told)
    for one in told:
        assert one.says and one.printed and one.source and one.chapter in CHAPTERS, one.id
        assert sum(map(bool, (one.table, one.facts, one.not_tested))) == 1, one.id
        assert one.rule in (("",) if one.not_tested else ("above", "below", "near", "ordered")), one.id
        assert bool(one.rule_in_words()) == (not one.not_tested), one.id
        assert not one.table or (one.table in TABLES and one.where), one.id
        assert one.rule != "near" or one.number is not None, one.id
        lists = [values for values in one.where.values() if isinstance(values, list)]
        assert one.rule != "ordered" or len(lists) == 1, one.id
        assert not isinstance(one.than, dict) or one.than.keys() <= one.where.keys(), one.id


def test_an_evaluation_of_nothing_fits_the_claims_and_gives_a_ledger_that_says_so(tmp_path):
    none = pd.DataFrame()
    rates = pd.DataFrame({"word": ["shirt"], "said": 0, "right": 0, "rate": 0.5, "mentioned": 0, "images": 1})
    tables = {
        "captions": caption_metrics([], []),
        "made_up": unsupported.made_up_rates(none, rates),
        "auc": unsupported.auc_table(none, none, rates),
        "auc_differences": unsupported.auc_differences(none, none, rates),
        "localisation": localisation.localisation_table(none),
        "localisation_curves": localisation.localisation_curves(none),
        "discrimination": localisation.localisation_table(none, ("attention",)),
        "masking": masking.masking_table(none),
        "ablation": ablation.ablation_table(none),
        "causes": causes.causes_table(none),
        "randomisation": sanity.randomisation_table(none),
        "deletion": sanity.deletion_table(none),
    }
    for model in ("adaptive", "grid_td"):
        (tmp_path / "scenes" / model).mkdir(parents=True)
        for name, table in tables.items():
            table.to_csv(tmp_path / "scenes" / model / f"{name}.csv", index=False)
    asked = [one for one in claims() if one.table in tables]
    found = ledger(tmp_path, ["scenes"], asked)
    assert set(found.id) == {one.id for one in asked}
    assert set(found.verdict) == {"not tested"} and all(found.note)


def test_claims_name_methods_that_exist():
    for one in claims():
        for where in (one.where, one.than if isinstance(one.than, dict) else {}):
            names = where.get("method", [])
            assert {names} if isinstance(names, str) else {*names} <= {*cx.METHODS, "model", "random"}, one.id


def test_what_comes_with_the_project_can_be_judged_before_anything_is_evaluated(tmp_path):
    shipped = Path(__file__).parents[1] / "results" / "scenes" / "adaptive"
    (tmp_path / "scenes" / "adaptive").mkdir(parents=True)
    for path in shipped.glob("fine_tuning*"):
        shutil.copy(path, tmp_path / "scenes" / "adaptive")
    found = ledger(tmp_path, ["scenes"])
    judged = found[(found.verdict != "not tested") & (found.model == "adaptive")]
    assert {one.table for one in claims() if one.id in set(judged.id)} == {"fine_tuning"}


def test_what_models_were_made_with_is_a_table_the_claims_can_read(tmp_path):
    made = settings(captioner(0), beam_size=3, min_count=1, training_images=6)
    for model in ("adaptive", "grid_td"):
        (tmp_path / "scenes" / model).mkdir(parents=True)
        made.to_csv(tmp_path / "scenes" / model / "settings.csv", index=False)
        (tmp_path / "scenes" / model / "provenance.json").write_text("{}")
    asked = [one for one in claims() if one.table == "settings"]
    found = ledger(tmp_path, ["scenes"], asked).set_index(["id", "model"])
    assert found.loc[("relevance-in-shares", "grid_td"), "verdict"] == "reproduced"
    assert found.loc[("alpha-used", "adaptive"), "verdict"] == "reproduced"
    assert found.loc[("size", "grid_td"), ["value", "verdict"]].tolist() == [12, "not"]
    assert found.loc[("beam", "grid_td"), "verdict"] == "reproduced"


def handed_on(*weights: float) -> float:
    """Of relevance 1, what a unit that reads ones with these weights hands on by the αβ-rule as it is used here."""
    layer = nn.Conv2d(len(weights), 1, 3, padding=1).double()
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, :, 1, 1] = torch.tensor(weights)
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    return alpha_beta_rule(layer, one.expand(len(weights), 1, 1), one, PAPER).sum().item()


def test_the_facts_about_equation_3_hold():
    """As printed, contributions 2 and -1 give y+ = max(2 - 1, 0) = 1, and 2/1 of the relevance; as meant, 2/2."""
    facts = {one.id: one.facts for one in claims()}
    assert list(facts["equation-3-as-printed"].values()) == [max(2, 0) / max(2 - 1, 0)]
    assert handed_on(2, -1) == 1
    assert list(facts["denominator-never-zero"].values()) == [max(-2, 0) + max(-1, 0)]
    assert handed_on(-2, -1) == 0


def test_the_facts_about_table_3_and_figure_6_hold():
    original, frequency, lrp = (
        dict(zip(("F_BERT", "SPICE", "ROUGE-L", "METEOR"), row, strict=True))
        for row in ((89.97, 15.06, 49.78, 21.29), (89.76, 15.23, 48.69, 21.14), (89.93, 15.31, 50.00, 21.38))
    )
    facts = {one.id: one.facts for one in claims()}
    for name, arm in (("inference-consistent-in-print", lrp), ("frequency-costs-in-print", frequency)):
        assert facts[name] == pytest.approx({metric: arm[metric] - original[metric] for metric in original})
    assert list(facts["colour-bins"].values()) == [sum((0.3 <= -1 <= 1, 0 < -1 <= 0.3, -1 < -1 <= 0))]
    assert list(facts["alpha-above-1"].values()) == [PAPER.alpha - 1] * 2

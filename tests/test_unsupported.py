"""Supported and made-up words, and what tells them apart: answers worked out by hand."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from small import captioner, picture

from capxai_core.evaluate import unsupported
from capxai_core.evaluate.records import Explained, explained, parts, read_all
from capxai_core.evaluate.unsupported import KEY, WORDS
from capxai_core.lrp.budget import Budget
from capxai_core.methods import Explanation
from capxai_core.models.explainable import Caption

OBJECTS = {"shirt", "dog", "man"}
L = ("lrp", "mean", "max")


@dataclass(frozen=True)
class Shows:
    """A picture that shows what these words can name, with references that mention others."""

    name: str
    words: frozenset[str] = frozenset()
    captions: tuple[tuple[str, ...], ...] = ()
    seed: int = 0

    def supports(self, word: str) -> bool:
        return word in self.words

    def image(self) -> torch.Tensor:
        return picture(self.seed)


def said(
    text: str, image: str = "a", shows: Iterable[str] = (), with_beta: bool = True, **maps: torch.Tensor
) -> Explained:
    """An explained caption; word p has the logit p + 1, the log-probability -p and β = p / 10."""
    words = tuple(text.split())
    t = torch.arange(len(words), dtype=torch.float32)
    attention = torch.tensor([[0.1, 0.2, 0.3, 0.4]]).expand(len(words), 4) if with_beta else None
    caption = Caption(words, (0,) * len(words), -t, attention, t / 10 if with_beta else None, True, 0.0)
    found = {}
    for method, e_map in maps.items():
        one = torch.ones(len(words))
        budget = Budget(t + 1, (t + 1) / 4, one, one, one, one) if method == "lrp" else None
        signed, positions = method != "attention", tuple(range(len(words)))
        found[method] = Explanation(method, caption, positions, e_map, None, t + 1, signed, budget)
    return Explained(Shows(image, frozenset(shows)), torch.zeros(3, 2, 2), caption, found)


def tables(
    *rows: tuple[str, str, bool, float], **score: list[float]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Words, scores and rates of (image, word, supported, L); further scores by keyword, as methods."""
    words = pd.DataFrame(rows, columns=["image", "word", "supported", "value"])
    words["position"] = words.groupby("image").cumcount()
    words = words.assign(first=True, object=True, logit=0.0, log_prob=0.0, beta=0.5, pixel_share=np.nan, words_before=0)
    by_method = {"lrp": list(words["value"])} | score
    scores = pd.concat(
        [
            words[["image", "position", "word"]].assign(method=m, score="mean", normalisation="max", value=values)
            for m, values in by_method.items()
        ]
    )
    return words[WORDS], scores, rates()


def rates(**of: float) -> pd.DataFrame:
    """The rates of words in training, 0.5 for those not named."""
    known = dict.fromkeys(sorted(OBJECTS), 0.5) | of
    return pd.DataFrame({"word": list(known), "rate": list(known.values()), "mentioned": 1, "images": 4, "note": ""})


def row(table: pd.DataFrame, **where: object) -> pd.Series:
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1, table
    return table.iloc[0]


def area(
    found: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], pairs: str = "pooled", selection: str = "all"
) -> pd.Series:
    return row(unsupported.auc_table(*found), method="lrp", score="mean", selection=selection, pairs=pairs)


# -- rows --------------------------------------------------------------------------------------------------------------


def test_a_row_for_every_word_tells_which_are_objects_first_said_and_there() -> None:
    e = said("a shirt on a shirt", shows=["shirt", "on"], lrp=torch.zeros(5, 2, 2))
    table = pd.DataFrame(unsupported.word_rows(e, OBJECTS))
    assert list(table) == WORDS and list(table["image"]) == ["a"] * 5
    assert list(table["word"]) == ["a", "shirt", "on", "a", "shirt"]
    assert list(table["first"]) == [True, True, True, False, False]
    assert list(table["object"]) == list(table["supported"]) == [False, True, False, False, True]
    assert list(table["logit"]) == [1, 2, 3, 4, 5] and list(table["log_prob"]) == [0, -1, -2, -3, -4]
    assert table["beta"].tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4]) and set(table["pixel_share"]) == {0.25}
    assert list(table["words_before"]) == list(table["position"]) == [0, 1, 2, 3, 4]


def test_models_without_a_sentinel_and_methods_without_a_budget_have_nothing_there() -> None:
    (found,) = unsupported.word_rows(said("dog", with_beta=False, gradcam=torch.zeros(1, 2, 2)), OBJECTS)
    assert np.isnan(found["beta"]) and np.isnan(found["pixel_share"]) and found["logit"] == 1


def test_a_caption_without_words_has_no_rows() -> None:
    assert unsupported.word_rows(said(""), OBJECTS) == unsupported.score_rows(said(""), OBJECTS) == []


def values(e: Explained, method: str) -> dict[tuple[str, str], float]:
    found = [r for r in unsupported.score_rows(e, OBJECTS) if r["method"] == method]
    assert all(list(r) == ["image", "position", "word", *KEY, "value"] for r in found)
    return {(r["score"], r["normalisation"]): r["value"] for r in found}


def test_scores_of_a_map_raw_and_divided_by_its_largest_magnitude() -> None:
    e_map = torch.tensor([[[9.0, 9.0], [9.0, 9.0]], [[2.0, -4.0], [0.0, 0.0]]])
    found = values(said("a dog", lrp=e_map), "lrp")
    assert found == {
        ("mean", "raw"): -0.5,
        ("mean", "max"): -0.125,
        ("max", "raw"): 2,
        ("max", "max"): 0.5,
        ("mean_abs", "raw"): 1.5,
        ("mean_abs", "max"): 0.375,
    }


def test_an_empty_map_scores_zero() -> None:
    assert set(values(said("dog", lrp=torch.zeros(1, 2, 2)), "lrp").values()) == {0}


def test_normalised_attention_does_not_know_beta_and_raw_attention_only_repeats_it() -> None:
    e = said("dog dog", attention=torch.full((2, 8, 8), 7.0))  # β = 0 and 0.1; the upsampled map is not what counts
    first, second = ([r for r in unsupported.score_rows(e, OBJECTS) if r["position"] == p] for p in (0, 1))
    assert [r["score"] for r in first] == ["mean", "mean", "max", "max"]  # no sign, no magnitude of its own
    assert [r["value"] for r in first] == pytest.approx([0.25, 0.625, 0.4, 1.0])
    assert [r["value"] for r in second] == pytest.approx([0.25 * 0.9, 0.625, 0.4 * 0.9, 1.0])


def test_only_object_words_are_scored() -> None:
    found = unsupported.score_rows(said("the dog is there", lrp=torch.ones(4, 2, 2)), OBJECTS)
    assert {(r["position"], r["word"]) for r in found} == {(1, "dog")}
    assert unsupported.score_rows(said("it is there", lrp=torch.ones(3, 2, 2)), OBJECTS) == []


def test_rows_of_real_captioners_can_be_joined_and_survive_a_round_of_parquet(tmp_path: Path) -> None:
    model, objects = captioner(3).float(), {f"w{i}" for i in range(0, 16, 2)}
    examples = [Shows(f"image-{i}", frozenset({"w2", "w4"}), seed=i) for i in range(2)]

    def rows(part: list[Shows]) -> dict[str, list[dict[str, object]]]:
        found = list(explained(model, part, ["lrp", "attention"]))
        return {
            "words": [r for e in found for r in unsupported.word_rows(e, objects)],
            "scores": [r for e in found for r in unsupported.score_rows(e, objects)],
        }

    for task in parts(tmp_path / "pass", examples, rows, {}, 1):
        task()
    made, direct = read_all(tmp_path, ["pass"]), rows(examples)
    for name, table in made.items():
        pd.testing.assert_frame_equal(table, pd.DataFrame(direct[name]))
    of = rates(**dict.fromkeys(objects, 0.5))
    judged = unsupported.judged(made["words"], made["scores"], of)
    expected = {(r["image"], r["word"]) for r in direct["words"] if r["object"]}
    assert expected and all(set(zip(t["image"], t["word"], strict=True)) == expected for t in judged.values())
    first, again = (unsupported.auc_table(made["words"], made["scores"], of).to_csv() for _ in range(2))
    assert first == again


# -- labels ------------------------------------------------------------------------------------------------------------


def test_a_repeated_word_is_judged_where_it_is_said_first_whatever_its_label() -> None:
    """Taking the largest score of true words and the smallest of false ones would make this area 1; it is 0."""
    true, false = torch.tensor([0.2, 0.0, 0.9]), torch.tensor([0.5, 0.0, 0.1])
    both = [
        said("shirt and shirt", "t", ["shirt"], lrp=true.view(3, 1, 1).expand(3, 2, 2)),
        said("shirt and shirt", "f", [], lrp=false.view(3, 1, 1).expand(3, 2, 2)),
    ]
    words, scores = (pd.DataFrame([r for e in both for r in rows(e, OBJECTS)]) for rows in ROWS)
    found = unsupported.auc_table(words, scores, rates())
    raw = row(found, method="lrp", score="mean", normalisation="raw", selection="all", pairs="pooled")
    assert (raw["value"], raw["n"], raw["images"]) == (0, 2, 2)


ROWS = (unsupported.word_rows, unsupported.score_rows)


def test_what_a_word_scores_does_not_depend_on_whether_it_is_there() -> None:
    e_map = torch.rand(5, 2, 2, generator=torch.Generator().manual_seed(1))
    right, wrong = (said("a shirt on a shirt", shows=s, lrp=e_map) for s in (["shirt"], []))
    assert unsupported.score_rows(right, OBJECTS) == unsupported.score_rows(wrong, OBJECTS)
    for a, b in zip(unsupported.word_rows(right, OBJECTS), unsupported.word_rows(wrong, OBJECTS), strict=True):
        assert a | {"supported": None} == b | {"supported": None}


# -- areas -------------------------------------------------------------------------------------------------------------


def test_area_with_ties_by_hand() -> None:
    """True 3, 2, 1 against false 2, 1: won 2 + 1.5 + 0.5 of 6 pairs."""
    found = area(tables(*[(f"{i}", "shirt", i < 3, v) for i, v in enumerate((3, 2, 1, 2, 1))]))
    assert found["value"] == pytest.approx(4 / 6) and (found["n"], found["images"]) == (5, 5)
    assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1


def test_which_word_it_is_is_no_merit_of_a_score() -> None:
    """Men mostly there and shirts mostly not, and a score that knows the word alone: good pooled, chance within."""
    rows = [(f"m{i}", "man", i > 0, 1.0) for i in range(4)] + [(f"s{i}", "shirt", i == 0, 0.0) for i in range(4)]
    found = tables(*rows)
    assert area(found)["value"] == pytest.approx((9 + 0.5 * (3 + 3)) / 16)
    assert area(found, "within words")["value"] == 0.5
    rate = unsupported.auc_table(found[0], found[1], rates(man=0.8, shirt=0.2))
    rate = rate[(rate["score"] == "rate") & (rate["selection"] == "all")].set_index("pairs")["value"]
    assert rate["pooled"] == pytest.approx(0.75) and rate["within words"] == 0.5


def test_words_that_are_never_wrong_or_never_right_make_no_pair_within_words() -> None:
    found = tables(("a", "man", True, 1), ("b", "dog", False, 2), ("c", "shirt", True, 4), ("d", "shirt", False, 3))
    inside, pooled = area(found, "within words"), area(found)
    assert (inside["value"], inside["n"]) == (1, 2) and (pooled["value"], pooled["n"]) == (0.5, 4)


def test_the_papers_choice_counts_first_occurrences_and_takes_words_said_more_than_so_often() -> None:
    rows = [(f"{i}", "shirt", i % 2 == 0, float(i % 2)) for i in range(6)]
    rows += [(f"{i}", "dog", True, 9.0) for i in range(5)]
    found = tables(*rows)
    table = unsupported.auc_table(*found, minimum=5)
    chosen = row(table, method="lrp", score="mean", selection="frequent", pairs="pooled")
    assert (chosen["value"], chosen["n"], chosen["label"], chosen["printed"]) == (0, 6, "L", 0.64)
    assert list(table[table["selection"] == "word"]["word"].unique()) == ["shirt"]
    assert set(table[table["printed"].notna()]["selection"]) == {"frequent"}
    found[0].loc[0, "first"] = False
    assert (
        row(unsupported.auc_table(*found, minimum=5), method="lrp", score="mean", selection="frequent", pairs="pooled")[
            "n"
        ]
        == 0
    )


def test_every_score_means_supported_when_it_is_high_so_beta_is_turned_round() -> None:
    words, scores, of = tables(("a", "shirt", True, 0.0), ("b", "shirt", False, 0.0))
    words = words.assign(beta=[0.1, 0.9], logit=[2, 1], log_prob=[-1, -2], pixel_share=[0.9, -0.3])
    table = unsupported.auc_table(words, scores, of)
    table = table[(table["selection"] == "all") & (table["pairs"] == "pooled")].set_index("score")["value"]
    assert [table[s] for s in ("1 - beta", "logit", "log_prob", "pixel_share")] == [1, 1, 1, 1]


@pytest.mark.parametrize("labels", [(True, True), (False, False)])
def test_one_class_missing_says_so_and_is_no_number(labels: tuple[bool, bool]) -> None:
    found = tables(("a", "shirt", labels[0], 1), ("b", "shirt", labels[1], 2))
    pooled, within = area(found), area(found, "within words")
    assert pd.isna(pooled["value"]) and pooled["n"] == 2 and "no pair" in pooled["note"]
    assert pd.isna(within["value"]) and within["n"] == 0 and within["note"]
    curve = unsupported.roc_points(*found, minimum=0)
    assert curve["fpr"].isna().all() and (curve["n"] > 0).any() and curve["note"].str.len().all()
    assert set(unsupported.adds_anything(*found)["value"].isna()) == {True}


EMPTY = tables()
NO_OBJECT = (pd.DataFrame(unsupported.word_rows(said("it is there", lrp=torch.ones(3, 2, 2)), OBJECTS)), pd.DataFrame())


@pytest.mark.parametrize("found", [(pd.DataFrame(), pd.DataFrame()), NO_OBJECT, EMPTY[:2]])
def test_where_nothing_is_selected_every_table_says_so(found: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    for summary in (
        unsupported.auc_table,
        unsupported.auc_differences,
        unsupported.roc_points,
        unsupported.adds_anything,
    ):
        table = summary(*found, rates())
        assert len(table) and set(table["n"]) == {0} and table["note"].str.len().all(), summary.__name__
    table = unsupported.made_up_rates(found[0], rates())
    assert list(table["word"]) == ["all", "frequent"] and set(table["n"]) == {0} and table["note"].str.len().all()


def test_words_without_a_value_are_left_out_and_not_counted() -> None:
    found = tables(("a", "shirt", True, 1.0), ("b", "shirt", False, 0.0), ("c", "shirt", False, np.inf))
    assert (area(found)["n"], area(found)["value"]) == (2, 1)


def test_differences_are_those_of_the_areas_on_the_same_words() -> None:
    rows = [(f"{i}", "shirt", i % 2 == 0, float(v)) for i, v in enumerate((4, 1, 3, 2, 1, 0))]
    found = tables(*rows, gradcam=[0.0] * 6, guided=[v for *_, v in rows])
    table = unsupported.auc_differences(*found)
    other, same = (row(table, method=m) for m in ("gradcam", "guided"))
    assert (
        other["value"] == pytest.approx(area(found, "within words")["value"] - 0.5) and other["than"] == "lrp mean max"
    )
    assert (same["value"], same["low"], same["high"], same["p"]) == (0, 0, 0, 1)
    assert L not in set(table[KEY].itertuples(index=False, name=None))


def test_corners_of_a_roc_curve_by_hand() -> None:
    """From the highest score down: true, false, then a true and a false that tie."""
    found = tables(*[(f"{i}", "shirt", i % 2 == 0, v) for i, v in enumerate((3.0, 2.0, 1.0, 1.0))])
    curve = unsupported.roc_points(*found, minimum=3)
    curve = curve[curve["method"] == "lrp"].query("score == 'mean'")
    assert list(zip(curve["fpr"], curve["tpr"], strict=True)) == [(0, 0), (0, 0.5), (0.5, 0.5), (1, 1)]
    assert set(curve["n"]) == {4} and set(curve["label"]) == {"L"}


# -- beyond the baselines ----------------------------------------------------------------------------------------------


def studied(n: int = 300) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Two words; the logit helps, `lrp` sees what it does not, `gradcam` repeats the logit, `guided` is noise."""
    rng = np.random.default_rng(5)
    hidden, logit = rng.normal(size=n), rng.normal(size=n)
    true = hidden + logit + rng.normal(size=n) > 0
    rows = [
        (f"{i // 2}", ("man", "shirt")[i % 2], bool(t), float(h))
        for i, (t, h) in enumerate(zip(true, hidden, strict=True))
    ]
    words, scores, of = tables(*rows, gradcam=logit, guided=rng.normal(size=n))
    return words.assign(logit=logit, log_prob=-np.exp(-logit)), scores, of


def test_a_score_adds_what_the_baselines_do_not_know_and_a_copy_of_one_adds_nothing() -> None:
    table = unsupported.adds_anything(*studied()).set_index(["method", "measure"])
    for measure in ("log_loss", "auc"):
        known = table.loc[("model", measure)]
        assert known[known["score"] == "logit + log_prob + rate"]["low"].item() > 0
        told = table.loc[("lrp", measure)]
        told = told[told["score"] == "mean"].iloc[0]
        assert told["low"] > 0.02 and told["p"] < 0.01 and (told["n"], told["images"]) == (300, 150)
        assert abs(table.loc[("gradcam", measure)]["value"]) < 0.005
        assert table.loc[("guided", measure)]["low"] < 0.005


def test_the_same_tables_give_the_same_bytes() -> None:
    found = studied(60)
    for summary in (unsupported.auc_table, unsupported.auc_differences, unsupported.adds_anything):
        assert summary(*found).to_csv() == summary(*found).to_csv()


def test_too_few_images_for_the_folds_say_so() -> None:
    rows = [(f"{i}", "shirt", i % 2 == 0, float(i)) for i in range(4)]
    table = unsupported.adds_anything(*tables(*rows))
    assert table["value"].isna().all() and table["note"].str.contains("too few images").all()
    rows = [(f"{i}", "shirt", i == 0, float(i)) for i in range(10)]  # the fold of the only right one
    table = unsupported.adds_anything(*tables(*rows))
    assert table["value"].isna().all() and set(table["n"]) == {0, 10}


# -- how often ---------------------------------------------------------------------------------------------------------


def test_rates_in_training_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    shirt = frozenset({"shirt"})
    examples = [
        Shows("a", shirt, (("a", "shirt"), ("shirt",))),
        Shows("b", captions=(("a", "shirt"),)),
        Shows("c", shirt),
    ]
    captions = ["a shirt on a shirt", "a shirt", "a dog"]
    monkeypatch.setattr(unsupported, "say", lambda *_: [tuple(c.split()) for c in captions])
    table = unsupported.training_rates(captioner(0), examples, OBJECTS).set_index("word")
    assert table.loc["shirt", ["said", "right", "rate", "mentioned", "images"]].tolist() == [2, 1, 0.5, 2, 3]
    assert table.loc["dog", ["said", "right", "rate", "mentioned"]].tolist() == [1, 0, 0, 0]
    assert table.loc["man", "said"] == 0 and table.loc["man", "rate"] == pytest.approx(1 / 3)
    assert "never said" in table.loc["man", "note"] and not table.loc["dog", "note"]


def test_rates_without_any_object_word_are_missing_and_note_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsupported, "say", lambda *_: [("it",)])
    table = unsupported.training_rates(captioner(0), [Shows("a")], OBJECTS)
    assert table["rate"].isna().all() and table["note"].str.contains("never said").all()
    words, scores, _ = tables(("a", "shirt", True, 1.0), ("b", "shirt", False, 0.0))
    found = unsupported.auc_table(words, scores, table)
    assert set(found[found["score"] == "rate"]["n"]) == {0}


def test_share_of_made_up_words_beside_what_the_paper_prints() -> None:
    rows = [(f"{i}", "shirt", i == 0, 0.0) for i in range(4)] + [("0", "dog", True, 0.0), ("1", "dog", True, 0.0)]
    table = unsupported.made_up_rates(tables(*rows)[0], rates(), minimum=3).set_index("word")
    assert list(table.index) == ["all", "frequent", "shirt", "dog"]
    assert list(table["value"]) == [0.5, 0.75, 0.75, 0] and list(table["n"]) == [6, 4, 4, 2]
    assert table.loc["shirt", "printed"] == 0.65 and table.loc["shirt", "mentioned"] == 0.25
    assert table.loc["shirt", "printed_mentioned"] == pytest.approx(0.24407, abs=1e-5)
    assert table.loc["dog", ["low", "high"]].tolist() == [0, 0] and pd.isna(table.loc["dog", "printed"])
    assert table.loc["frequent", "printed"] == pytest.approx(0.4842, abs=1e-4)

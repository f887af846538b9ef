"""Word ablation against captions written without the words, and a choice of words worked out by hand."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import WORDS, picture
from small import captioner as tiny
from test_masking import Named

import capxai_core as cx
from capxai_core.evaluate.ablation import ablation_rows, ablation_table, deleted_words, highest
from capxai_core.evaluate.records import Explained
from capxai_core.models.captioner import Captioner


def explained(model: Captioner, image: torch.Tensor, ids: tuple[int, ...], **words: torch.Tensor | None) -> Explained:
    """A caption whose preceding words have the scores given, (T, T) with `<start>` first."""
    caption, n = model.follow(model.see(image), ids, ended=False), len(ids)
    found = {
        name: cx.Explanation(name, caption, tuple(range(n)), torch.zeros(n, 16, 16), x, caption.log_probs, signed=True)
        for name, x in words.items()
    }
    return Explained(Named("picture"), image, caption, found)


def probability(model: Captioner, image: torch.Tensor, ids: list[int]) -> float:
    """Of the last word of a caption."""
    return model.follow(model.see(image), ids, ended=False).log_probs[-1].exp().item()


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 1000),
    st.sampled_from(["adaptive", "grid_td"]),
    st.lists(st.integers(6, WORDS - 1), min_size=1, max_size=5),
    st.integers(1, 2),
)
def test_drops_are_those_of_the_caption_without_the_words(seed: int, kind: str, before: list[int], k: int) -> None:
    model, image, ids = tiny(seed, kind), picture(seed), (*before, 5)
    scores = torch.randn(len(ids), len(ids), generator=torch.Generator().manual_seed(seed))
    e = explained(model, image, ids, lrp=scores, attention=None)
    rows = ablation_rows(model, e, {"w1": k})
    if len(before) < k:
        assert [(row["method"], row["drop"]) for row in rows] == [("", None)]
        return
    p = probability(model, image, [*before, 5])
    drops = {
        gone: p - probability(model, image, [w for i, w in enumerate(before) if i not in gone] + [5])
        for gone in combinations(range(len(before)), k)
    }
    order = sorted(range(len(before)), key=lambda i: -scores[-1, 1 + i])
    by_size = sorted(range(len(before)), key=lambda i: -scores[-1, 1 + i].abs())
    expected = {
        ("lrp", "score"): drops[tuple(sorted(order[:k]))],
        ("lrp", "absolute"): drops[tuple(sorted(by_size[:k]))],
        ("nearest", "score"): drops[tuple(range(len(before)))[-k:]],
        ("random", "score"): np.mean(list(drops.values())),
    }
    found = {(row["method"], row["ranking"]): row["drop"] for row in rows}
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert all(row["probability"] == pytest.approx(p) and row["position"] == len(before) for row in rows)


def test_the_sign_decides_unless_it_is_left_out_and_start_stays() -> None:
    ids = (10, 11, 12, 5)
    scores = torch.zeros(4, 4)
    scores[3] = torch.tensor([9.0, 1.0, -5.0, 2.0])  # <start> has the most
    e = explained(tiny(1), picture(1), ids, lrp=scores)
    rows = ablation_rows(tiny(1), e, {"w1": 1})
    gone = {(row["method"], row["ranking"]): row["deleted"] for row in rows}
    assert gone == {
        ("lrp", "score"): "w8",
        ("lrp", "absolute"): "w7",
        ("nearest", "score"): "w8",
        ("random", "score"): "",
    }
    rows = ablation_rows(tiny(1), e, {"w1": 2})
    assert {row["ranking"]: row["deleted"] for row in rows if row["method"] == "lrp"} == {
        "score": "w6 w8",
        "absolute": "w7 w8",
    }


def test_of_equal_scores_the_nearer_word_goes_first() -> None:
    assert highest(np.array([1.0, 2.0, 2.0, 0.0]), 1) == (2,)
    assert highest(np.array([0.0, 0.0, 0.0]), 2) == (1, 2)


def test_every_occurrence_counts_and_those_with_too_few_predecessors_are_counted_apart() -> None:
    model, image = tiny(2), picture(2)
    ids = (5, 6, 5, 6, 6)
    rows = ablation_rows(model, explained(model, image, ids), {"w1": 1, "w2": 2})
    assert [(row["position"], row["word"], row["method"]) for row in rows] == [
        (0, "w1", ""),
        (1, "w2", ""),
        (2, "w1", "nearest"),
        (2, "w1", "random"),
        (3, "w2", "nearest"),
        (3, "w2", "random"),
        (4, "w2", "nearest"),
        (4, "w2", "random"),
    ]
    table = ablation_table(pd.DataFrame(rows), {"w1": 1, "w2": 2, "w3": 1})
    counts = table.drop_duplicates("word").set_index("word")[["n", "left_out", "note"]]
    assert counts["n"].to_dict() == {"w1": 1, "w2": 2, "w3": 0}
    assert counts["left_out"].to_dict() == {"w1": 1, "w2": 1, "w3": 0}
    assert counts["note"]["w3"] == "nothing selected"


def test_the_table_by_hand() -> None:
    drops = {("lrp", "score"): (0.4, 0.2), ("nearest", "score"): (0.1, 0.1), ("random", "score"): (0.0, 0.2)}
    rows = [
        {"image": image, "position": 3, "word": "is", "method": method, "ranking": ranking, "drop": values[k]}
        for (method, ranking), values in drops.items()
        for k, image in enumerate("ab")
    ]
    table = ablation_table(pd.DataFrame(rows), {"is": 1}).set_index(["method", "ranking", "against"])
    assert table["value"].to_dict() == pytest.approx(
        {
            ("lrp", "score", ""): 0.3,
            ("lrp", "score", "nearest"): 0.2,
            ("lrp", "score", "random"): 0.2,
            ("nearest", "score", ""): 0.1,
            ("random", "score", ""): 0.1,
        }
    )
    assert table["sd"]["lrp", "score", ""] == pytest.approx(0.1)
    assert table["sd"]["lrp", "score", "random"] == pytest.approx(0.2)


@pytest.mark.parametrize("rows", [[], [{"image": "a", "position": 0, "word": "is", "method": "", "drop": None}]])
def test_without_a_word_to_ablate_the_table_says_so(rows: list[dict]) -> None:
    table = ablation_table(pd.DataFrame(rows))
    assert table["word"].tolist() == ["is", "are"] and table["n"].tolist() == [0, 0]
    assert table["left_out"].tolist() == [len(rows), 0] and set(table["note"]) == {"nothing selected"}


def test_the_same_rows_come_twice() -> None:
    model, image = tiny(3), picture(3)
    caption = model.follow(model.see(image), (7, 8, 9, 5), ended=False)
    e = Explained(Named("picture"), image, caption, {"lrp": cx.explain(model, image, caption)})
    assert ablation_rows(model, e, {"w1": 2}) == ablation_rows(model, e, {"w1": 2}) != []


def test_the_most_frequent_choices_are_counted_with_what_each_costs() -> None:
    chosen = [("lrp", "man", 0.5), ("lrp", "man", 0.3), ("lrp", "a", 0.1), ("lrp", "dog", 0.2), ("random", "", 0.4)]
    columns = ["method", "deleted", "drop"]
    table = pd.DataFrame(chosen, columns=columns).assign(word="is", ranking="score", image="x", position=4)
    short = {"method": "", "ranking": "", "deleted": "", "drop": None, "word": "is", "image": "y", "position": 0}
    found = deleted_words(pd.concat([table, pd.DataFrame([short])], ignore_index=True), most=2)
    assert found[["method", "deleted", "times", "n"]].values.tolist() == [["lrp", "man", 2, 4], ["lrp", "a", 1, 4]]
    assert found["drop"].tolist() == pytest.approx([0.4, 0.1])
    assert list(deleted_words(pd.DataFrame())) == list(found)

"""Attention correctness: on maps, boxes and masks small enough to work the answers out by hand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import captioner, picture
from torch import Tensor

import capxai_core as cx
from capxai_core.data.examples import ObjectAnnotation
from capxai_core.errors import RequestError
from capxai_core.evaluate.localisation import (
    SCORES,
    correctness,
    discrimination_rows,
    localisation_curves,
    localisation_rows,
    localisation_table,
)
from capxai_core.evaluate.records import Explained
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import upsample
from capxai_core.models.explainable import Caption

GRID, SIZE = 4, 8
QUICK = settings(deadline=None, max_examples=20)
LEFT, TOP, CORNER = (0.0, 0.0, 0.5, 1.0), (0.0, 0.0, 1.0, 0.5), (0.0, 0.0, 0.5, 0.5)


@dataclass(frozen=True)
class Shown:
    """A picture with objects and what people said of it."""

    captions: tuple[tuple[str, ...], ...]
    objects: tuple[ObjectAnnotation, ...]
    name: str = "picture-0"


def thing(word: str, box: tuple[float, float, float, float], mask: np.ndarray | None = None) -> ObjectAnnotation:
    return ObjectAnnotation(word, (word, word + "s"), box, mask)


def filled(box: tuple[float, float, float, float], size: int = SIZE) -> Tensor:
    """A map (size, size) that is 1 in a box whose corners are corners of pixels."""
    x, y, w, h = (round(size * part) for part in box)
    e = torch.zeros(size, size)
    e[y : y + h, x : x + w] = 1
    return e


def told(
    said: str,
    objects: Sequence[ObjectAnnotation],
    maps: dict[str, Sequence[Tensor]],
    references: str | None = None,
    image: Tensor | None = None,
    name: str = "picture-0",
) -> Explained:
    """A caption, explained by the maps of its words by each method; references: as said unless told otherwise."""
    words = tuple(said.split())
    caption = Caption(words, tuple(range(4, 4 + len(words))), torch.zeros(len(words)), None, None, True, 0.0)
    example = Shown(((said if references is None else references).split(),), tuple(objects), name)  # type: ignore[arg-type]
    explanations = {
        method: Explanation(
            method, caption, tuple(range(len(words))), torch.stack(list(e)), None, torch.zeros(len(words)),
            cx.METHODS[method].signed,
        )
        for method, e in maps.items()
    }  # fmt: skip
    return Explained(example, torch.zeros(3, SIZE, SIZE) if image is None else image, caption, explanations)  # type: ignore[arg-type]


def rows(e: Explained, **wanted: Any) -> list[dict[str, Any]]:
    return [row for row in localisation_rows(e, GRID) if all(row[key] == value for key, value in wanted.items())]


def scores(e: Explained, **wanted: Any) -> list[float]:
    """c0 … c9 of the only row asked for."""
    [row] = rows(e, **{"method": "lrp", "resolution": "own", "sign": "+", "region": "union"} | wanted)
    return [row[score] for score in SCORES]


# --- equation (13) ---


def test_a_map_that_is_the_box_scores_1_and_one_beside_it_0() -> None:
    for resolution in ("own", "pooled"):
        inside, beside = told("dog", [thing("dog", LEFT)], {"lrp": [filled(LEFT)]}), filled((0.5, 0, 0.5, 1))
        assert scores(inside, resolution=resolution) == [1] * 10
        assert scores(told("dog", [thing("dog", LEFT)], {"lrp": [beside]}), resolution=resolution) == [0] * 10


def test_only_what_is_above_a_threshold_counts() -> None:
    # Normalised: 1 and .25 in the box, .5 and .25 outside of it.
    e = torch.tensor([[4.0, 2, -9, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, -3, 0, 0]])
    found = correctness(e, torch.tensor([[1.0, 0, 0, 0]] * 4).unsqueeze(0))[:, 0]
    assert found.tolist() == pytest.approx([5 / 8] * 3 + [4 / 6] * 2 + [1] * 5)


@QUICK
@given(st.floats(1e-20, 1e20), st.integers(0, 2**16))
def test_the_scale_of_a_map_does_not_matter(scale: float, seed: int) -> None:
    e = torch.randn(5, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    region = torch.eye(5, dtype=torch.float64).unsqueeze(0)
    torch.testing.assert_close(correctness(e * scale, region), correctness(e, region))


def test_negative_evidence_counts_for_the_dashed_curves_alone() -> None:
    e = told("dog", [thing("dog", LEFT)], {"lrp": [filled(LEFT) - 3 * filled((0.5, 0, 0.5, 1))]})
    for resolution in ("own", "pooled"):
        assert scores(e, resolution=resolution) == [1] * 10
        assert scores(e, resolution=resolution, sign="-") == [0] * 10


def test_methods_whose_sign_means_nothing_have_no_dashed_curve() -> None:
    made = rows(told("dog", [thing("dog", LEFT)], {"lrp": [filled(LEFT)], "gradcam": [filled(LEFT)]}))
    assert {(row["method"], row["sign"]) for row in made} == {
        ("lrp", "+"), ("lrp", "-"), ("gradcam", "+"), ("uniform", "+"), ("centre", "+")
    }  # fmt: skip


def test_a_map_without_evidence_scores_0_and_is_counted() -> None:
    for nothing in (torch.zeros(SIZE, SIZE), torch.full((SIZE, SIZE), -2.0)):
        e = told("dog", [thing("dog", LEFT)], {"lrp": [nothing]})
        for row in rows(e, method="lrp", sign="+"):
            assert row["empty"] and [row[score] for score in SCORES] == [0] * 10
    assert not any(row["empty"] for row in rows(e, method="lrp", sign="-"))
    assert not any(row["empty"] for row in rows(e, method="uniform"))


def test_a_constant_map_scores_as_the_uniform_map_does() -> None:
    e = told("dog", [thing("dog", CORNER)], {"lrp": [torch.full((SIZE, SIZE), 7.0)]})
    assert scores(e) == scores(e, method="uniform") == [0.25] * 10


@QUICK
@given(st.tuples(*[st.floats(0, 0.7)] * 2, *[st.floats(0.01, 0.3)] * 2))
def test_the_uniform_map_scores_the_share_of_any_box(box: tuple[float, float, float, float]) -> None:
    e = told("dog", [thing("dog", box)], {"lrp": [filled(LEFT)]})
    for resolution in ("own", "pooled"):
        [row] = rows(e, method="uniform", resolution=resolution, region="union")
        assert [row["share"], *(row[score] for score in SCORES)] == pytest.approx([box[2] * box[3]] * 11)


def test_a_map_with_a_hole_in_its_numbers_is_no_result() -> None:
    one = filled(LEFT)
    one[0, 0] = math.nan
    for e in (one, torch.full((SIZE, SIZE), math.nan)):
        table = pd.DataFrame(rows(told("dog", [thing("dog", LEFT)], {"lrp": [e]})))
        with pytest.raises(RequestError, match="picture-0: a value is missing"):
            localisation_curves(table)


# --- several instances ---


def test_the_union_counts_what_two_boxes_share_once_and_the_best_box_stands_alone() -> None:
    dogs = [thing("dog", LEFT), thing("dog", TOP)]
    e = told("dogs", dogs, {"lrp": [torch.ones(SIZE, SIZE)]})
    assert scores(e) == [0.75] * 10
    assert scores(e, region="best") == [0.5] * 10
    assert [row["share"] for row in rows(e, method="lrp", resolution="own", sign="+")] == [0.75, 0.5]
    e = told("dogs", dogs, {"lrp": [filled(TOP)]})
    assert scores(e) == scores(e, region="best") == [1] * 10


def test_every_box_is_judged_on_the_untouched_map() -> None:
    # One box holds the peak, 1, of a map that is .25 elsewhere: 1 of 1 + 63 · .25, though alone above .9.
    e = torch.full((SIZE, SIZE), 0.25)
    e[7, 7] = 1
    dogs = [thing("dog", (0, 0, 0.125, 0.125)), thing("dog", (0.875, 0.875, 0.125, 0.125))]
    expected = [1 / 16.75] * 3 + [1] * 7
    before = e.clone()
    assert scores(told("dogs", dogs, {"lrp": [e]}), region="best") == pytest.approx(expected)
    assert scores(told("dogs", dogs[::-1], {"lrp": [e]}), region="best") == pytest.approx(expected)
    assert scores(told("dogs", dogs, {"lrp": [e]})) == pytest.approx([1.25 / 16.75] * 3 + [1] * 7)
    assert torch.equal(e, before)


@QUICK
@given(st.integers(0, 2**16), st.permutations(range(3)))
def test_the_order_of_the_objects_does_not_matter(seed: int, order: list[int]) -> None:
    generator = torch.Generator().manual_seed(seed)
    e = torch.randn(SIZE, SIZE, generator=generator)
    corners, sides = torch.rand(3, 2, generator=generator) / 2, torch.rand(3, 2, generator=generator) / 2
    dogs = [thing("dog", tuple(box)) for box in torch.cat([corners, sides], 1).tolist()]
    made, again = (told("dogs", x, {"lrp": [e]}) for x in (dogs, [dogs[i] for i in order]))
    for region in ("union", "best"):
        assert scores(made, region=region) == pytest.approx(scores(again, region=region))


def test_masks_are_resized_to_the_map_and_judged_where_every_instance_has_one() -> None:
    triangle = np.tri(32, dtype=bool)
    e = told("dog", [thing("dog", (0, 0, 1, 1), triangle)], {"lrp": [torch.ones(SIZE, SIZE)]})
    for resolution in ("own", "pooled"):
        assert scores(e, resolution=resolution, region="mask") == pytest.approx([triangle.mean()] * 10)
    e = told("dog", [thing("dog", (0, 0, 1, 1), triangle)], {"lrp": [torch.ones(SIZE, SIZE).triu(1)]})
    assert scores(e, region="mask") == [0] * 10 and scores(e) == [1] * 10
    two = [thing("dog", LEFT, filled(LEFT).bool().numpy()), thing("dog", TOP, filled(TOP).bool().numpy())]
    assert scores(told("dogs", two, {"lrp": [torch.ones(SIZE, SIZE)]}), region="mask") == [0.75] * 10
    assert not rows(told("dogs", [*two, thing("dog", CORNER)], {"lrp": [filled(LEFT)]}), region="mask")


# --- which words ---


def test_a_word_is_judged_when_a_reference_has_it_and_it_names_an_object() -> None:
    said, objects = "dog with cats on grass", [thing("dog", LEFT), thing("cat", TOP)]
    maps = {"lrp": [filled(LEFT)] * 5}
    for references, judged in (
        ("a dog and cats", {"dog", "cats"}),
        ("a dog and a cat", {"dog"}),  # the exact token
        ("grass with nothing", set()),
        ("", set()),
    ):
        assert {row["word"] for row in rows(told(said, objects, maps, references))} == judged
    assert rows(told(said, [], maps)) == []
    assert rows(told("", objects, {}, "dog")) == []


def test_a_word_said_twice_is_judged_once_where_it_is_said_first() -> None:
    e = told("a dog sees a dog", [thing("dog", LEFT)], {"lrp": [filled(TOP)] * 4 + [filled(LEFT)]})
    assert {(row["word"], row["position"]) for row in rows(e)} == {("dog", 1)}
    assert scores(e) == [0.5] * 10


def test_each_word_is_judged_on_its_own_map_and_object() -> None:
    # A map that also held what an earlier word's did would score a half for the second word.
    e = told(
        "dog with cat",
        [thing("dog", LEFT), thing("cat", (0.5, 0, 0.5, 1))],
        {"lrp": [filled(LEFT), torch.zeros(SIZE, SIZE), filled((0.5, 0, 0.5, 1))]},
    )
    assert scores(e, word="dog") == scores(e, word="cat") == [1] * 10


@pytest.mark.parametrize("method", ["lrp", "gradcam", "guided_gradcam", "gradient_input", "attention"])
def test_a_word_scores_the_same_alone_and_after_others(method: str) -> None:
    model, image = captioner(1), picture(2)
    caption = model.read(image, "w1 w2 w3")
    example = Shown((caption.words,), tuple(thing(f"w{i}", (0.2 * i, 0.1, 0.3, 0.6)) for i in (1, 2, 3)))
    every = Explained(example, image, caption, {method: cx.explain(model, image, caption, method)})  # type: ignore[arg-type]
    alone = Explained(example, image, caption, {method: cx.explain(model, image, caption, method, words=[2])})  # type: ignore[arg-type]
    wanted = [row for row in localisation_rows(every, model.encoder.grid) if row["word"] == "w3"]
    found = [row for row in localisation_rows(alone, model.encoder.grid) if row["word"] == "w3"]
    assert len(found) == len(wanted) > 0
    for a, b in zip(found, wanted, strict=True):
        assert [a[score] for score in SCORES] == pytest.approx([b[score] for score in SCORES], abs=1e-9)


# --- at one resolution, and beside maps that know nothing ---


def test_pooling_takes_the_mean_evidence_of_each_cell() -> None:
    # Two cells of 2 × 2 pixels: one holds 4, the other 4 · .5 and no less, though with the sign it would be 0.
    e = torch.zeros(SIZE, SIZE)
    e[0, 0] = 4
    e[6:, 6:] = torch.tensor([[2.0, -2], [-2, 2]])
    made = told("dog", [thing("dog", CORNER)], {"lrp": [e]})
    assert scores(made) == pytest.approx([0.5] * 5 + [1] * 5)
    assert scores(made, resolution="pooled") == pytest.approx([0.5] * 10)


def test_pooling_gives_a_map_of_the_grid_back() -> None:
    grid = torch.zeros(GRID, GRID)
    grid[1, 1], grid[2, 2] = 1, 0.5
    box = (0.25, 0.25, 0.25, 0.25)
    e = told("dog", [thing("dog", box)], {"gradcam": [upsample(grid.unsqueeze(0), 64)[0]]})
    found, own = (scores(e, method="gradcam", resolution=r) for r in ("pooled", "own"))
    assert found[2:4] == pytest.approx([2 / 3] * 2, abs=0.03) and found[6:] == [1] * 4
    assert own[2] < 0.55


def test_the_centre_is_where_the_centre_prior_is() -> None:
    middle, corner = (0.25, 0.25, 0.5, 0.5), CORNER
    for resolution in ("own", "pooled"):
        inside, beside = (
            scores(told("dog", [thing("dog", box)], {"lrp": [filled(LEFT)]}), method="centre", resolution=resolution)
            for box in (middle, corner)
        )
        assert beside == pytest.approx([0.25] * 10)  # a quarter of a symmetric map
        assert all(a > 0.4 for a in inside) and inside[-1] == 1


def test_edges_are_weighed_by_attention() -> None:
    image = torch.zeros(3, 64, 64)
    image[:, :, 16:] += 0.5
    image[:, :, 48:] += 0.5
    left = (0.0, 0.0, 0.5, 1.0)
    for attention, expected in ((torch.ones(32, 32), 0.5), (filled(left, 32), 1.0)):
        e = told("dog", [thing("dog", left)], {"attention": [attention]}, image=image)
        assert scores(e, method="edges_attention") == pytest.approx([expected] * 10, abs=0.02)
    one_edge = (0.2, 0.0, 0.1, 1.0)
    e = told("dog", [thing("dog", one_edge)], {"attention": [filled(left, 32)]}, image=image)
    assert scores(e, method="edges_attention")[5] > 0.99 and scores(e, method="attention")[5] == pytest.approx(0.2)
    assert not rows(told("dog", [thing("dog", left)], {"lrp": [filled(left)]}), method="edges_attention")


# --- words against each other ---


def apart(e: Explained, **wanted: Any) -> list[list[float]]:
    wanted = {"method": "lrp", "resolution": "own", "sign": "+", "region": "union"} | wanted
    made = discrimination_rows(e, GRID)
    return [[r[score] for score in SCORES] for r in made if all(r[key] == value for key, value in wanted.items())]


def test_a_words_map_is_judged_on_its_own_box_less_on_the_others() -> None:
    right = (0.5, 0.0, 0.5, 1.0)
    objects = [thing("dog", LEFT), thing("cat", right)]
    e = told("dog cat", objects, {"lrp": [filled(LEFT), filled(LEFT)]})
    assert apart(e, word="dog", other="cat") == [[1] * 10]
    assert apart(e, word="cat", other="dog") == [[-1] * 10]
    e = told("dog cat", objects, {"lrp": [filled(TOP), filled(TOP)]})
    assert apart(e) == [[0] * 10] * 2


@QUICK
@given(st.integers(0, 2**16))
def test_a_map_that_is_the_same_for_every_word_tells_none_apart(seed: int) -> None:
    e = torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
    objects = [thing("dog", LEFT), thing("cat", TOP), thing("man", (0.3, 0.1, 0.2, 0.9)), thing("man", CORNER)]
    made = pd.DataFrame(discrimination_rows(told("man with dog and cat", objects, {"lrp": [e] * 5}), GRID))
    assert len(made[(made.method == "lrp") & (made.resolution == "own")]) == 6 * 2 * 2  # pairs, signs, regions
    means = made.groupby(["method", "resolution", "sign", "region"])[["share", *SCORES]].mean()
    assert np.abs(means.to_numpy()).max() < 1e-12


def test_words_for_one_object_are_not_held_against_each_other() -> None:
    man = ObjectAnnotation("man", ("man", "people"), LEFT)
    boy = ObjectAnnotation("boy", ("boy", "people"), CORNER)
    e = told("people man boy", [man, boy], {"lrp": [filled(LEFT)] * 3})
    made = discrimination_rows(e, GRID)
    assert {(row["word"], row["other"]) for row in made} == {("man", "boy"), ("boy", "man")}
    assert discrimination_rows(told("man", [man], {"lrp": [filled(LEFT)]}), GRID) == []
    assert discrimination_rows(told("", [man], {}, "man"), GRID) == []


# --- summaries ---


def recorded() -> pd.DataFrame:
    """Three pictures of a dog on the left: LRP is right, wrong and silent, attention spread out everywhere."""
    wholly, dog = torch.ones(SIZE, SIZE), [thing("dog", LEFT)]
    maps = {"a": filled(LEFT), "b": filled((0.5, 0, 0.5, 1)), "c": torch.zeros(SIZE, SIZE)}
    made = [told("dog", dog, {"lrp": [e], "attention": [wholly]}, name=name) for name, e in maps.items()]
    return pd.DataFrame([row for e in made for row in localisation_rows(e, GRID)])


def test_curves_are_means_over_words_with_silent_maps_as_0() -> None:
    curves = localisation_curves(recorded())
    asked = curves[(curves.method == "lrp") & (curves.resolution == "own") & (curves.region == "union")]
    positive = asked[asked.sign == "+"]
    assert list(positive.threshold) == [k / 10 for k in range(10)]
    assert list(positive.value) == pytest.approx([1 / 3] * 10)
    assert set(positive.low) == {0} and set(positive.high) == {1}
    assert set(positive.n) == set(positive.images) == {3}
    assert list(positive.covered) == pytest.approx([2 / 3] * 10)
    assert set(asked[asked.sign == "-"].covered) == {0} and set(asked[asked.sign == "-"].value) == {0}
    assert set(curves[curves.method == "attention"].value) == {0.5}


def test_the_table_compares_the_same_words_in_pairs() -> None:
    table = localisation_table(recorded()).set_index(["method", "resolution", "sign", "region", "against"])
    for region in ("union", "best"):
        mean, less = (table.loc[("lrp", "pooled", "+", region, against)] for against in ("", "attention"))
        assert mean.value == pytest.approx(1 / 3) and mean.covered == pytest.approx(2 / 3)
        assert (less.value, less.low, less.high) == pytest.approx((1 / 3 - 1 / 2, -0.5, 0.5))
        assert less.p == 1 and (less.n, less.images) == (3, 3)  # however .5, -.5 and -.5 are signed, it is as much
    assert table.loc[("attention", "own", "+", "union", "uniform")].value == 0
    assert table.loc[("lrp", "own", "-", "union", "uniform")].value == -0.5
    assert ("uniform", "own", "+", "union", "uniform") not in table.index
    signs = table.loc[("lrp", "own", "+", "union", "negative")]  # what is negative of these maps lies nowhere
    assert (signs.value, signs.n) == (pytest.approx(1 / 3), 3)
    assert ("lrp", "own", "-", "union", "negative") not in table.index
    assert ("attention", "own", "+", "union", "negative") not in table.index


def test_a_comparison_leaves_out_words_that_the_other_method_did_not_explain() -> None:
    made = recorded()
    table = localisation_table(made[(made.method != "attention") | (made.image != "b")])
    asked = table[(table.method == "lrp") & (table.sign == "+") & (table.region == "union")]
    assert list(asked[asked.against == "attention"].n) == [2, 2]
    assert list(asked[asked.against == ""].n) == [3, 3]


def test_what_cannot_be_compared_or_is_empty_says_so() -> None:
    made = recorded()
    table = localisation_table(made[made.method == "lrp"])
    missing = table[~table.against.isin(["", "negative"])]
    assert len(missing) and set(missing.n) == {0} and set(missing.note) == {"nothing selected"}
    assert missing.value.isna().all()
    for nothing in (pd.DataFrame(), made[:0]):
        curves, table = localisation_curves(nothing), localisation_table(nothing)
        for found, count in ((curves, 10), (table, 3)):
            assert len(found) == count and set(found.n) == {0} and set(found.note) == {"nothing selected"}
            assert list(found.value) == [None] * count


def test_summaries_are_the_same_every_time_and_take_both_kinds_of_rows() -> None:
    made = recorded()
    for summary in (localisation_curves, localisation_table):
        assert summary(made).equals(summary(made))
    objects = [thing("dog", LEFT), thing("cat", (0.5, 0, 0.5, 1)), thing("man", CORNER)]
    e = told("dog cat man", objects, {"lrp": [filled(LEFT)] * 3})
    found = localisation_table(pd.DataFrame(discrimination_rows(e, GRID)))
    asked = found[(found.method == "lrp") & (found.sign == "+") & (found.region == "union")]
    asked = asked[asked.against != "attention"]
    assert set(asked.value) == {0} and set(asked.n) == {6} and set(asked.note) == {"one image: no interval"}

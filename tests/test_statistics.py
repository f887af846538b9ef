"""Means, differences and AUCs with intervals: against answers worked by hand and the bootstrap written down plainly."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capxai_core.errors import RequestError
from capxai_core.evaluate.statistics import auc_difference, auc_interval, mean_interval, paired_difference


def plain_auc(scores: list[float], labels: list[bool], strata: list[int]) -> float | None:
    rows = list(zip(scores, labels, strata, strict=True))
    pairs = [(a, b) for a, x, s in rows for b, y, t in rows if x and not y and s == t]
    return sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs) if pairs else None


def names(n: int) -> list[str]:
    return [f"picture-{i}" for i in range(n)]


# --- means ---


def test_a_mean_weighs_rows_and_its_draws_whole_images() -> None:
    # Of two images with the rows (1, 1) and (0), four equally likely draws have the means 1, 2/3, 2/3 and 0.
    found = mean_interval([1, 1, 0], ["a", "a", "b"])
    assert found.value == pytest.approx(2 / 3)
    assert (found.low, found.high, found.n, found.images) == (0, 1, 3, 2)


def test_the_interval_is_that_of_all_possible_draws() -> None:
    values = [3.0, -1.2, 4.1, 1.5, 9.3, 2.2]
    means = np.mean(list(itertools.product(values, repeat=6)), axis=1)
    found = mean_interval(values, names(6), draws=40_000)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(means, (2.5, 97.5))), abs=0.08)


def test_the_interval_is_the_textbooks_where_that_holds() -> None:
    values = np.random.default_rng(5).normal(2, 3, 900)
    found = mean_interval(values, names(900))
    reach = 1.96 * values.std() / math.sqrt(900)
    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=reach / 8)


def test_repeating_what_an_image_says_makes_nothing_surer() -> None:
    values, images = np.arange(12.0) ** 2, names(12)
    once, thrice = mean_interval(values, images), mean_interval(np.repeat(values, 3), np.repeat(images, 3))
    assert (once.value, once.low, once.high) == pytest.approx((thrice.value, thrice.low, thrice.high))
    assert (thrice.n, thrice.images) == (36, 12)


def test_nothing_selected_and_one_image_say_so() -> None:
    for found in (mean_interval([], []), paired_difference([], [], [])):
        assert (found.value, found.low, found.high, found.n, found.images, found.p) == (None, None, None, 0, 0, None)
        assert found.note == "nothing selected"
    for found in (mean_interval([1, 3], ["a", "a"]), paired_difference([1, 3], [0, 0], ["a", "a"])):
        assert (found.value, found.low, found.high, found.n, found.images, found.p) == (2, None, None, 2, 1, None)
        assert found.note == "one image: no interval"


def test_a_row_of_a_table_holds_what_an_interval_is() -> None:
    row = mean_interval([1, 1], ["a", "b"]).row()
    assert row == {"value": 1, "low": 1, "high": 1, "n": 2, "images": 2, "note": ""}


# --- differences ---


def test_p_is_the_share_of_flips_that_differ_as_much() -> None:
    # Three images, differences 1, 2 and 4: of the 8 ways to sign them only two reach 7.
    found = paired_difference([2, 3, 5], [1, 1, 1], names(3), draws=20_000)
    assert found.value == pytest.approx(7 / 3)
    assert found.p == pytest.approx(2 / 8, abs=0.01)


def test_an_images_rows_are_flipped_together() -> None:
    # All four rows as one: two of 2 ways. Each row alone would have been two of 16.
    found = paired_difference([1, 1, 1, 1, 0], [0, 0, 0, 0, 0], ["a", "a", "a", "a", "b"], draws=4000)
    assert found.p == pytest.approx(1)


def test_pairing_sees_what_two_means_do_not() -> None:
    rng = np.random.default_rng(2)
    a = rng.normal(0, 10, 200)
    b = a - rng.normal(0.5, 0.1, 200)
    found = paired_difference(a, b, names(200))
    alone = mean_interval(a, names(200))
    assert found.low is not None and found.high is not None and 0.45 < found.low < found.high < 0.55
    assert found.p == pytest.approx(1 / 2001)
    assert alone.low is not None and alone.high is not None and alone.high - alone.low > 2


def test_equal_values_do_not_differ() -> None:
    values = np.random.default_rng(3).normal(size=30)
    found = paired_difference(values, values, names(30))
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


# --- areas under the curve ---


def test_ties_count_half() -> None:
    assert auc_interval([2, 1, 1, 0], [1, 1, 0, 0], names(4)).value == 3.5 / 4
    assert auc_interval([7, 7, 7], [1, 0, 0], names(3)).value == 0.5


def test_only_pairs_within_a_stratum_count() -> None:
    # Won are 3 of the 4 pairs of stratum a and 0 of the 1 of b, whose scores all lie higher; pooled 1 + 2 + 2 of 9.
    scores, labels, strata = [1, 3, 0, 2, 10, 11], [1, 1, 0, 0, 1, 0], list("aaaabb")
    assert auc_interval(scores, labels, names(6), strata).value == 3 / 5
    assert auc_interval(scores, labels, names(6)).value == 5 / 9


def test_which_stratum_it_is_predicts_nothing_within_strata() -> None:
    labels = [1, 1, 1, 0, 1, 0, 0, 0]
    scores = strata = [1, 1, 1, 1, 0, 0, 0, 0]
    assert auc_interval(scores, labels, names(8), strata).value == 0.5
    assert auc_interval(scores, labels, names(8)).value == 0.75


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=12)
)
def test_an_auc_and_its_draws_are_those_of_counting_pairs(rows: list[tuple[int, bool, int, int]]) -> None:
    scores, labels, strata, of = (list(column) for column in zip(*rows, strict=True))
    images, draws = [f"picture-{i}" for i in of], 40
    found = auc_interval(scores, labels, images, strata, draws=draws)
    assert found.value == pytest.approx(plain_auc(scores, labels, strata))
    assert (found.n, found.images) == (len(rows), len(set(of)))
    if found.low is None:
        return
    present = sorted(set(images))
    weights = np.random.default_rng(0).multinomial(len(present), np.full(len(present), 1 / len(present)), draws)
    drawn = []
    for weight in weights:
        chosen = [row for row, image in zip(rows, images, strict=True) for _ in range(weight[present.index(image)])]
        plain = plain_auc(*([row[k] for row in chosen] for k in range(3)))
        drawn += [] if plain is None else [plain]
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(drawn, (2.5, 97.5))))
    assert found.note == (f"{draws - len(drawn)} of 40 draws without a pair left out" if len(drawn) < draws else "")


@pytest.mark.parametrize(
    ("labels", "strata", "note"),
    [
        ([1, 1, 1], None, "3 true and 0 false rows make no pair"),
        ([0, 0, 0], None, "0 true and 3 false rows make no pair"),
        ([1, 0, 0], ["a", "b", "b"], "1 true and 2 false rows make no pair"),
    ],
)
def test_without_a_pair_there_is_no_auc(labels: list[int], strata: list[str] | None, note: str) -> None:
    for found in (
        auc_interval([1, 2, 3], labels, names(3), strata),
        auc_difference([1, 2, 3], [3, 2, 1], labels, names(3), strata),
    ):
        assert (found.value, found.low, found.high, found.p) == (None, None, None, None)
        assert (found.n, found.images, found.note) == (3, 3, note)


def test_without_a_row_there_is_no_auc() -> None:
    for found in (auc_interval([], [], [], []), auc_difference([], [], [], [])):
        assert (found.value, found.n, found.images, found.note) == (None, 0, 0, "nothing selected")


def test_a_difference_of_aucs_is_paired() -> None:
    rng = np.random.default_rng(8)
    labels = rng.random(300) < 0.5
    b = rng.normal(size=300) + labels
    a = b + 0.25 * labels
    images = names(300)
    found = auc_difference(a, b, labels, images)
    first, second = auc_interval(a, labels, images), auc_interval(b, labels, images)
    assert first.value is not None and second.value is not None
    assert found.value == pytest.approx(first.value - second.value)
    assert found.low is not None and found.high is not None and found.p is not None
    assert 0 < found.low < found.high and found.p < 0.01
    assert first.low is not None and second.high is not None and first.low < second.high
    back = auc_difference(b, a, labels, images)
    assert (back.value, back.low, back.high, back.p) == pytest.approx((-found.value, -found.high, -found.low, found.p))


def test_p_of_a_difference_of_aucs_is_twice_the_share_of_draws_on_the_other_side() -> None:
    rng = np.random.default_rng(11)
    labels = np.arange(24) % 2 == 0
    a, b = rng.normal(size=(2, 24)) + labels
    found = auc_difference(a, b, labels, np.arange(24), draws=200)
    differences = []
    for weight in np.random.default_rng(0).multinomial(24, np.full(24, 1 / 24), 200):
        drawn = np.repeat(np.arange(24), weight)
        first, second = (plain_auc(list(x[drawn]), list(labels[drawn]), [0] * 24) for x in (a, b))
        assert first is not None and second is not None
        differences.append(first - second)
    smaller = min(np.sum(np.array(differences) <= 0), np.sum(np.array(differences) >= 0))
    assert 5 < smaller < 80
    assert found.p == pytest.approx(2 * (1 + smaller) / 201)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(differences, (2.5, 97.5))))


def test_only_the_order_of_scores_matters() -> None:
    rng = np.random.default_rng(9)
    scores, labels = rng.normal(size=40), rng.random(40) < 0.4
    found = auc_difference(scores, np.exp(scores), labels, names(40))
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


# --- all of them ---


def test_the_same_rows_give_the_same_numbers_in_any_order_and_another_seed_others() -> None:
    rng = np.random.default_rng(4)
    scores, labels = rng.normal(size=250), rng.random(250) < 0.5
    images = np.array([f"picture-{i}" for i in rng.integers(0, 60, 250)])
    other = rng.permutation(250)

    def all_of(order: np.ndarray, seed: int) -> list[tuple]:
        x, y, of = scores[order], labels[order], images[order]
        made = (mean_interval(x, of, seed), paired_difference(x, y, of, seed), auc_interval(x, y, of, None, seed))
        made += (auc_difference(x, -x, y, of, None, seed),)
        return [(m.value, m.low, m.high, m.n, m.images) for m in made]

    as_they_are = np.arange(250)
    assert all_of(as_they_are, 0) == all_of(as_they_are, 0)
    assert np.array(all_of(other, 0)) == pytest.approx(np.array(all_of(as_they_are, 0)))
    for a, b in zip(all_of(as_they_are, 1), all_of(as_they_are, 0), strict=True):
        assert a[0] == b[0] and a[1:3] != b[1:3]


def test_a_missing_value_is_refused_and_its_image_named() -> None:
    for bad in (math.nan, math.inf):
        with pytest.raises(RequestError, match="image b: a value is missing or infinite"):
            mean_interval([1, bad], ["a", "b"])
        with pytest.raises(RequestError, match="image b"):
            auc_interval([1, bad], [1, 0], ["a", "b"])


def test_rows_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(RequestError, match="one value and one image a row"):
        mean_interval([1, 2], ["a"])
    with pytest.raises(RequestError, match="one value and one image a row"):
        paired_difference([1, 2], [1], ["a", "b"])
    with pytest.raises(RequestError, match="strata: one for each row"):
        auc_interval([1, 2], [1, 0], ["a", "b"], ["word"])
    with pytest.raises(RequestError, match="labels that are true or false"):
        auc_interval([1, 2], [1, 2], ["a", "b"])

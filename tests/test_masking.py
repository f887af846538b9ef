"""Masking against a captioner whose every answer is known, and against pictures masked by hand."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import captioner as tiny
from small import picture
from torch import Tensor, nn

import capxai_core as cx
from capxai_core.data.vocabulary import END, SPECIALS, START, Vocabulary
from capxai_core.evaluate.masking import REGIONS, cells, first_said, look_again, masking_rows, masking_table
from capxai_core.evaluate.records import Explained
from capxai_core.models.captioner import Captioner
from capxai_core.models.decoder import Features, Step

LAMP, DARK = 4, 5


@dataclass(frozen=True)
class Named:
    name: str


class Eye(nn.AvgPool2d):
    """Sees the brightness of each of 4 x 4 cells of a picture of 16 x 16 pixels."""

    size, grid = 16, 4

    def __init__(self) -> None:
        super().__init__(4)

    def normalise(self, image: Tensor) -> Tensor:
        return image.double().expand(3, 16, 16).unsqueeze(0) if image.shape[1] != 8 else image.new_ones(1, 3, 16, 16)


class Mouth(nn.Module):
    """Says `lamp` where the first cell is brighter than a half, else `dark`, and nothing more."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.fc = nn.Embedding(6, 7), nn.Linear(7, 6)
        with torch.no_grad():
            self.embedding.weight.copy_(torch.eye(6, 7).roll(1, 1))
            self.fc.weight.fill_(-40)
            self.fc.weight[:, 0] = 0
            self.fc.weight[LAMP, 0] = 10
            self.fc.weight[[LAMP, DARK], 1 + START] = 0
            self.fc.weight[END, [1 + LAMP, 1 + DARK]] = 0
            self.fc.bias.zero_()

    def encode(self, a: Tensor, ops: object = None) -> Features:
        light = nn.functional.pad(a.mean(1)[:, :1, 0] - 0.5, (0, 6))
        return Features(a.flatten(2), light, a)

    def start(self, rows: int, like: Tensor) -> tuple[Tensor, ...]:
        return ()

    def step(self, embedded: Tensor, features: Features, state: tuple, ops: object = None) -> tuple[Step, tuple]:
        light = features.v_g.repeat_interleave(len(embedded) // len(features.v_g), 0)
        return Step(light, embedded, light, light[:, 0]), ()

    def fuse(self, step: Step, ops: object = None) -> Tensor:
        return step.context + step.hidden


def lamp_reader() -> Captioner:
    vocabulary = Vocabulary((*SPECIALS, "lamp", "dark"))
    return Captioner(Eye(), Mouth(), vocabulary, "stub", "test").double().eval().requires_grad_(False)


def one_cell(bright: bool) -> Tensor:
    """A picture whose first cell alone is bright, or dark."""
    image = torch.zeros(3, 16, 16, dtype=torch.float64) if bright else torch.ones(3, 16, 16, dtype=torch.float64)
    image[:, :4, :4] = float(bright)
    return image


def pointing(model: Captioner, image: Tensor, **maps: Tensor) -> Explained:
    """The model's caption, each word explained by the maps given."""
    caption = model.caption(image)
    n = len(caption.words)
    explanations = {
        name: cx.Explanation(name, caption, tuple(range(n)), x.expand(n, 16, 16), None, caption.log_probs, signed=True)
        for name, x in maps.items()
    }
    return Explained(Named("picture"), image, caption, explanations)


def at(row: int, column: int) -> Tensor:
    """A map that finds one cell relevant and the last row's last somewhat against."""
    found = torch.zeros(16, 16)
    found[12:, 12:] = -0.5
    found[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 1
    return found


def chance_of_lamp(light: float) -> float:
    return 1 / (1 + np.exp(-10 * (light - 0.5)))


def test_the_word_falls_only_where_what_it_stands_for_is_hidden() -> None:
    e = pointing(lamp_reader(), one_cell(bright=True), right=at(0, 0), wrong=at(1, 1))
    assert e.caption.words == ("lamp",)
    rows = masking_rows(lamp_reader(), e, {"lamp"}, share=1 / 16, fill="mean")
    assert len(rows) == 2 * len(REGIONS) * 2
    for row in rows:
        if row["region"] == "random" or (row["method"], row["region"]) == ("wrong", "shifted"):
            continue
        hidden = row["method"] == "right" and row["region"] in ("relevant", "strongest")
        lit = not hidden if not row["kept"] else hidden
        assert (row["survives"], row["caption"]) == (lit, "lamp" if lit else "dark")
        assert row["masked_probability"] == pytest.approx(chance_of_lamp(1 if lit else 1 / 16))
        assert row["probability"] == pytest.approx(chance_of_lamp(1))
        assert (row["image"], row["position"], row["word"], row["share"]) == ("picture", 0, "lamp", 1 / 16)
    random = {(row["kept"], row["masked_probability"]) for row in rows if row["region"] == "random"}
    assert len(random) == 2  # one choice of cells for all methods


def test_white_is_the_papers_fill_and_can_make_what_it_hides() -> None:
    e = pointing(lamp_reader(), one_cell(bright=False), right=at(0, 0))
    assert e.caption.words == ("dark",)
    rows = masking_rows(lamp_reader(), e, {"dark"}, share=1 / 16)
    (row,) = (row for row in rows if row["region"] == "relevant" and not row["kept"])
    assert (row["fill"], row["caption"]) == ("white", "lamp")
    assert row["masked_probability"] == pytest.approx(1 - chance_of_lamp(1))


def test_other_words_are_left_alone_and_the_same_rows_come_twice() -> None:
    model, e = lamp_reader(), pointing(lamp_reader(), one_cell(bright=True), right=at(0, 0))
    assert masking_rows(model, e, {"dark"}) == []
    rows = masking_rows(model, e, {"lamp"})
    assert rows == masking_rows(model, e, {"lamp"})
    assert masking_rows(model, e, {"lamp"}, kept=(True,)) == [row for row in rows if row["kept"]] != []


def test_the_first_of_equal_words_counts() -> None:
    model = tiny(1)
    caption = model.follow(model.see(picture(1)), (5, 7, 5, 6, 7), ended=False)
    assert first_said(caption, {"w1", "w2"}) == [0, 3]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["white", "mean"]), st.sampled_from(["adaptive", "grid_td"]))
def test_masked_pictures_are_read_like_pictures_masked_by_hand(seed: int, fill: str, architecture: str) -> None:
    model, image = tiny(seed, architecture), picture(seed)
    e = Explained(Named("picture"), image, model.caption(image), {})
    hidden = np.random.default_rng(seed).random((3, 4, 4)) < 0.5
    hidden[2] = hidden[0]
    probabilities, captions = look_again(model, e, hidden, fill, 3)
    colour = torch.ones(3) if fill == "white" else image.mean((1, 2))
    for mask, p, said in zip(hidden, probabilities, captions, strict=True):
        by_hand = image.clone()
        for row, column in np.argwhere(mask):
            by_hand[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = colour.view(3, 1, 1)
        assert said == model.caption(by_hand).words
        expected = model.follow(model.see(by_hand), e.caption.token_ids, ended=True).log_probs.exp()
        assert p == pytest.approx(expected.numpy(), rel=1e-5)


def test_a_blur_takes_away_detail_but_no_light() -> None:
    model, everything = lamp_reader(), np.ones((1, 4, 4), bool)
    even = pointing(model, torch.full((3, 16, 16), 0.7, dtype=torch.float64), right=at(0, 0))
    assert look_again(model, even, everything, "blur")[0][0, 0] == pytest.approx(chance_of_lamp(0.7))
    spot = pointing(model, one_cell(bright=True), right=at(0, 0))
    assert chance_of_lamp(1 / 16) < look_again(model, spot, everything, "blur")[0][0, 0] < chance_of_lamp(0.9)


def test_an_unknown_fill_is_refused() -> None:
    e = pointing(lamp_reader(), one_cell(bright=True), right=at(0, 0))
    with pytest.raises(cx.RequestError, match="white, mean or blur"):
        masking_rows(lamp_reader(), e, {"lamp"}, fill="pink")


def test_cells_are_means_row_by_row() -> None:
    maps = torch.arange(16.0).view(1, 4, 4)
    assert cells(maps, 2).tolist() == [[2.5, 4.5, 10.5, 12.5]]


def test_the_table_tells_means_and_differences_by_hand() -> None:
    survives = {"relevant": (False, False, True), "opposed": (True, True, True), "shifted": (False, True, True)}
    rows = [
        {"image": f"i{k}", "position": 2, "word": "dog", "method": "lrp", "share": 0.25, "fill": "white", "kept": False}
        | {"region": region, "probability": 0.9, "masked_probability": 0.1 * k, "survives": lives}
        for region, all_lives in ({**survives, "strongest": (True,) * 3, "random": (True, False, False)}).items()
        for k, lives in enumerate(all_lives)
    ]
    table = masking_table(pd.DataFrame(rows))
    value = table.set_index(["measure", "region", "against"])["value"]
    assert value["survives", "relevant", ""] == pytest.approx(1 / 3)
    assert value["survives", "opposed", ""] == 1
    assert value["survives", "relevant", "opposed"] == pytest.approx(-2 / 3)
    assert value["survives", "relevant", "shifted"] == pytest.approx(-1 / 3)
    assert value["survives", "relevant", "random"] == 0
    assert value["drop", "random", ""] == pytest.approx(0.8)
    assert value["drop", "relevant", "shifted"] == 0
    assert set(table["n"]) == {3} and set(table["images"]) == {3} and len(table) == 2 * 9


def test_what_one_method_marks_is_compared_with_what_attention_marks_word_by_word() -> None:
    survives = {"attention": (True, True, False, True), "lrp": (False, True, False, False)}
    rows = [
        {"image": f"i{k // 2}", "position": k, "method": method, "share": share, "fill": "white", "kept": False}
        | {"region": region, "probability": 0.9, "masked_probability": 0.1 * share * (method == "lrp")}
        | {"survives": lives if region == "relevant" else True}
        for share in (0.25, 0.5)
        for method, all_lives in survives.items()
        for region in REGIONS
        for k, lives in enumerate(all_lives)
    ]
    table = masking_table(pd.DataFrame(rows))
    compared = table[table["against"] == "attention"].set_index(["measure", "share"])
    assert set(compared["method"]) == {"lrp"} and set(compared["region"]) == {"relevant"} and len(compared) == 4
    assert set(compared["n"]) == {4} and set(compared["images"]) == {2}
    assert compared["value"]["survives", 0.25] == compared["value"]["survives", 0.5] == -0.5
    assert compared["value"]["drop", 0.25] == pytest.approx(-0.025)
    assert compared["value"]["drop", 0.5] == pytest.approx(-0.05)


def test_an_empty_selection_says_so() -> None:
    (row,) = masking_table(pd.DataFrame([])).to_dict("records")
    assert (row["n"], row["value"], row["note"]) == (0, None, "nothing selected")

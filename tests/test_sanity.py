"""Sanity checks against what is known: layers that a map cannot depend on, curves of a captioner of one cell."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from small import captioner as tiny
from small import picture
from test_masking import Named, at, chance_of_lamp, lamp_reader, one_cell, pointing

import capxai_core as cx
from capxai_core.evaluate.ablation import ablation_rows
from capxai_core.evaluate.causes import causes_rows
from capxai_core.evaluate.masking import masking_rows
from capxai_core.evaluate.records import Explained
from capxai_core.evaluate.sanity import (
    deletion_rows,
    deletion_table,
    layers,
    randomisation_rows,
    randomisation_table,
    similarity,
)

IDS = (5, 9, 5, 7)


def explained(seed: int, *methods: str, architecture: str = "grid_td") -> tuple[cx.Captioner, Explained]:
    model, image = tiny(seed, architecture), picture(seed)
    caption = model.follow(model.see(image), IDS, ended=False)
    found = {name: cx.explain(model, image, caption, name) for name in methods}
    return model, Explained(Named("picture"), image, caption, found)


@pytest.mark.parametrize("architecture", ["adaptive", "grid_td"])
def test_every_weight_is_in_one_layer_and_the_output_comes_first(architecture: str) -> None:
    model = tiny(1, architecture)
    found = list(layers(model))
    in_layers = [id(p) for _, layer in found for p in layer.parameters()]
    assert sorted(in_layers) == sorted(id(p) for p in model.parameters())
    assert found[0][0] == "decoder.fc" and found[-1][0] == "encoder.features.0"
    assert all(model.get_submodule(name) is layer for name, layer in found)


def test_shuffling_reaches_an_explanation_when_it_reaches_what_it_reads() -> None:
    model, e = explained(2, "attention", "lrp", "gradcam")
    before = {name: p.clone() for name, p in model.state_dict().items()}
    rows = randomisation_rows(model, e)
    assert all(torch.equal(before[name], p) for name, p in model.state_dict().items())
    assert rows == randomisation_rows(model, e) != randomisation_rows(model, e, seed=1)
    table = pd.DataFrame(rows)
    names = [name for name, _ in layers(model)]
    assert len(table) == 3 * len(names) * len(IDS)
    assert table.drop_duplicates("depth").set_index("depth")["layer"].to_dict() == dict(enumerate(names, 1))
    attention = table[table["method"] == "attention"]
    assert attention["words"].isna().all()
    # neither the output layer nor (at the first word) the language LSTM has a say in where attention looks
    assert attention[attention["layer"] == "decoder.fc"]["map"].min() == pytest.approx(1)
    assert (
        attention[(attention["layer"] == "decoder.language_lstm") & (attention["position"] == 0)]["map"].min() > 0.999
    )
    assert attention[attention["layer"] == "decoder.attention"]["map"].max() < 0.999
    lrp = table[table["method"] == "lrp"]
    assert lrp["words"].isna().sum() == len(names)  # the first word has one predecessor only
    assert lrp[lrp["depth"] == len(names)]["signed"].max() < 0.999


def test_the_last_shuffle_leaves_a_model_of_the_same_weights_in_another_order() -> None:
    model, e = explained(3, "lrp")
    by_hand = tiny(3)
    generator = torch.Generator().manual_seed(0)
    for _, layer in layers(by_hand):
        for p in layer.parameters():
            p.copy_(p.flatten()[torch.randperm(p.numel(), generator=generator)].view_as(p))
    wanted = similarity(e.explanations["lrp"], cx.explain(by_hand, e.image, e.caption), model.encoder.grid)
    last = [row for row in randomisation_rows(model, e) if row["layer"] == "encoder.features.0"]
    assert [row["map"] for row in last] == wanted["map"] and [row["words"] for row in last] == wanted["words"]


def test_similarity_by_hand() -> None:
    _, e = explained(4, "lrp")
    x = e.explanations["lrp"]
    assert x.words is not None
    negated = similarity(x, replace(x, image=-3 * x.image, words=x.words**3), 4)
    assert negated["map"] == pytest.approx([1] * 4) and negated["map_rank"] == pytest.approx([1] * 4)
    assert negated["signed"] == pytest.approx([-1] * 4)
    assert negated["words"] == [None, *(pytest.approx(1) for _ in range(3))]
    nothing = similarity(x, replace(x, image=0 * x.image, words=0 * x.words), 4)
    assert nothing == {"map": [0] * 4, "map_rank": [0] * 4, "signed": [0] * 4, "words": [None, 0, 0, 0]}


def test_curves_of_a_captioner_that_reads_one_cell() -> None:
    model, image = lamp_reader(), one_cell(bright=True)
    e = pointing(model, image, right=at(0, 0), wrong=-at(0, 0), attention=at(0, 0))
    rows = deletion_rows(model, e, {"lamp", "dark"}, steps=4)
    lit, dark = chance_of_lamp(1), chance_of_lamp(1 / 16)
    table = pd.DataFrame(rows)
    curves = table[table["ranking"] == "score"].groupby(["method", "curve"])["probability"].agg(list).to_dict()
    absolute = table[table["ranking"] == "absolute"].groupby(["method", "curve"])["probability"].agg(list).to_dict()
    assert absolute["wrong", "deletion"] == absolute["right", "deletion"] == curves["right", "deletion"]
    assert table["share"].unique().tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert curves["right", "deletion"] == pytest.approx([lit, dark, dark, dark, dark])
    assert curves["right", "insertion"] == pytest.approx([dark, lit, lit, lit, lit])
    assert curves["wrong", "deletion"] == pytest.approx([lit, lit, lit, lit, dark])
    assert curves["wrong", "insertion"] == pytest.approx([dark, dark, dark, dark, lit])
    assert sorted(curves["random", "deletion"], reverse=True) == curves["random", "deletion"]
    areas = deletion_table(table[table["ranking"] == "score"]).set_index(["curve", "method", "against"])["value"]
    assert areas["deletion", "right", ""] == pytest.approx(lit / 8 + dark * 7 / 8)
    assert areas["insertion", "right", ""] == pytest.approx(dark / 8 + lit * 7 / 8)
    chance = areas["deletion", "random", ""]
    assert areas["deletion", "wrong", "random"] == pytest.approx(lit * 7 / 8 + dark / 8 - chance)
    assert areas["deletion", "wrong", "attention"] == pytest.approx((lit - dark) * 3 / 4)
    assert areas["deletion", "attention", "random"] == pytest.approx(lit / 8 + dark * 7 / 8 - chance)
    assert ("deletion", "random", "attention") not in areas.index  # the same, turned round
    assert deletion_rows(model, e, {"dark"}) == [] and rows == deletion_rows(model, e, {"lamp"}, steps=4)


def test_means_leave_out_what_a_method_does_not_give_and_say_so() -> None:
    _, e = explained(6, "attention")
    table = randomisation_table(pd.DataFrame(randomisation_rows(tiny(6), e)))
    words = table[table["measure"] == "words"]
    assert set(words["n"]) == {0} and set(words["note"]) == {"nothing selected"}
    assert words["value"].isna().all() and set(table[table["measure"] == "map"]["n"]) == {4}


def test_a_caption_without_words_has_no_rows() -> None:
    model, example = tiny(7), cx.load_scenes("test", 1, size=16)[0]
    image = example.image()
    e = Explained(example, image, model.follow(model.see(image), (), ended=True), {})
    assert masking_rows(model, e, {"w1"}) == ablation_rows(model, e) == causes_rows(model, e) == []
    assert randomisation_rows(model, e) == deletion_rows(model, e, {"w1"}) == []


@pytest.mark.parametrize("table", [randomisation_table, deletion_table])
def test_an_empty_selection_says_so(table) -> None:
    (row,) = table(pd.DataFrame([])).to_dict("records")
    assert (row["n"], row["value"], row["note"]) == (0, None, "nothing selected")

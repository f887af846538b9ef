"""The evidence, case by case: what the maps say beneath them, and how the ledger is shown and filtered."""

import re
from pathlib import Path

import pandas as pd
import pytest
from small import captioner, picture

import capxai_core as cx
from capxai_core.evaluate.ledger import claims
from capxai_core.views.claims import table_ledger
from capxai_core.views.evidence import alike_when_repeated, figure_maps, figure_shuffled, repeated

MODEL, IMAGE = captioner(1), picture(2)
CAPTION = MODEL.read(IMAGE.double(), "w1 w2 w1")


def explained(method: str) -> cx.Explanation:
    return cx.explain(MODEL, IMAGE.double(), CAPTION, method)


def test_each_map_stands_above_the_words_before_it_and_the_picture_above_its_caption() -> None:
    e = explained("lrp")
    shown = figure_maps([(IMAGE, e, None), (IMAGE, e, 2)])._repr_html_()
    notes = [re.sub("<[^>]+>", "", note) for note in re.findall("<figcaption[^>]*>(.*?)</figcaption>", shown)]
    assert notes == ["w1 w2 w1", "&lt;start&gt; w1 w2 w1"]
    assert len(re.findall(r'alt="[^"]+"', shown)) == 2


def test_words_are_tinted_by_their_share_of_the_largest_and_not_at_all_without_scores() -> None:
    def opacities(method: str) -> list[float]:
        return [
            float(a)
            for a in re.findall(r"rgba\([\d, ]+, ([\d.]+)\)", figure_maps([(IMAGE, explained(method), 2)]).text)
        ]

    assert max(opacities("lrp")) == 0.6
    assert opacities("attention") == [0, 0, 0]


def test_a_note_each_or_none() -> None:
    with pytest.raises(cx.RequestError, match="1 maps but 2 notes"):
        figure_maps([(IMAGE, explained("lrp"), 0)], ["one", "two"])


def test_shuffling_changes_the_copy_and_neither_the_model_nor_attention_of_an_untouched_encoder() -> None:
    before = {name: p.clone() for name, p in MODEL.named_parameters()}
    shown = figure_shuffled(MODEL, IMAGE.double(), CAPTION, 1, ["attention", "lrp"], [0, 1, 3]).text
    assert all(p.equal(before[name]) for name, p in MODEL.named_parameters())
    pictures = re.findall(r'src="([^"]+)"', shown)
    assert pictures[0] == pictures[1]  # the output layer comes after attention
    assert len({*pictures[3:]}) == 3
    assert "LRP, down to decoder.fc" in shown
    with pytest.raises(cx.RequestError, match="no layer 99: depths are 0 to"):
        figure_shuffled(MODEL, IMAGE.double(), CAPTION, 1, ["lrp"], [0, 99])


def masked(folder: Path, value: float) -> Path:
    row = {"method": "lrp", "share": 0.25, "fill": "white", "kept": False, "measure": "drop", "region": "relevant"}
    row |= {
        "against": "opposed",
        "value": value,
        "low": value - 0.1,
        "high": value + 0.1,
        "n": 7,
        "images": 50,
        "note": "",
    }
    for model in ("adaptive", "grid_td"):
        (folder / "scenes" / model).mkdir(parents=True)
        pd.DataFrame([row]).to_csv(folder / "scenes" / model / "masking.csv", index=False)
        (folder / "scenes" / model / "subset.json").write_text("{}")
    return folder


@pytest.mark.parametrize(("value", "kind"), [(0.3, "reproduced"), (0.05, "undecided"), (-0.3, "contradicted")])
def test_the_ledger_has_a_row_for_each_claim_and_tells_undecided_from_contradicted(
    tmp_path: Path, value: float, kind: str
) -> None:
    shown = table_ledger(masked(tmp_path, value), ["scenes"])
    assert shown.text.count('<tr class="claim') == len(claims())
    row = next(row for row in shown.text.split("<tr ") if "Masking what LRP marks" in row)
    assert row.startswith(f'class="claim {kind}" data-chapter="4b_masking"')
    assert row.count(f'<div class="reading {kind}">') == 2
    assert "n = 7" in row


def test_claims_without_results_are_not_tested_and_every_filter_has_its_rule(tmp_path: Path) -> None:
    shown = table_ledger(tmp_path, ["scenes"]).text
    row = next(row for row in shown.split("<tr ") if "Masking what LRP marks" in row)
    assert 'class="reading not-tested"' in row
    for value in re.findall(r'(?:radio" name="capxai-kind"|<option) value="([^"]+)"', shown):
        assert value == "all" or f'[value="{value}"]:checked' in shown


def test_numbers_of_the_ledger_come_with_it(tmp_path: Path) -> None:
    table = table_ledger(masked(tmp_path, 0.3), ["scenes"]).data
    assert table is not None
    assert {"claim", "paper", "value", "low", "high", "verdict", "kind"} <= {*table}


def test_a_repeated_word_is_one_of_content() -> None:
    assert repeated("a man in a red coat and red pants") == (4, 7)
    assert repeated("a dog on a bench") is None


def test_mentions_of_a_word_are_compared_by_their_maps_and_by_the_words_before_both() -> None:
    example = cx.load_scenes("test", 1, size=16)[0]
    table = alike_when_repeated(captioner(1).float(), [(example, "w1 w2 w3 w2 w4"), (example, "w1 w2")])
    assert [*table["which"]] == [
        f"the {which}: {of}" for which in ("same word twice", "words that follow") for of in ("maps", "words before")
    ]
    assert table["value"].between(-1, 1).all()
    assert table["n"].eq(1).all()
    assert alike_when_repeated(captioner(1).float(), [])["n"].eq(0).all()

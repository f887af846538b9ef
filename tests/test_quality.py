"""Caption metrics of a whole split: of the model's own captions, and kept."""

import json
from pathlib import Path

import pandas as pd
import pytest

import capxai_core as cx
from capxai_core.evaluate.captions import caption_metrics
from capxai_core.pipeline import profiles
from capxai_core.pipeline.quality import caption_quality


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "SCENES", {"train": 2, "val": 5})


def test_quality_is_that_of_the_models_own_captions_and_is_kept(few: None, tmp_path: Path) -> None:
    (table,) = caption_quality("scenes/adaptive", "val", results=tmp_path)
    examples, model = cx.load_scenes("val", 5), cx.load_captioner("scenes/adaptive")
    own = caption_metrics([e.captions for e in examples], list(cx.say(model, examples)))
    pd.testing.assert_frame_equal(table, own)
    kept = pd.read_csv(tmp_path / "scenes" / "adaptive" / "quality_val.csv")
    assert list(kept["metric"]) == list(own["metric"]) and set(kept["n"]) == {5}


@pytest.mark.usefixtures("quick_metrics")
def test_what_was_found_of_other_weights_goes_and_what_is_of_these_stays(few: None, tmp_path: Path) -> None:
    place = tmp_path / "scenes" / "adaptive"
    place.mkdir(parents=True)
    (place / "quality_test.csv").touch()
    (place / "quality.json").write_text(json.dumps({"weights": "0" * 64}))
    caption_quality("scenes/adaptive", "val", results=tmp_path)
    assert {path.name for path in place.iterdir()} == {"quality.json", "quality_val.csv"}
    caption_quality("scenes/adaptive", "train", results=tmp_path)
    assert (place / "quality_val.csv").is_file()


@pytest.mark.usefixtures("quick_metrics")
def test_two_models_are_compared_image_by_image(few: None, tmp_path: Path) -> None:
    caption_quality("scenes/adaptive_lrp", "val", results=tmp_path, against="scenes/adaptive")
    table = pd.read_csv(tmp_path / "scenes" / "adaptive_lrp" / "quality_against_val.csv")
    examples = cx.load_scenes("val", 5)
    said = [list(cx.say(cx.load_captioner(f"scenes/{m}"), examples)) for m in ("adaptive", "adaptive_lrp")]
    before, after = (sum(len(caption) for caption in captions) / 5 for captions in said)
    words = table[table["measure"].eq("words") & table["arm"].eq("adaptive_lrp")].set_index("against", drop=False)
    assert words["value"].tolist() == pytest.approx([after, after - before]) and words["n"].tolist() == [5, 5]
    made = json.loads((tmp_path / "scenes" / "adaptive_lrp" / "quality.json").read_text())
    assert made["against"]["val"]["model"] == "scenes/adaptive"

    caption_quality("scenes/adaptive", "val", results=tmp_path, against="scenes/adaptive")
    itself = pd.read_csv(tmp_path / "scenes" / "adaptive" / "quality_against_val.csv").query("against == 'pretrained'")
    assert len(itself) > 5 and not itself.dropna(subset="value")[["value", "low", "high"]].to_numpy().any()


def test_a_model_to_compare_with_that_is_not_there_is_refused_first(few: None, tmp_path: Path) -> None:
    with pytest.raises(cx.ModelError, match="no captioner 'scenes/adaptiv'"):
        caption_quality("scenes/adaptive", "val", results=tmp_path, against="scenes/adaptiv")
    assert not any(tmp_path.iterdir())


def test_a_model_of_another_profile_is_refused_for_that(few: None, tmp_path: Path) -> None:
    with pytest.raises(cx.RequestError, match=r"of the profile 'flickr8k', not of 'scenes' as 'scenes/adaptive' is"):
        caption_quality("scenes/adaptive", "val", results=tmp_path, against="flickr8k/grid_td")


def test_a_split_that_is_not_there_is_refused_with_those_that_are(few: None, tmp_path: Path) -> None:
    with pytest.raises(cx.RequestError, match="no split 'test'; it has train, val"):
        caption_quality("scenes/adaptive", "test", results=tmp_path)

"""Tables of an evaluation read back: found, missing, of other weights, of weights that are not here."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

import capxai_core as cx
from capxai_core.evaluate.records import parts
from capxai_core.evaluate.results import Results
from capxai_core.models.captioner import find_weights, read_metadata
from capxai_core.pipeline.profiles import PROFILES
from capxai_core.training.recipe import Recipe
from capxai_core.training.reward import REWARDED, REWARDS

RESULTS = Path(__file__).parents[1] / "results"


def results(folder: Path, model: str, weights: str) -> Path:
    place = folder / "scenes" / "grid_td"
    place.mkdir(parents=True)
    (place / "provenance.json").write_text(json.dumps({"model": model, "weights": weights, "images": 5, "seed": 0}))
    (place / "captions.csv").write_text("metric,value,note\nMETEOR,0.2,\nSPICE,,not computed\n")
    return folder


def test_a_table_is_read_with_empty_texts_as_empty(tmp_path: Path) -> None:
    weights = hashlib.sha256(find_weights("scenes/grid_td").read_bytes()).hexdigest()
    found = cx.load_results("scenes", "grid_td", results(tmp_path, "scenes/grid_td", weights))
    assert list(found["captions"]["note"]) == ["", "not computed"] and found["captions"]["value"][0] == 0.2
    (found.folder / "auc.csv").write_text("word,value\n,0.6\n,0.7\n")  # no word was said often enough to stand alone
    assert list(found["auc"]["word"]) == ["", ""]
    (found.folder / "localisation.csv").write_text("method,value,n\n,,0\n")  # no picture has boxes
    none = found["localisation"]
    assert list(none["method"]) == [""] and (none["method"] + ", " + none["method"]).item() == ", "
    assert found.provenance["images"] == 5 and "captions" in found and "masking" not in found
    with pytest.raises(cx.DataError, match="no table 'masking'; it has auc, captions, localisation"):
        found["masking"]
    with pytest.raises(cx.DataError, match="no records 'words'"):
        found.records("words")


def test_results_of_other_weights_are_refused_and_of_weights_not_here_stand_for_themselves(tmp_path: Path) -> None:
    results(tmp_path / "other", "scenes/grid_td", "0" * 64)
    with pytest.raises(cx.DataError, match="other weights than scenes/grid_td has now; capxai evaluate"):
        cx.load_results("scenes", "grid_td", tmp_path / "other")
    results(tmp_path / "away", "nowhere/grid_td", "0" * 64)
    assert "captions" in cx.load_results("scenes", "grid_td", tmp_path / "away")


def test_tables_of_another_command_must_be_of_the_same_weights(tmp_path: Path) -> None:
    weights = hashlib.sha256(find_weights("scenes/grid_td").read_bytes()).hexdigest()
    place = results(tmp_path, "scenes/grid_td", weights) / "scenes" / "grid_td"
    found = cx.load_results("scenes", "grid_td", tmp_path)
    for table, by in ("fine_tuning_all", "fine_tuning"), ("quality_test", "quality"), ("deletion", "subset"):
        (place / f"{table}.csv").write_text("value\n1\n")
        made = place / f"{by}.json"
        made.write_text(json.dumps({"weights": weights}))
        assert found[table]["value"].item() == 1
        made.write_text(json.dumps({"weights": "0" * 64}))
        with pytest.raises(cx.DataError, match=rf"{table}.csv: is of other weights"):
            found[table]


def test_records_are_those_of_the_tables_and_all_of_them(tmp_path: Path) -> None:
    made = {"weights": "w", "data": "d", "seed": 0, "code": "c"}
    found = Results("scenes", "grid_td", results(tmp_path, "scenes/grid_td", "w") / "scenes" / "grid_td")
    (found.folder / "provenance.json").write_text(json.dumps(made))
    rows = [{"words": [{"image": name}]} for name in "ab"]
    for task in parts(found.folder / "records" / "a-pass", "ab", lambda name: rows["ab".index(name)], made, 1):
        with pytest.raises(cx.DataError, match=r"no records|not all"):
            found.records("words")
        task()
    assert list(found.records("words")["image"]) == ["a", "b"]
    (found.folder / "provenance.json").write_text(json.dumps(made | {"code": "other"}))
    with pytest.raises(cx.DataError, match="a-pass: is not, or not all, what the tables are made of"):
        found.records("words")
    (found.folder / "subset.json").write_text(json.dumps(made))
    assert len(found.records("words")) == 2


def test_where_there_are_no_results_it_says_how_to_make_them(tmp_path: Path) -> None:
    (tmp_path / "scenes" / "grid_td").mkdir(parents=True)  # begun, and not finished
    with pytest.raises(cx.DataError, match="no results here; make them with capxai evaluate --profile scenes"):
        cx.load_results("scenes", "grid_td", tmp_path)


@pytest.mark.parametrize("model", ["adaptive", "grid_td", "adaptive_recall", "grid_td_cider", "grid_td_recall"])
def test_numbers_of_photographs_come_with_the_weights_they_are_of(model: str) -> None:
    profile = "flickr8k"
    weights = RESULTS / profile / model / "captioner.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    made = [*weights.parent.glob("*.json"), *RESULTS.glob(f"*/{profile}-{model}/*.json")]
    assert {json.loads(path.read_text())["weights"] for path in made} == {digest}
    assert digest in weights.with_suffix(".md").read_text()
    log = pd.read_csv(weights.with_name("log.csv"))
    trained = read_metadata(weights, "captioner")["trained"]
    assert log["cider"].max() == pytest.approx(trained["val_cider"]) and trained["epoch"] in set(log["epoch"])
    unchosen = {"seed", "epochs"}  # by the profile: the command says them
    asked = REWARDED if model.endswith(tuple(REWARDS)) else {}
    recipe = PROFILES[profile].recipe.model_copy(update=asked).model_dump(exclude=unchosen)
    assert Recipe(**trained["recipe"]).model_dump(exclude=unchosen) == recipe


@pytest.mark.parametrize("model", ["adaptive", "grid_td"])
def test_what_photographs_have_no_answer_to_is_read_as_text_all_the_same(model: str) -> None:
    """Chapters put texts of tables together, also those of tables that hold nothing, as without boxes."""
    numbers = {"value", "low", "high", "p", "covered", "note", "share", "kept", "depth", "fpr", "tpr", "printed"}
    found = Results("flickr8k", model, RESULTS / "flickr8k" / model)
    for path in found.folder.glob("*.csv"):
        table = found[path.stem]
        assert {*table.columns[table.isna().all()]} <= numbers, path

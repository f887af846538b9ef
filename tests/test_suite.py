"""The whole evaluation on a handful of drawn scenes: interrupted, repeated, and refused where results would mix."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import capxai_core as cx
from capxai_core.evaluate import records, suite
from capxai_core.evaluate.ledger import ledger
from capxai_core.evaluate.results import SUBSET
from capxai_core.models.captioner import Captioner


@pytest.fixture(scope="module")
def model() -> Captioner:
    return cx.load_captioner("scenes/grid_td")


def run(model: Captioner, folder: Path, jobs: int = 1) -> dict[str, bytes]:
    examples = cx.load_scenes("counter", 5, seed=3)
    folder = folder / "scenes" / "grid_td"
    arguments = (model, examples, cx.load_scenes("train", 4), folder, {"seed": 3}, {"beam_size": 3})
    suite.evaluate([suite.Evaluation(*arguments, subset=2)], jobs)
    assert json.loads((folder / "provenance.json").read_text()) == {"seed": 3}
    subset = json.loads((folder / "subset.json").read_text())
    assert subset == {"seed": 3, "images": 2, "bfloat16": False}
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}


def test_an_interrupted_evaluation_goes_on_and_gives_the_same_bytes(model, tmp_path, monkeypatch):
    monkeypatch.setattr(suite, "PART", 2)
    monkeypatch.setattr(suite, "FEW", 1)
    whole = run(model, tmp_path / "whole")
    assert len(whole) >= 14 and all(b"nan" not in table.lower().split(b"\n")[0] for table in whole.values())

    made = []
    original = suite.explained

    def dies(*arguments):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(suite, "explained", dies)
    with pytest.raises(KeyboardInterrupt):
        run(model, tmp_path / "cut")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cut").glob("scenes/grid_td/records/*/part-????/*")}
    assert len({path.parent for path in kept}) == 2
    monkeypatch.setattr(suite, "explained", original)
    assert run(model, tmp_path / "cut", jobs=2) == whole  # however many share the work
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())  # nothing was done twice

    verdicts = ledger(tmp_path / "whole", ["scenes"])  # every claim finds the rows it is judged by
    assert {"reproduced", "not", "not tested"} <= {*verdicts.verdict}


def test_explaining_only_the_words_that_are_judged_changes_no_table(model, tmp_path):
    examples = cx.load_scenes("counter", 2, seed=3)
    evaluation = suite.Evaluation(model, examples, (), tmp_path, {}, {})
    judged = suite.object_words("scenes") | suite.DELETED.keys()
    for few, all_words in zip(
        *(suite.explained(model, examples, suite.FAST, only) for only in (judged, None)), strict=True
    ):
        positions = few.explanations["lrp"].positions
        assert 0 < len(positions) < len(all_words.explanations["lrp"].positions)
        tables, wanted = evaluation._judge(few), evaluation._judge(all_words)
        wanted["words"] = [row if row["position"] in positions else row | {"logit": np.nan, "pixel_share": np.nan}
                           for row in wanted["words"]]  # fmt: skip
        for name in wanted:
            pd.testing.assert_frame_equal(pd.DataFrame(tables[name]), pd.DataFrame(wanted[name]), rtol=1e-3, atol=1e-5)


@pytest.mark.usefixtures("quick_metrics")
def test_with_no_subset_words_are_explained_once_and_the_other_tables_say_that_nothing_was(model, tmp_path):
    examples, folder = cx.load_scenes("counter", 2, seed=3), tmp_path / "scenes" / "grid_td"
    arguments = (model, examples, cx.load_scenes("train", 2), folder, {"seed": 3}, {"beam_size": 3})
    (tables,) = suite.evaluate([suite.Evaluation(*arguments, subset=0)])
    assert len(tables["localisation"]) > 1 and tables["auc"]["n"].max() > 0
    for name in ("masking", "deletion", "causes", "randomisation", "robustness"):
        assert list(tables[name]["note"]) == ["nothing selected"], name
    assert set(tables["conclusions"]["holds"]) <= {"not tested"}
    assert len(ledger(tmp_path, ["scenes"])) > 100

    explained_once = {path: path.stat().st_mtime_ns for path in folder.glob("records/explaining-words/part-????/*")}
    assert explained_once
    more = suite.Evaluation(*arguments, subset=1, bfloat16=True)  # later, some are looked at again
    (tables,) = suite.evaluate([more])
    assert tables["masking"]["n"].max() > 0 and tables["randomisation"]["n"].max() > 0
    looked = (folder / "masking.csv").read_bytes(), (folder / "subset.json").read_bytes()
    (tables,) = suite.evaluate([suite.Evaluation(*arguments, subset=0)])  # the first command again: hours are not lost
    assert "masking" not in tables
    assert looked == ((folder / "masking.csv").read_bytes(), (folder / "subset.json").read_bytes())
    assert all(path.stat().st_mtime_ns == when for path, when in explained_once.items())


def test_a_subset_is_spread_over_all_images_and_so_is_the_part_of_it_with_shuffled_weights(model, tmp_path):
    examples = [*cx.load_scenes("test", 16), *cx.load_scenes("counter", 48)]
    passes = suite.Evaluation(model, examples, (), tmp_path, {}, {}, subset=16)._passes()
    chosen = {name: [examples.index(e) for e in images] for name, images, *_ in passes}
    assert chosen[suite.AGAIN] == [*range(0, 64, 4)] and chosen["shuffling-weights"] == [0, 16, 32, 48]
    assert chosen["changing-options"] == [*range(0, 64, 2)] and len(chosen[suite.ONCE]) == 64


@pytest.mark.usefixtures("quick_metrics")
def test_looking_at_a_subset_alone_makes_the_same_tables_and_leaves_the_others(model, tmp_path):
    examples, place = cx.load_scenes("counter", 4, seed=3), ("scenes", "grid_td")
    arguments = (model, examples, cx.load_scenes("train", 2))
    given = {"seed": 3, "weights": "a", "code": "old"}, {"beam_size": 3}
    suite.evaluate([suite.Evaluation(*arguments, tmp_path.joinpath("whole", *place), *given, subset=2)])
    split = tmp_path.joinpath("split", *place)
    suite.evaluate([suite.Evaluation(*arguments, split, *given, subset=0)])
    shutil.rmtree(split / "records")  # as in a clone: tables come with it, records do not
    before = {path.name: path.read_bytes() for path in split.glob("*")}

    newer = {"seed": 3, "weights": "a", "code": "new"}, {"beam_size": 3}
    alone = suite.Evaluation(*arguments, split, *newer, subset=2, subset_only=True)
    suite.evaluate([alone])
    assert not (split / "records" / suite.ONCE).exists()
    assert json.loads((split / "subset.json").read_text())["code"] == "new"
    for path in tmp_path.joinpath("whole", *place).glob("*.csv"):
        assert (split / path.name).read_bytes() == path.read_bytes(), path.name
    changed = {path.name for path in split.glob("*.*") if path.read_bytes() != before[path.name]}
    assert changed == {f"{name}.csv" for name in SUBSET} | {"subset.json"}

    with pytest.raises(cx.DataError, match=r"provenance.json: .* of another weights \(a, not b\)"):
        replace(alone, provenance={"seed": 3, "weights": "b"}).tasks()
    with pytest.raises(cx.DataError, match="leave out --subset-only"):
        replace(alone, folder=tmp_path / "empty").tasks()


def test_in_bfloat16_changed_pictures_are_seen_nearly_alike(model, tmp_path):
    examples = cx.load_scenes("counter", 2, seed=3)
    arguments = (model, examples, cx.load_scenes("train", 2), tmp_path, {}, {})
    short = suite.Evaluation(*arguments, bfloat16=True)
    options = {name: {"bfloat16": True} for name in suite.SLOW}
    methods = (*suite.LOOKED_AT, *suite.SLOW)
    e, rounded = (next(suite.explained(model, examples, methods, None, o)) for o in ({}, options))
    for name in suite.SLOW:
        maps = torch.stack([of.explanations[name].image.flatten() for of in (e, rounded)])
        assert not maps[0].equal(maps[1]) and torch.corrcoef(maps)[0, 1] > 0.95, name
    seen, wanted = (pd.DataFrame(of._look_again(e)["deletion"]) for of in (short, suite.Evaluation(*arguments)))
    away = (seen["probability"] - wanted["probability"]).abs()
    assert 0 < away.max() < 0.1 and away.mean() < 0.01
    assert seen.drop(columns="probability").equals(wanted.drop(columns="probability"))


def test_results_of_something_else_are_not_mixed_in(model, tmp_path):
    examples = cx.load_scenes("test", 2)
    rows = {"t": [{"image": e.name} for e in examples]}
    for task in records.parts(tmp_path, examples, lambda part: rows, {"seed": 1}, 2):
        task()
    with pytest.raises(cx.DataError, match=r"another seed .*with --again"):
        records.parts(tmp_path, examples, lambda part: rows, {"seed": 2}, 2)
    assert not records.parts(tmp_path, examples, lambda part: rows, {"seed": 1}, 2, again=True)
    assert list(records.read_records(tmp_path, "t").image) == [e.name for e in examples]
    (task,) = records.parts(tmp_path, examples, lambda part: {"t": []}, {"seed": 2}, 2, again=True)
    assert records.read_records(tmp_path, "t") is None  # deleted before they are replaced
    task()
    assert len(records.read_records(tmp_path, "t")) == 0

"""Profiles: the same names on drawn scenes and on a data set of photographs."""

import json
import logging
import shutil
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import capxai_core as cx
from capxai_core.data.coco import split_training
from capxai_core.pipeline.profiles import PROFILES, evaluation_examples


@pytest.fixture
def data(tmp_path, monkeypatch):
    images = tmp_path / "flickr8k" / "images"
    images.mkdir(parents=True)
    records = []
    for i, split in enumerate(["train", "test", "test"]):
        Image.new("RGB", (8, 6), "red").save(images / f"{i}.jpg")
        records.append({"filename": f"{i}.jpg", "split": split, "sentences": [{"raw": "A man in a shirt."}]})
    (images.parent / "dataset_flickr8k.json").write_text(json.dumps({"images": records}))
    monkeypatch.setenv("CAPXAI_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def coco(data):
    """Four pictures to train on and two to test on, in the official layout, with the objects of drawn scenes."""
    for part, split, n in (("train", "train", 4), ("val", "test", 2)):
        cx.export_coco(data / "export", split, n, seed=3)
        shutil.move(data / "export" / "images", data / "coco2017" / f"{part}2017")
        for kind in ("captions", "instances"):
            (data / "coco2017" / "annotations").mkdir(exist_ok=True)
            table = data / "coco2017" / "annotations" / f"{kind}_{part}2017.json"
            shutil.move(data / "export" / f"{kind}_{split}.json", table)
    return data


def test_photographs_are_supported_by_their_references(data):
    first, second = cx.load_examples("flickr8k", "test", 10)
    assert (first.name, second.name) == ("1.jpg", "2.jpg")
    assert first.supports("shirt") and not first.supports("dog")
    assert first.display().shape == (3, 6, 8)
    assert [e.name for e in cx.load_examples("flickr8k", "counter", 1)] == ["1.jpg"]
    assert [e.name for e in cx.load_examples("flickr8k", "train", 5, data=data)] == ["0.jpg"]


def test_scenes_are_supported_by_what_can_be_seen():
    example = next(e for e in cx.load_examples("scenes", "counter", 50, seed=3) if len(e.objects) > 1)
    assert all(example.supports(word) for seen in example.objects for word in seen.words)
    assert not example.supports("elephant")
    assert example.display().shape == (3, 512, 512)


def test_wrong_profiles_splits_and_folders_are_named(data, monkeypatch):
    for call, error, message in [
        (("imagenet", "test", 1), cx.RequestError, "unknown profile 'imagenet'; known: scenes, flickr8k"),
        (("flickr8k", "holdout", 1), cx.RequestError, "no split 'holdout'"),
        (("scenes", "holdout", 1), cx.RequestError, "unknown split 'holdout'"),
    ]:
        with pytest.raises(error, match=message):
            cx.load_examples(*call)
    monkeypatch.setenv("CAPXAI_DATA", str(data / "gone"))
    with pytest.raises(cx.DataError, match="no such data folder"):
        cx.load_examples("flickr8k", "test", 1)
    monkeypatch.delenv("CAPXAI_DATA")
    with pytest.raises(cx.DataError, match="set CAPXAI_DATA"):
        cx.load_examples("flickr8k", "test", 1)


def test_flickr30k_is_read_like_flickr8k(data):
    (data / "flickr8k").rename(data / "flickr30k")
    (data / "flickr30k" / "dataset_flickr8k.json").rename(data / "flickr30k" / "dataset_flickr30k.json")
    assert [e.name for e in cx.load_examples("flickr30k", "test", 9)] == ["1.jpg", "2.jpg"]
    assert {name: PROFILES[name].recipe.min_count for name in ("flickr8k", "flickr30k", "coco2017")} == {
        "flickr8k": 3,
        "flickr30k": 3,
        "coco2017": 5,
    }


def test_no_photograph_that_a_captioner_was_trained_on_is_judged_though_another_profile_holds_it(data):
    shutil.copytree(data / "flickr8k", data / "flickr30k")
    table = data / "flickr30k" / "dataset_flickr8k.json"
    content = json.loads(table.read_text())
    for i, image in enumerate(content["images"]):
        new = f"{i}_0a1b.jpg"
        (data / "flickr30k" / "images" / image["filename"]).rename(data / "flickr30k" / "images" / new)
        image.update(filename=new, split="test")
    table.with_name("dataset_flickr30k.json").write_text(json.dumps(content))
    own = data / "flickr8k" / "dataset_flickr8k.json"
    known = json.loads(own.read_text())
    known["images"][2]["split"] = "train"
    own.write_text(json.dumps(known))
    (data / "flickr8k" / "images" / "2.jpg").unlink()  # seen in training, though no longer on this disk
    judged, _ = evaluation_examples("flickr30k", 9, trained="flickr8k")
    assert [e.name for e in judged] == ["1_0a1b.jpg"]  # the others are in Flickr8k's training set


def test_coco_is_split_as_the_paper_does():
    names = [f"{i:012}.jpg" for i in range(118_287)]
    splits = split_training(names)
    assert Counter(splits.values()) == {"train": 110_000, "val": 5_000, "rest": 3_287}
    assert splits == split_training(names[::-1])


@given(st.sets(st.text(max_size=8), max_size=300))
def test_of_a_part_of_coco_the_splits_are_in_proportion(names):
    found = Counter(split_training(sorted(names)).values())
    assert found.total() == len(names)
    assert abs(found["val"] - len(names) * 5_000 / 118_287) <= 0.5
    assert abs(found["train"] - len(names) * 110_000 / 118_287) <= 1


def test_coco_trains_on_train2017_and_is_tested_on_val2017_with_objects(coco):
    examples = PROFILES["coco2017"].examples(coco)
    assert Counter(e.split for e in examples) == {"train": 4, "test": 2}
    assert all(e.objects and e.objects[0].mask.any() for e in examples)
    assert {e.path.parent.name for e in cx.load_examples("coco2017", "test", 9)} == {"val2017"}


def test_a_captioner_of_another_profile_is_judged_on_all_of_coco_and_knows_its_own_training_set(coco):
    judged, training = evaluation_examples("coco2017", 5, trained="flickr8k")
    assert [e.split for e in judged] == ["test", "test", "train", "train", "train"]
    assert [e.name for e in training] == ["0.jpg"]
    judged, training = evaluation_examples("coco2017", 5, trained="coco2017")
    assert {e.split for e in judged} == {"test"} and {e.path.parent.name for e in training} == {"train2017"}


@pytest.mark.parametrize(("name", "folder"), [("flickr8k", "images"), ("coco2017", "val2017")])
def test_pictures_that_are_missing_are_told(name, folder, coco, caplog):
    there = cx.load_examples(name, "test", 9)
    there[0].path.unlink()
    with caplog.at_level(logging.WARNING):
        assert [e.name for e in cx.load_examples(name, "test", 9)] == [there[1].name]
    assert f"listed for '{name}', 1 are missing" in caplog.text and there[0].name in caplog.text
    for picture in (coco / name).rglob("*.[jp][pn]g"):
        picture.unlink()
    with pytest.raises(cx.DataError, match=f"capxai data check {name} says where they belong"):
        cx.load_examples(name, "test", 9)

"""Profiles: the same names on drawn scenes and on a data set of photographs."""

import json

import pytest
from PIL import Image

import capxai_core as cx


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

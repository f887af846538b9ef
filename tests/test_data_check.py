"""`capxai data check`: what is there, what is not, and the way out, before hours of work."""

import json
import shutil
import sys
from dataclasses import replace

import pytest
from PIL import Image
from test_data_fetch import Server, server  # noqa: F401

import capxai_core as cx
from capxai_core import cli
from capxai_core.data import fetch
from capxai_core.pipeline import check, profiles
from capxai_core.pipeline.check import check_data

ENCODER = profiles.PROFILES["scenes"].encoder


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder with a small Flickr30k, a small COCO, and weights that need not be VGG16's."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("CAPXAI_DATA", str(tmp_path))
    for name in ("flickr30k", "coco2017"):
        monkeypatch.setitem(profiles.PROFILES, name, replace(profiles.PROFILES[name], encoder=ENCODER))
    (tmp_path / "vgg16").mkdir()
    (tmp_path / "vgg16" / "vgg16_features.fp16.safetensors").touch()
    images = tmp_path / "flickr30k" / "images"
    images.mkdir(parents=True)
    records = []
    for i, split in enumerate(["train", "train", "val", "test"]):
        Image.new("RGB", (8, 6), "red").save(images / f"{i}.jpg")
        records.append({"filename": f"{i}.jpg", "split": split, "sentences": [{"raw": "A dog."}, {"raw": "A dog."}]})
    (images.parent / "dataset_flickr30k.json").write_text(json.dumps({"images": records}))
    for part, split, n in (("train", "train", 24), ("val", "test", 2)):
        cx.export_coco(tmp_path / "export", split, n, seed=3)
        shutil.move(tmp_path / "export" / "images", tmp_path / "coco2017" / f"{part}2017")
        for kind in ("captions", "instances"):
            table = tmp_path / "coco2017" / "annotations" / f"{kind}_{part}2017.json"
            table.parent.mkdir(exist_ok=True)
            shutil.move(tmp_path / "export" / f"{kind}_{split}.json", table)
    return tmp_path


def capxai(*words):
    """Run the command in this process; exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["capxai", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
            sys.exit(0)
    return ended.value.code or 0


def lacking(name, root):
    return {finding.what: finding.way_out for finding in check_data(name, root) if finding.way_out}


def test_a_profile_that_has_everything_is_told_in_numbers(data, capsys, monkeypatch):
    found = {finding.what: finding.found for finding in check_data("flickr30k", data)}
    assert found["flickr30k/images"] == "4 files of the 31,014 of the whole set"
    assert found["split train"] == "2 images, 4 captions; 0.jpg decoded, 8 x 6 pixels"
    assert found["vocabulary"].startswith("6 words, each at least 3 times")
    assert found["VGG16"].endswith(f"{ENCODER(data).fingerprint()[:12]}…")
    annotations, photographs = fetch.SOURCES["flickr30k"]
    monkeypatch.setitem(fetch.SOURCES, "flickr30k", (annotations, replace(photographs, files=3)))
    more = {finding.what: finding.found for finding in check_data("flickr30k", data)}
    assert more["flickr30k/images"] == "4 files"  # the form's archive holds some that no split lists
    assert capxai("data", "check", "flickr30k") == 0
    assert "split val" in capsys.readouterr().out


def test_objects_are_counted_for_each_split_of_coco(data):
    found = {finding.what: finding.found for finding in check_data("coco2017", data)}
    assert {what for what in found if what.startswith("split")} == {
        f"split {s}" for s in ("train", "val", "rest", "test")
    }
    objects = sum(len(e.objects) for e in cx.load_examples("coco2017", "test", 9))
    assert f"2 images, 10 captions, {objects} objects; scene-" in found["split test"]
    assert lacking("coco2017", data) == {}


def test_what_is_missing_is_told_with_the_way_out(data, capsys):
    shutil.rmtree(data / "flickr30k")
    shutil.rmtree(data / "vgg16")
    told = lacking("flickr30k", data)
    assert (
        "capxai data fetch flickr30k (0.037 GB from https://cs.stanford.edu/"
        in told["flickr30k/dataset_flickr30k.json"]
    )
    assert "ask for the photographs at https://forms.illinois.edu/" in told["flickr30k/images"]
    assert "capxai data fetch flickr30k" in told[str(data / "torch" / "hub" / "checkpoints" / "vgg16-397923af.pth")]
    assert capxai("data", "check", "flickr30k") == 2
    said = capsys.readouterr()
    assert all(f"{what}: {way_out}" in said.out for what, way_out in told.items())
    assert said.err == "capxai: profile 'flickr30k' is not ready: 3 of 3 things are missing or wrong\n"


def test_pictures_missing_or_broken_and_a_split_without_any_are_told(data):
    (data / "flickr30k" / "images" / "3.jpg").unlink()
    (data / "flickr30k" / "images" / "2.jpg").write_bytes(b"no picture")
    told = lacking("flickr30k", data)
    assert set(told) == {"split test", "split val"}
    assert "put 3.jpg and its like into" in told["split test"] and "2.jpg: cannot be decoded" in told["split val"]
    table = data / "flickr30k" / "dataset_flickr30k.json"
    table.write_text(json.dumps({"images": json.loads(table.read_text())["images"][:2]}))
    assert set(lacking("flickr30k", data)) == {"split test", "split val"}


def test_wrong_annotations_and_weights_are_told_by_file(data, monkeypatch):
    table = data / "coco2017" / "annotations" / "instances_val2017.json"
    table.write_text(table.read_text()[:100])
    told = lacking("coco2017", data)
    assert list(told) == ["annotations"] and str(table) in told["annotations"]
    monkeypatch.undo()
    told = lacking("flickr30k", data)
    assert list(told) == ["VGG16"] and "is not a readable safetensors file" in told["VGG16"]
    assert ", or put a whole one there: " in told["VGG16"]


def test_the_drawn_scenes_need_nothing(data, monkeypatch):
    monkeypatch.delenv("CAPXAI_DATA")
    assert capxai("data", "check", "scenes") == capxai("data", "fetch", "scenes") == 0
    assert capxai("data", "check", "imagenet") == capxai("data", "check", "flickr30k") == 2


def test_fetching_gets_what_may_be_got_and_tells_the_rest(data, server: Server, monkeypatch, capsys):  # noqa: F811
    table, pictures = fetch.SOURCES["flickr30k"]
    monkeypatch.setattr(check, "fetch", lambda sources, root: fetch.fetch(sources[:1], root))
    monkeypatch.setitem(
        fetch.SOURCES,
        "flickr30k",
        (replace(table, path="flickr30k/annotations/a.json", archive=server.archive()), pictures),
    )
    shutil.rmtree(data / "flickr30k" / "images")
    assert capxai("data", "fetch", "flickr30k") == 2
    assert (data / "flickr30k" / "annotations" / "a.json").is_file()
    assert f"flickr30k/images: ask for the photographs at {pictures.form}" in capsys.readouterr().out

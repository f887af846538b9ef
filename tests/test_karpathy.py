"""The Karpathy split files: what is read, and what is refused by name."""

import json

import pytest
from PIL import Image

import capxai_core as cx
from capxai_core.data.karpathy import load_karpathy


def record(**changes):
    sentences = [{"tokens": ["A", "dog", "runs"], "raw": "A dog runs ."}, {"raw": "Two dogs, running!"}]
    return {"filename": "a.jpg", "split": "restval", "sentences": sentences, **changes}


def write(folder, *records):
    path = folder / "split.json"
    path.write_text(json.dumps({"images": records}))
    return path


def test_reads_captions_split_and_picture(tmp_path):
    Image.new("RGB", (5, 7), "red").save(tmp_path / "a.jpg")
    (example,) = load_karpathy(write(tmp_path, record()), tmp_path)
    assert (example.name, example.split) == ("a.jpg", "train")
    assert example.captions == (("a", "dog", "runs"), ("two", "dogs", "running"))
    assert example.image().shape == (3, 7, 5) and example.objects == ()


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (record(split="holdout"), r"images\[1\].split"),
        (record(filename=7), r"images\[1\].filename"),
        (record(filename="../../etc/passwd"), r"images\[1\].filename"),
        (record(filename=".."), r"images\[1\].filename"),
        (record(), r"images\[1\].filename: 'a.jpg' stands here a second time"),
        (record(sentences=[{"tokens": [None, 5]}]), r"images\[1\].sentences\[0\].tokens"),
        (record(sentences=[]), r"images\[1\].sentences"),
        (record(sentences=[{"raw": "ok"}, {"raw": " . "}]), r"images\[1\].sentences\[1\]"),
        (record(sentences=[{}]), r"images\[1\].sentences\[0\].raw"),
        ("text", r"images\[1\].filename"),
    ],
)
def test_malformed_entries_are_named(tmp_path, bad, field):
    path = write(tmp_path, record(), bad)
    with pytest.raises(cx.DataError, match=field) as caught:
        load_karpathy(path, tmp_path)
    assert str(path) in str(caught.value)


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "cut.json").write_text('{"images": [')
    (tmp_path / "other.json").write_text("[]")
    (tmp_path / "deep.json").write_text("[" * 200_000)
    (tmp_path / "folder.json").mkdir()
    reasons = {"cut.json": "is not JSON", "other.json": "'images' must be", "none.json": "no such file"}
    reasons |= {"deep.json": "is not JSON", "folder.json": "cannot be read"}
    for name, reason in reasons.items():
        with pytest.raises(cx.DataError, match=reason):
            load_karpathy(tmp_path / name, tmp_path)
    with pytest.raises(cx.DataError, match="no such folder"):
        load_karpathy(write(tmp_path, record()), tmp_path / "pictures")

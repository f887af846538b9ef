"""The Karpathy split files: what is read, and what is refused by name."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mangled import JUNK, mangled
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
        (record(split="holdout"), r"images\[1\].split: must be 'train', 'restval', 'val' or 'test', not 'holdout'"),
        (record(filename=7), r"images\[1\].filename"),
        (record(filename="../../etc/passwd"), r"images\[1\].filename"),
        (record(filename=".."), r"images\[1\].filename"),
        (record(), r"images\[1\].filename: 'a.jpg' stands here a second time"),
        (record(sentences=[{"tokens": [None, 5]}]), r"images\[1\].sentences\[0\].tokens"),
        (record(sentences=[]), r"images\[1\].sentences"),
        (record(sentences=[{"raw": " . "}]), r"images\[1\]: has no caption"),
        (record(sentences=[{}]), r"images\[1\].sentences\[0\].raw"),
        (record(sentences=[{"tokens": "a dog"}]), r"images\[1\].sentences\[0\].tokens: must be a valid array"),
        (record(filename="a\\b.jpg"), r"images\[1\].filename: must be a plain file name"),
        (record(filename=""), r"images\[1\].filename: must be a plain file name, not ''"),
        ({"filename": "b.jpg"}, r"images\[1\].split: is missing"),
        ("text", r"images\[1\]: must be an object, not 'text'"),
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
    (tmp_path / "empty.json").write_text('{"images": []}')
    (tmp_path / "bytes.json").write_bytes(b'{"images": "\xff"}')
    (tmp_path / "folder.json").mkdir()
    reasons = {"cut.json": "is not JSON", "other.json": "must be an object", "none.json": "no such file"}
    reasons |= {"deep.json": "is not JSON", "folder.json": "cannot be read", "bytes.json": "is not JSON"}
    reasons["empty.json"] = "images: List should have at least 1 item"
    for name, reason in reasons.items():
        with pytest.raises(cx.DataError, match=reason):
            load_karpathy(tmp_path / name, tmp_path)
    with pytest.raises(cx.DataError, match="no such folder"):
        load_karpathy(write(tmp_path, record()), tmp_path / "pictures")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mangled({"images": [record(), record(filename="b.jpg", split="val")]}))
def test_a_mangled_file_is_read_or_refused(tmp_path, content):
    path = tmp_path / "split.json"
    path.write_text(json.dumps(content))
    try:
        examples = load_karpathy(path, tmp_path)
    except cx.DataError as error:
        assert str(path) in str(error)
    else:
        assert all(e.captions and all(e.captions) and e.path.parent == tmp_path for e in examples)


@given(st.integers(0, 3), st.sampled_from(["filename", "split", "sentences"]), JUNK)
def test_what_is_wrong_is_found_wherever_it_stands(tmp_path_factory, k, field, junk):
    folder = tmp_path_factory.getbasetemp()
    records = [record(filename=f"{i}.jpg") | ({field: {"": junk}} if i == k else {}) for i in range(4)]
    with pytest.raises(cx.DataError) as caught:
        load_karpathy(write(folder, *records), folder)
    assert str(caught.value).startswith(f"{folder / 'split.json'}: images[{k}].{field}: ")

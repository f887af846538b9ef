"""Data sets in the COCO layout: what is read, what is left out, and what is refused by name."""

import copy
import json
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from mangled import JUNK, mangled
from PIL import Image
from pycocotools import mask as rle

import capxai_core as cx
from capxai_core.data import coco
from capxai_core.data.coco import load_coco
from capxai_core.data.scenes.dataset import run_lengths
from capxai_core.data.synonyms import COCO, words_of

SQUARE = [2, 1, 6, 1, 6, 4, 2, 4]  # columns 2 to 5, rows 1 to 3 of a picture of 8 x 6
IMAGES = [
    {"id": 7, "file_name": "a.png", "width": 8, "height": 6},
    {"id": 3, "file_name": "b.png", "width": 8, "height": 6},
]
CAPTIONS = {
    "images": IMAGES,
    "annotations": [
        {"id": 1, "image_id": 7, "caption": "A man's dog, running.\n"},
        {"id": 2, "image_id": 3, "caption": "Two dogs"},
        {"id": 3, "image_id": 7, "caption": "a dog"},
        {"id": 4, "image_id": 7, "caption": " . "},
    ],
}
INSTANCE = {"image_id": 7, "category_id": 18, "bbox": [2, 1, 4, 3], "iscrowd": 0, "segmentation": [SQUARE]}
INSTANCES = {
    "images": IMAGES,
    "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
    "annotations": [
        INSTANCE | {"id": 1},
        INSTANCE | {"id": 2, "category_id": 1, "segmentation": {"size": [6, 8], "counts": [13, 3, 32]}},
        INSTANCE | {"id": 3, "image_id": 3, "segmentation": {"size": [6, 8], "counts": "=3P1"}},
        INSTANCE | {"id": 4, "image_id": 3, "iscrowd": 1, "bbox": [0, 0, 8, 6]},
    ],
}


def write(folder, captions=CAPTIONS, instances=INSTANCES):
    """The data set as files: the arguments of `load_coco`."""
    for name, content in (("captions", captions), ("instances", instances)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    (folder / "images").mkdir(exist_ok=True)
    for image in IMAGES:
        Image.new("RGB", (8, 6)).save(folder / "images" / image["file_name"])
    return folder / "captions.json", folder / "instances.json", folder / "images", "val"


def changed(content, way, value):
    content = copy.deepcopy(content)
    *parents, key = way
    place = content
    for step in parents:
        place = place[step]
    place[key] = value
    return content


def test_scenes_come_back_as_they_were_exported(tmp_path):
    cx.export_coco(tmp_path, "counter", 6, seed=2)
    files = tmp_path / "captions_counter.json", tmp_path / "instances_counter.json", tmp_path / "images"
    for scene, example in zip(cx.load_scenes("counter", 6, seed=2), load_coco(*files, "test"), strict=True):
        assert example.name == f"{scene.name}.png" and example.split == "test" and example.captions == scene.captions
        assert (example.image() - scene.image()).abs().max() < 1 / 255
        for read, drawn in zip(example.objects, scene.objects, strict=True):
            assert read.category == drawn.category and np.allclose(read.box, drawn.box, atol=1e-4)
            assert read.mask.dtype == bool and np.array_equal(read.mask, drawn.mask)


def test_captions_boxes_and_masks_are_read_and_crowds_are_no_objects(tmp_path):
    a, b = load_coco(*write(tmp_path))
    assert (a.name, a.split) == ("a.png", "val")
    assert a.captions == (("a", "man", "s", "dog", "running"), ("a", "dog")) and b.captions == (("two", "dogs"),)
    assert [o.category for o in a.objects] == ["dog", "person"] and [o.category for o in b.objects] == ["dog"]
    assert "puppy" in a.objects[0].words and "woman" in a.objects[1].words
    assert a.objects[0].box == pytest.approx((0.25, 1 / 6, 0.5, 0.5))
    square, column = np.zeros((6, 8), bool), np.zeros((6, 8), bool)
    square[1:4, 2:6] = column[1:4, 2] = True
    assert [o.mask.dtype for o in a.objects] == [bool, bool]
    assert np.array_equal(a.objects[0].mask, square)
    assert np.array_equal(a.objects[1].mask, column) and np.array_equal(b.objects[0].mask, column)
    assert all(e.objects == () for e in load_coco(tmp_path / "captions.json", None, tmp_path / "images", "val"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=30)))
def test_run_lengths_of_any_mask_come_back(tmp_path, mask):
    height, width = mask.shape
    images = [image | {"width": width, "height": height} for image in IMAGES]
    compressed = rle.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    annotations = [
        INSTANCE | {"id": k, "bbox": [0, 0, 1, 1], "segmentation": {"size": [height, width], "counts": counts}}
        for k, counts in enumerate((run_lengths(mask), compressed))
    ]
    files = write(tmp_path, CAPTIONS | {"images": images}, INSTANCES | {"images": images, "annotations": annotations})
    plain, packed = load_coco(*files)[0].objects
    assert np.array_equal(plain.mask, mask) and np.array_equal(packed.mask, mask)


def test_several_polygons_are_one_mask(tmp_path):
    parts = [[0, 0, 2, 0, 2, 2, 0, 2], [5, 3, 8.4, 3, 8.4, 6.3, 5, 6.3]]
    files = write(tmp_path, instances=changed(INSTANCES, ("annotations", 0, "segmentation"), parts))
    mask = load_coco(*files)[0].objects[0].mask
    assert mask[:2, :2].all() and mask[3:, 5:].all() and mask.sum() == 4 + 9


def test_no_mask_is_drawn_before_it_is_asked_for(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(coco, "draw", lambda *shape: drawn.append(shape) or np.ones((6, 8), bool))
    a, _ = load_coco(*write(tmp_path))
    assert a.objects[0].box and not drawn
    assert a.objects[0].mask.all() and len(drawn) == 1


@pytest.mark.parametrize(
    ("bbox", "box"),
    [
        ([-0.4, 0, 4.4, 6], (0, 0, 0.5, 1)),
        ([4, 3, 4.6, 3.5], (0.5, 0.5, 0.5, 0.5)),
        ([2, 3, 1.03, 0], None),  # instances_train2017 has two such
        ([8.2, 0, 1, 6], None),
    ],
)
def test_boxes_are_clipped_to_the_picture_and_those_without_extent_are_left_out(tmp_path, bbox, box):
    a, _ = load_coco(*write(tmp_path, instances=changed(INSTANCES, ("annotations", 0, "bbox"), bbox)))
    assert [o.category for o in a.objects] == (["dog", "person"] if box else ["person"])
    assert box is None or a.objects[0].box == pytest.approx(box)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    files = write(tmp_path)
    with pytest.raises(cx.DataError, match=r"pictures: no such folder of images"):
        load_coco(*files[:2], tmp_path / "pictures", "val")


NAN = float("nan")
THIRD = ("annotations", 2)


@pytest.mark.parametrize(
    ("file", "way", "value", "told"),
    [
        ("captions", ("images",), [], ": List should have at least 1 item, not 0"),
        ("captions", ("images", 1), 5, ": must be an object, not 5"),
        ("captions", ("images", 1, "id"), "3", ": must be a valid integer, not '3'"),
        ("captions", ("images", 1, "id"), 7, ": 7 stands here a second time"),
        ("captions", ("images", 1, "file_name"), "a.png", ": 'a.png' stands here a second time"),
        ("captions", ("images", 1, "file_name"), "../b.png", ": must be a plain file name, not '../b.png'"),
        ("captions", ("images", 1, "file_name"), "..", ": must be a plain file name, not '..'"),
        ("captions", ("images", 1, "file_name"), "c:\\b.png", ": must be a plain file name"),
        ("captions", ("images", 1, "width"), 0, ": must be greater than 0, not 0"),
        ("captions", ("images", 1, "height"), NAN, ": must be a"),
        ("captions", ("annotations", 1, "caption"), None, ": must be a valid string, not None"),
        ("captions", ("annotations", 1, "image_id"), 17, ": there is no such id: 17"),
        ("captions", ("annotations", 1, "id"), 1, ": 1 stands here a second time"),
        ("instances", ("images", 1, "file_name"), 5, ": must be a valid string, not 5"),
        ("instances", ("images", 1, "width"), 10**9, ": a picture has at most 100000000 pixels"),
        ("instances", ("categories",), None, ": must be a valid array, not None"),
        ("instances", ("categories", 1, "id"), 1, ": 1 stands here a second time"),
        ("instances", ("categories", 0, "name"), [], ": must be a valid string, not []"),
        ("instances", (*THIRD, "id"), 2, ": 2 stands here a second time"),
        ("instances", (*THIRD, "image_id"), 17, ": there is no such id: 17"),
        ("instances", (*THIRD, "category_id"), 5, ": there is no such id: 5"),
        ("instances", (*THIRD, "iscrowd"), 2, ": must be 0 or 1, not 2"),
        ("instances", (*THIRD, "bbox"), [1, 2, 3], "[3]: is missing"),
        ("instances", (*THIRD, "bbox"), [1, 2, 3, 4, 5], ": Tuple should have at most 4 items, not 5"),
        ("instances", (*THIRD, "bbox"), [2, 1, -4, 3], "[2]: must be greater than or equal to 0, not -4"),
        ("instances", (*THIRD, "bbox"), [2, NAN, 4, 3], "[1]: must be a finite number, not nan"),
        ("instances", (*THIRD, "bbox"), [2, 1, 14, 3], ": reaches beyond the picture of 8 x 6 pixels"),
        ("instances", (*THIRD, "bbox"), [2, -3, 4, 3], ": reaches beyond the picture of 8 x 6 pixels"),
        ("instances", (*THIRD, "segmentation"), 7, ": must be a valid array, not 7"),
        ("instances", (*THIRD, "segmentation"), [], ": List should have at least 1 item"),
        ("instances", (*THIRD, "segmentation"), [[1, 1, 2, 2]], "[0]: List should have at least 6 items"),
        ("instances", (*THIRD, "segmentation"), [[*SQUARE, 1]], "[0]: must be pairs of x and y, not 9 numbers"),
        (
            "instances",
            (*THIRD, "segmentation"),
            [SQUARE, [1, 1, "2", 1, 2, 2]],
            "[1][2]: must be a valid number, not '2'",
        ),
        ("instances", (*THIRD, "segmentation"), [SQUARE, [99, 0, 99, 4, 2, 4]], ": reaches beyond the picture"),
        ("instances", (*THIRD, "segmentation"), {"size": [6, 8], "counts": [13, 3, 31]}, ": must have size [6, 8] and"),
        ("instances", (*THIRD, "segmentation"), {"size": [8, 6], "counts": [13, 3, 32]}, ": must have size [6, 8] and"),
        (
            "instances",
            (*THIRD, "segmentation", "counts"),
            [16, -3, 35],
            "[1]: must be greater than or equal to 0, not -3",
        ),
        ("instances", (*THIRD, "segmentation", "counts"), 5, ": must be a valid array, not 5"),
        ("instances", (*THIRD, "segmentation", "counts"), "=3PP", ": is no string of compressed run lengths"),  # cut
        ("instances", (*THIRD, "segmentation", "counts"), "=3 1", ": is no string of compressed run lengths"),
        ("instances", (*THIRD, "segmentation", "counts"), "=3O1", "[2]: must be greater than or equal to 0"),
    ],
)
def test_wrong_values_are_refused_by_file_field_and_index(tmp_path, file, way, value, told):
    content = {"captions": CAPTIONS, "instances": INSTANCES}
    files = write(tmp_path, **content | {file: changed(content[file], way, value)})
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in way).removeprefix(".")
    with pytest.raises(cx.DataError, match="^" + re.escape(f"{tmp_path / file}.json: {where}{told}")):
        load_coco(*files)


def test_files_that_contradict_each_other_are_refused(tmp_path):
    for image in ({"id": 4}, {"file_name": "c.png"}, {"width": 9}):
        files = write(tmp_path, instances=changed(INSTANCES, ("images", 1), IMAGES[1] | image))
        with pytest.raises(
            cx.DataError, match=r"instances\.json: images: must describe image 3 as .*: images\[1\] does"
        ):
            load_coco(*files)


def test_an_image_needs_a_caption_with_a_word(tmp_path):
    files = write(tmp_path, changed(CAPTIONS, ("annotations", 1, "caption"), " - "))
    with pytest.raises(cx.DataError, match=r"captions\.json: images\[1\]: image 3 has no caption with a word"):
        load_coco(*files)


def test_missing_fields_are_named(tmp_path):
    for file, content in (("captions", CAPTIONS), ("instances", INSTANCES)):
        for field in content:
            short = {key: value for key, value in content.items() if key != field}
            with pytest.raises(cx.DataError, match=rf"{file}\.json: {field}: is missing"):
                load_coco(*write(tmp_path, **{file: short}))
        for field, entries in content.items():
            for key in entries[1]:
                short = {k: v for k, v in entries[1].items() if k != key}
                with pytest.raises(cx.DataError, match=rf"{file}\.json: {field}\[1\]\.{key}: is missing"):
                    load_coco(*write(tmp_path, **{file: changed(content, (field, 1), short)}))


def test_unreadable_files_are_named(tmp_path):
    files = write(tmp_path)
    (tmp_path / "cut.json").write_text('{"images": [')
    (tmp_path / "bytes.json").write_bytes(b'{"images": "\xff"}')
    (tmp_path / "other.json").write_text("[]")
    reasons = {"cut": r"is not JSON \(EOF .* line 1 column 12\)", "bytes": "is not JSON", "other": "must be an object"}
    for name, reason in (reasons | {"none": "no such file", "images": "cannot be read"}).items():
        path = tmp_path / (name if name == "images" else f"{name}.json")
        for arguments in ((path, *files[1:]), (files[0], path, *files[2:])):
            with pytest.raises(cx.DataError, match=f"{re.escape(str(path))}: {reason}"):
                load_coco(*arguments)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_mangled_file_is_read_or_refused(tmp_path, data):
    captions, instances = data.draw(st.one_of(
        st.tuples(mangled(CAPTIONS), st.just(INSTANCES)), st.tuples(st.just(CAPTIONS), mangled(INSTANCES))
    ))  # fmt: skip
    files = write(tmp_path, captions, instances)
    try:
        examples = load_coco(*files)
    except cx.DataError as error:
        assert str(tmp_path) in str(error)
        return
    for example in examples:
        assert example.captions and all(example.captions)
        for o in example.objects:
            assert min(o.box) >= 0 and o.box[0] + o.box[2] <= 1 + 1e-9 and o.box[1] + o.box[3] <= 1 + 1e-9
            assert o.mask.dtype == bool and o.mask.ndim == 2


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 3), st.sampled_from(["id", "image_id", "category_id"]), JUNK)
def test_what_is_wrong_is_found_wherever_it_stands(tmp_path, k, field, junk):
    with pytest.raises(cx.DataError) as caught:
        load_coco(*write(tmp_path, instances=changed(INSTANCES, ("annotations", k, field), [junk])))
    assert str(caught.value).startswith(f"{tmp_path / 'instances.json'}: annotations[{k}].{field}: ")


def test_every_category_has_words_of_its_own():
    assert len(COCO) == 80
    for category in COCO:
        words = words_of(category)
        assert len(set(words)) == len(words) > 0 and all(re.fullmatch("[a-z]+", word) for word in words)
        assert " " in category or words[0] == category
    naming = {word: {c for c in COCO if word in words_of(c)} for word in ("dog", "bike", "table", "man", "bear")}
    assert naming == {
        "dog": {"dog"},
        "bike": {"bicycle", "motorcycle"},
        "table": {"dining table"},
        "man": {"person"},
        "bear": {"bear", "teddy bear"},
    }


@pytest.mark.parametrize(
    ("category", "words"),
    [
        ("shirt", ("shirt", "shirts")),
        ("Dress", ("dress", "dresses")),
        ("lady", ("lady", "ladies")),
        ("toy", ("toy", "toys")),
        ("man", ("man", "men")),
        ("picnic blanket", ()),
    ],
)
def test_categories_of_other_data_sets_are_named_by_their_name_and_plural(category, words):
    assert words_of(category) == words

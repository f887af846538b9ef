"""The batch runner: what it refuses, what it leaves behind, and that running twice changes nothing."""

import math
import os
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capxai_core import cli
from capxai_core.errors import CapxaiError, DataError, ModelError, RequestError
from capxai_core.pipeline.notebooks import (
    check_parameters,
    find_chapters,
    identify_inputs,
    read_defaults,
    run_notebooks,
)

BOOK = Path(__file__).parents[1]
CHAPTER = """# %% tags=["parameters"]
seed = 1
rate = 0.5
name = "a"
quick = True
sizes = (1, 2)

# %%
with open("count", "a") as file:
    file.write("|")
print(repr((seed, rate, name, quick)))

# %%
import ipywidgets
ipywidgets.IntSlider()
"""
DEFAULTS = read_defaults("one", jupytext.reads(CHAPTER, fmt="py:percent"))
SIZES = st.lists(st.integers()).map(tuple)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "one.py").write_text(CHAPTER)
    return tmp_path


def printed(root: Path) -> str:
    cells = nbformat.read(root / "book" / "one.ipynb", as_version=4).cells
    return next(cell.outputs[0].text.strip() for cell in cells if "print(" in cell.source)


def test_parameters_reach_the_chapter_in_the_type_of_their_defaults(root: Path) -> None:
    given = {"seed": "7", "rate": "1e-3", "name": "3", "quick": "false"}
    assert run_notebooks(parameters=given, root=root) == [root / "book" / "one.ipynb"]
    assert printed(root) == "(7, 0.001, '3', False)"


def test_command_line_parameters_reach_the_chapter(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "argv", ["capxai", "run", "one", "-p", "seed", "2", "-p", "name", "b"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert capsys.readouterr().out.split() == [str(Path("book/one.ipynb"))]
    assert printed(root) == "(2, 0.5, 'b', True)"


def test_rerun_is_skipped_until_something_changes_and_gives_the_same_bytes(root: Path) -> None:
    target, count = root / "book" / "one.ipynb", root / "count"
    run_notebooks(root=root)
    first = target.read_bytes()
    run_notebooks(["one"], root=root)
    assert count.read_text() == "|"
    target.unlink()
    run_notebooks(root=root)
    assert count.read_text() == "||"
    assert target.read_bytes() == first
    run_notebooks(parameters={"seed": "2"}, root=root)
    assert count.read_text() == "|||"
    assert printed(root) == "(2, 0.5, 'a', True)"
    assert b"widget" not in first.replace(b"ipywidgets", b"")  # no state of live widgets, no reference to it
    assert [path.name for path in (root / "book").iterdir() if path.suffix != ".py"] == ["one.ipynb"]


def test_injected_parameters_are_hidden_on_the_page(root: Path) -> None:
    run_notebooks(parameters={"seed": 2}, root=root)
    tags = [set(cell.metadata.get("tags", [])) for cell in nbformat.read(root / "book" / "one.ipynb", 4).cells]
    assert {"injected-parameters", "remove-cell"} in tags


def test_failing_cell_is_named_and_the_last_good_notebook_stays(root: Path) -> None:
    target = root / "book" / "one.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), target)
    before = target.read_bytes()
    (root / "book" / "one.py").write_text(CHAPTER + "\n# %%\n1 / 0\n")
    with pytest.raises(CapxaiError, match=r"one: cell 4 failed with ZeroDivisionError: division by zero\n    1 / 0"):
        run_notebooks(root=root)
    assert target.read_bytes() == before
    assert sorted(path.name for path in (root / "book").iterdir()) == ["one.ipynb", "one.py"]


@pytest.mark.parametrize(
    "old", [b"", b'{"metadata": {"cap', b"[]", b"null", b'{"metadata": {"capxai": 1}}', b"\xff\xfe"]
)
def test_damaged_old_notebook_is_replaced(root: Path, monkeypatch: pytest.MonkeyPatch, old: bytes) -> None:
    target = root / "book" / "one.ipynb"
    target.write_bytes(old)
    fresh = nbformat.v4.new_notebook()
    monkeypatch.setattr("capxai_core.pipeline.notebooks._execute", lambda *_: fresh)  # quick: no kernel
    run_notebooks(root=root)
    assert nbformat.read(target, 4).metadata["capxai"]["fingerprint"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sed": "2"}, "one has no parameter 'sed'; it has seed, rate, name, quick, sizes"),
        ({"seed": "two"}, "one: parameter seed must be int, like its default 1, and 'two' is not"),
        ({"seed": "1.5"}, "parameter seed must be int"),
        ({"seed": "true"}, "parameter seed must be int"),
        ({"seed": "1:30"}, "parameter seed must be int"),
        ({"quick": "1"}, r"parameter quick must be bool \(true or false\)"),
        ({"quick": "yes"}, "parameter quick must be bool"),
        ({"rate": "fast"}, "parameter rate must be float"),
        ({"sizes": "(1,"}, "parameter sizes must be tuple"),
        ({"sizes": "3"}, "parameter sizes must be tuple"),
        ({"name": 3}, "parameter name must be str"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_runs(root: Path, parameters: dict, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        run_notebooks(parameters=parameters, root=root)
    assert not (root / "count").exists()


def test_wrong_chapters_are_refused(root: Path) -> None:
    with pytest.raises(RequestError, match="there is no chapter 'two'; the chapters are one"):
        run_notebooks(["two"], root=root)
    (root / "book" / "two.py").write_text("# %%\nseed = 1\n")
    with pytest.raises(RequestError, match="two: 0 cells are tagged 'parameters', but one must be"):
        run_notebooks(root=root)
    with pytest.raises(RequestError, match="no chapters here; run this in a clone"):
        run_notebooks(root=root / "book")
    assert not (root / "count").exists()


@pytest.fixture
def chapter_with_a_model(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A chapter that has a profile and a model; its source."""
    monkeypatch.delenv("CAPXAI_DATA", raising=False)
    source = root / "book" / "one.py"
    source.write_text(CHAPTER.replace("seed = 1\n", 'seed = 1\nprofile = "scenes"\nmodel = "grid_td"\n'))
    return source


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"profile": "imagenet"}, RequestError, "unknown profile 'imagenet'; known: scenes"),
        ({"model": "nonsense"}, ModelError, "no captioner 'scenes/nonsense'"),
        ({"profile": "flickr8k"}, DataError, "CAPXAI_DATA"),
    ],
)
def test_missing_profile_weights_or_data_are_refused_before_anything_runs(
    chapter_with_a_model: Path, parameters: dict, error: type[CapxaiError], message: str
) -> None:
    root = chapter_with_a_model.parents[1]
    with pytest.raises(error, match=message):
        run_notebooks(parameters=parameters, root=root)
    assert not (root / "count").exists()


def test_chapter_runs_again_when_its_weights_change(chapter_with_a_model: Path) -> None:
    root = chapter_with_a_model.parents[1]
    weights = root / "runs" / "scenes" / "own" / "captioner.safetensors"
    weights.parent.mkdir(parents=True)
    for content, runs in [(b"old", "|"), (b"old", "|"), (b"new", "||")]:
        weights.write_bytes(content)
        run_notebooks(parameters={"model": "own"}, root=root)
        assert (root / "count").read_text() == runs


def test_annotations_and_data_folder_count_as_inputs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = root / "runs" / "flickr8k" / "grid_td" / "captioner.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    seen = []
    for name in ("here", "there"):
        annotations = root / name / "flickr8k" / "dataset_flickr8k.json"
        annotations.parent.mkdir(parents=True)
        monkeypatch.setenv("CAPXAI_DATA", str(root / name))
        for content, modified in [("{}", 1), ("{ }", 1), ("{ }", 2), ("{ }", 2)]:
            annotations.write_text(content)
            os.utime(annotations, (modified, modified))
            seen.append(str(identify_inputs({"profile": "flickr8k", "model": "grid_td"}, root)))
    assert [seen.index(found) for found in seen] == [0, 1, 2, 2, 4, 5, 6, 6]


@pytest.mark.parametrize(
    "kept",
    [
        "results/scenes/adaptive/quality.json",
        "results/scenes/adaptive/tuned/astronaut.safetensors",
        "runs/scenes/other/captioner.safetensors",
        "benchmarks/bench.json",
    ],
)
def test_what_other_models_say_counts_too(root: Path, kept: str) -> None:
    chosen = {"profile": "scenes", "model": "grid_td"}
    before = identify_inputs(chosen, root)
    (root / kept).parent.mkdir(parents=True)
    (root / kept).write_text("{}")
    assert identify_inputs(chosen, root) != before


@given(seed=st.integers(), rate=st.floats(allow_nan=False), name=st.text(), quick=st.booleans(), sizes=SIZES)
def test_every_value_survives_the_command_line(
    seed: int, rate: float, name: str, quick: bool, sizes: tuple[int, ...]
) -> None:
    values = {"seed": seed, "rate": rate, "name": name, "quick": quick, "sizes": sizes}
    read = check_parameters("one", DEFAULTS, {k: str(v) for k, v in values.items()})
    assert read == values
    assert math.copysign(1, read["rate"]) == math.copysign(1, rate)


def test_numbers_are_decimal_and_truth_is_spelled_in_any_case() -> None:
    assert check_parameters("one", DEFAULTS, {"seed": "010", "quick": "False"}) == {"seed": 10, "quick": False}


def test_every_chapter_of_the_book_offers_profile_model_and_seed() -> None:
    for source in find_chapters([], BOOK):
        defaults = read_defaults(source.stem, jupytext.read(source))
        check_parameters(source.stem, defaults, {"profile": "scenes", "model": "grid_td", "seed": "2"})

"""The batch runner: what it refuses, what it leaves behind, and that running twice changes nothing."""

import math
from pathlib import Path

import jupytext
import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capxai_core.errors import CapxaiError, RequestError
from capxai_core.pipeline.notebooks import check_parameters, find_chapters, run_notebooks

BOOK = Path(__file__).parents[1]
CHAPTER = """# %% tags=["parameters"]
seed = 1
rate = 0.5
name = "a"
quick = True

# %%
with open("count", "a") as file:
    file.write("|")
print(repr((seed, rate, name, quick)))

# %%
import ipywidgets
ipywidgets.IntSlider()
"""


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
    target.write_text("good")
    nbformat.write(nbformat.v4.new_notebook(), target)
    before = target.read_bytes()
    (root / "book" / "one.py").write_text(CHAPTER + "\n# %%\n1 / 0\n")
    with pytest.raises(CapxaiError, match=r"one: cell 4 failed with ZeroDivisionError: division by zero\n    1 / 0"):
        run_notebooks(root=root)
    assert target.read_bytes() == before
    assert sorted(path.name for path in (root / "book").iterdir()) == ["one.ipynb", "one.py"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sed": "2"}, "one has no parameter 'sed'; it has seed, rate, name, quick"),
        ({"seed": "two"}, r"one: parameter seed is int \(default 1\), and 'two' is none"),
        ({"seed": "1.5"}, "parameter seed is int"),
        ({"seed": "true"}, "parameter seed is int"),
        ({"quick": "1"}, "parameter quick is bool"),
        ({"rate": "fast"}, "parameter rate is float"),
        ({"name": 3}, "parameter name is str"),
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


@given(seed=st.integers(), rate=st.floats(allow_nan=False), name=st.text(), quick=st.booleans())
def test_every_value_survives_the_command_line(seed: int, rate: float, name: str, quick: bool) -> None:
    values = {"seed": seed, "rate": rate, "name": name, "quick": quick}
    read = check_parameters("one", jupytext.reads(CHAPTER, fmt="py:percent"), {k: str(v) for k, v in values.items()})
    assert read == values
    assert math.copysign(1, read["rate"]) == math.copysign(1, rate)


def test_every_chapter_of_the_book_offers_profile_model_and_seed() -> None:
    for source in find_chapters([], BOOK):
        check_parameters(source.stem, jupytext.read(source), {"profile": "scenes", "model": "grid_td", "seed": "2"})

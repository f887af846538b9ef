"""What the book adds to Sphinx: a figure that is missing stops the build, and links name files that exist."""

import json
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import jupytext
import pytest
from sphinx.errors import ExtensionError

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import capxai_book  # noqa: E402  found through the line above

PARAMETERS = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["seed = 1\n", 'model = "a"\n']}


def read(*cells: dict, suffix: str = ".ipynb") -> list[dict]:
    """Cells after the extension has seen them."""
    given = [{**PARAMETERS, "outputs": []}, *({"cell_type": "code", "metadata": {}, **cell} for cell in cells)]
    notebook = {"cells": given, "metadata": {"capxai": {"parameters": {"seed": 2}}}, "nbformat": 4, "nbformat_minor": 5}
    source = [json.dumps(notebook)]
    app = SimpleNamespace(env=SimpleNamespace(doc2path=lambda name: name + suffix))
    capxai_book.say_what_made_it(app, "book/one", source)
    return json.loads(source[0])["cells"][1:]


def shown(html: str) -> list[dict]:
    return [{"output_type": "display_data", "metadata": {}, "data": {"text/html": [html]}}]


@pytest.mark.parametrize("html", ['<img src="data:,">', '<img src="data:,"><p class="capxai-data"><a>numbers</a></p>'])
def test_under_a_figure_stands_what_made_it(html: str) -> None:
    (cell,) = read({"source": ["x = 1\n", "cx.figure_words(x)"], "outputs": shown(html)})
    told = cell["outputs"][0]["data"]["text/html"]
    for what in ("figure_words", "/a, seed 2", "../_sources/book/one.ipynb"):
        assert told.count(what) >= 1
    assert told.count("capxai-data") == 1
    assert told.count("numbers") == html.count("numbers")


def test_a_function_that_is_not_public_is_named_with_its_module() -> None:
    known = {"source": ["from capxai_core.views.charts import figure_masked, name_of\n", "figure_masked(x)"]}
    (cell,) = read({**known, "outputs": shown('<img src="data:,">')})
    told = cell["outputs"][0]["data"]["text/html"]
    assert "<code>capxai_core.views.charts.figure_masked</code>" in told and "api.html" not in told


def test_a_figure_of_results_tells_what_these_were_made_from(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(profile: str, model: str) -> SimpleNamespace:
        return SimpleNamespace(provenance={"images": 256, "seed": 0}, subset={"images": 32})

    monkeypatch.setattr(capxai_book, "load_results", found)
    values = {**PARAMETERS, "source": ['profile = "scenes"\n', 'model = "adaptive"\n', "seed = 7\n"]}
    for call, made in (
        ("cx.figure_curves(t)", "scenes: evaluation of 256 pictures (32 of them looked at many times), seed 0"),
        ("cx.figure_words(t)", "scenes/adaptive, seed 7"),
    ):
        notebook = {
            "cells": [
                {**values, "outputs": []},
                {**values, "metadata": {}, "source": [call], "outputs": shown("<img>")},
            ],
            "metadata": {},
        }
        source = [json.dumps(notebook)]
        app = SimpleNamespace(env=SimpleNamespace(doc2path=lambda name: name + ".ipynb"))
        capxai_book.say_what_made_it(app, "book/one", source)
        assert f" · {made} · " in json.loads(source[0])["cells"][1]["outputs"][0]["data"]["text/html"]


def test_a_cell_says_what_else_it_shows() -> None:
    known = {"source": ["cx.figure_words(x)"], "metadata": {"made": "scenes/{model}, its seed {seed}"}}
    (cell,) = read({**known, "outputs": shown('<img src="data:,">')})
    assert " · scenes/a, its seed 2 · " in cell["outputs"][0]["data"]["text/html"]


@pytest.mark.parametrize("chapter", sorted((ROOT / "book").glob("*.py")), ids=lambda path: path.stem)
def test_a_chapter_saved_by_jupyterlab_still_says_what_it_shows(chapter: Path) -> None:
    notebook = jupytext.read(chapter)
    notebook.metadata["jupytext"] = tomllib.loads((ROOT / "book" / "jupytext.toml").read_text())
    saved = jupytext.writes(notebook, "py:percent")
    for kept in ("\n# %% ", ' made="', " tags=["):
        assert saved.count(kept) == chapter.read_text().count(kept)


@pytest.mark.parametrize(
    ("remote", "page"),
    [
        ("https://github.com/some/book.git", "https://github.com/some/book"),
        ("https://token@github.com/some/book", "https://github.com/some/book"),
        ("git@github.com:some/my.book.git", "https://github.com/some/my.book"),
        ("ssh://git@github.com/some/book/", "https://github.com/some/book"),
        ("https://example.org/some/book.git", ""),
        ("/srv/git/book", ""),
        ("", ""),
    ],
)
def test_a_clone_knows_the_page_it_came_from(remote: str, page: str) -> None:
    assert capxai_book.github(remote) == page


def test_tables_and_text_stay_as_they_are() -> None:
    cell = {"source": ["table"], "outputs": shown("<table></table>")}
    assert read(cell)[0]["outputs"] == cell["outputs"]


def test_cell_that_lost_its_figure_stops_the_build() -> None:
    with pytest.raises(ExtensionError, match="one: this cell shows nothing"):
        read({"source": ["x = 1\n", "cx.figure_words(x)"], "outputs": []})
    read({"source": ["x = 1"], "outputs": []})


def test_links_to_sources_name_the_chapters_text() -> None:
    edit, run = (
        "https://host/a/b/edit/main/book/index.ipynb",
        "https://binder/v2/gh/a/b/main?urlpath=lab/tree/book/index.ipynb",
    )
    own = "../_sources/book/index.ipynb"
    context = {"header_buttons": [{"url": edit}, {"buttons": [{"url": run}, {"url": own}]}]}
    capxai_book.point_at_sources(SimpleNamespace(srcdir=ROOT), "book/index", "", context, None)
    one, group = context["header_buttons"]
    assert one["url"] == "https://host/a/b/edit/main/book/index.py"
    assert group["buttons"][0]["url"].startswith(
        "https://binder/v2/gh/a/b/main?urlpath=lab/tree/book/index.py%3Ffactory"
    )
    assert group["buttons"][1]["url"] == own

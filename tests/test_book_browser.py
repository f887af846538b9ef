"""The built book in a real browser that reaches no host: every page is there, quiet, whole, and its views answer."""

import json
import re
from pathlib import Path

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page

import capxai_core as cx
from capxai_core.views.view import View

ROOT = Path(__file__).parents[1]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(chapter["file"] for chapter in TOC["chapters"])]
SOURCES = {page: ROOT / f"{page}.py" for page in PAGES if (ROOT / f"{page}.py").exists()}
KINDS = [name for name in cx.__all__ if isinstance(getattr(cx, name), type) and issubclass(getattr(cx, name), View)]
CALL = re.compile(rf"^[^#\n]*cx\.({'|'.join(KINDS)})\(", re.M)
CALLED = {page: CALL.findall(source.read_text()) for page, source in SOURCES.items()}
VIEWS = {page: len(called) for page, called in CALLED.items()}
MADE = {page: re.findall(r'^# %% .*made="([^"{]*)', source.read_text(), re.M) for page, source in SOURCES.items()}
NO_HTML = "one => one instanceof HTMLUnknownElement"
THEMES_OWN = [".headerlink", ".copybtn", ".sd-summary-up", ".citation-list"]  # what the page's theme puts in


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, site: Path, complaints: list[str]) -> Page:
    """A tab that notes every error, every failed request and every request that is not for a file of the book."""
    tab = browser.new_page(viewport={"width": 1200, "height": 900})
    tab.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
    local = (site.as_uri(), "data:", "blob:")
    tab.on("request", lambda request: request.url.startswith(local) or complaints.append(f"asked for {request.url}"))
    yield tab
    tab.close()


def open_page(page: Page, site: Path, name: str) -> None:
    page.goto((site / f"{name}.html").as_uri(), wait_until="networkidle")
    if VIEWS.get(name):
        page.locator(".capxai canvas, .capxai .masking, .capxai .curve").first.wait_for(state="attached")


@pytest.mark.parametrize("name", PAGES)
def test_page_is_whole_and_asks_no_other_host(page: Page, site: Path, complaints: list[str], name: str) -> None:
    open_page(page, site, name)
    assert page.locator("article h1").count() == 1
    assert page.locator(".capxai-view").count() == VIEWS.get(name, 0)
    for picture in page.locator("article img").all():
        # a thumbnail beside its caption repeats it: the list of made-up words has it read out once
        decorates = picture.get_attribute("alt") == "" and picture.evaluate("image => !!image.closest('.made-up')")
        assert picture.get_attribute("alt") or decorates
        assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    assert page.locator("article", has_text="$$").count() == 0
    # "<start>" that nothing escaped would be an element, and its cell empty
    assert page.locator("article *").evaluate_all(f"all => all.filter({NO_HTML}).map(one => one.outerHTML)") == []
    assert page.locator(".math").count() == page.locator(".math mjx-container").count()
    assert complaints == []


@pytest.mark.parametrize("name", PAGES)
def test_links_inside_the_book_lead_somewhere(page: Page, site: Path, name: str) -> None:
    open_page(page, site, name)
    for link in set(page.locator("a[href]").evaluate_all("links => links.map(link => link.href)")):
        if link.startswith(site.as_uri()):
            file, _, anchor = link.partition("#")
            target = Path(file.removeprefix("file:" + "//"))
            assert target.exists(), link
            if anchor:
                assert f'id="{anchor}"' in target.read_text(), link


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_readers_who_cannot_see_or_point_meet_nothing_serious(page: Page, site: Path, name: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    open_page(page, site, name)
    own = {"include": [["article.bd-article"]], "exclude": [[one] for one in THEMES_OWN]}
    found = Axe().run(page, context=own).response["violations"]
    grave = [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")]
    assert grave == []


@pytest.mark.parametrize("name", PAGES)
def test_page_is_light(site: Path, name: str) -> None:
    assert (site / f"{name}.html").stat().st_size < 2_500_000


@pytest.mark.parametrize("name", SOURCES)
def test_chapter_comes_as_its_executed_notebook(page: Page, site: Path, name: str) -> None:
    open_page(page, site, name)
    buttons = page.locator(".btn-download-source-button").evaluate_all("links => links.map(link => link.href)")
    assert buttons == [(site / "_sources" / f"{name}.ipynb").as_uri()]
    cells = json.loads((site / "_sources" / f"{name}.ipynb").read_text())["cells"]
    assert any(cell.get("outputs") for cell in cells)


@pytest.mark.parametrize("name", SOURCES)
def test_what_made_a_figure_stands_under_it(page: Page, site: Path, name: str) -> None:
    open_page(page, site, name)
    outputs = page.locator("div.cell_output div.text_html:has(img, .capxai-view)")
    under = []
    for output in outputs.all():
        told = output.locator("> .capxai-data")
        assert told.locator("a", has_text="notebook").count() == 1
        assert "seed" in told.inner_text()
        under.append(told.inner_text())
    assert len(under) >= VIEWS[name]
    for made in MADE[name]:
        assert any(made in told for told in under)


def test_reference_has_every_public_name(site: Path) -> None:
    text = (site / "book" / "api.html").read_text()
    assert [name for name in cx.__all__ if f'id="capxai_core.{name}"' not in text] == []


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_phone(page: Page, site: Path, name: str) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    open_page(page, site, name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def shown(view: Locator) -> tuple[str, list[str], str]:
    """What a reader sees of a view: the map, the colours of the words, the sentence about it."""
    colours = "words => words.map(word => getComputedStyle(word).backgroundColor)"
    picture = view.locator("canvas").evaluate("canvas => canvas.toDataURL()")
    return picture, view.locator(".token").evaluate_all(colours), view.locator(".status").inner_text()


@pytest.mark.parametrize("name", [name for name, called in CALLED.items() if "Explorer" in called])
def test_explorers_answer_a_word_and_a_method(page: Page, site: Path, complaints: list[str], name: str) -> None:
    open_page(page, site, name)
    views = page.locator(".capxai-view:not(:has(.made-up)) .capxai > .explorer")
    views.nth(CALLED[name].count("Explorer") - 1).wait_for()
    for view in views.all():
        before = shown(view)
        view.locator(".token:has(input:not(:checked))").last.click()
        page.mouse.move(0, 0)
        word = shown(view)
        view.locator(".methods label:has(input:not(:checked))").first.click()
        method = shown(view)
        for one, other in ((before, word), (word, method)):
            assert all(a != b for a, b in zip(one, other, strict=True))
    assert complaints == []


@pytest.mark.parametrize("kind", ["MaskingView", "CurveView"])
def test_other_views_answer_a_choice(page: Page, site: Path, complaints: list[str], kind: str) -> None:
    (name,) = (name for name, called in CALLED.items() if kind in called)
    open_page(page, site, name)
    view = page.locator(f".capxai-view .{kind.removesuffix('View').lower()}")
    before = view.locator(".status").inner_text()
    view.locator("label.option:has(input:not(:checked))").first.click()
    assert view.locator(".status").inner_text() != before
    assert complaints == []

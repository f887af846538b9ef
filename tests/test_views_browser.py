"""The views of evidence as a reader meets them: in a browser, from a file, with no network."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page
from test_explorer_browser import heat, watched
from test_views import HOSTILE, WORDS, Reader, explained, picture, state
from torch import Tensor

from capxai_core.errors import RequestError
from capxai_core.views.made_up import PICTURES, MadeUpWords
from capxai_core.views.view import View

page = pytest.fixture(watched)
Open = Callable[..., Locator]
HEAD = (
    "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><link rel=icon href='data:,'>"
)


@pytest.fixture
def opened(page: Page, tmp_path: Path) -> Open:
    """Opens views on a page of their own; the card of the first, once it is drawn."""

    def put(*views: View, name: str) -> Locator:
        file = tmp_path / "views.html"
        file.write_text(HEAD + "".join(view.to_html() for view in views))
        page.goto(file.as_uri())
        page.locator(f".{name}").nth(len(views) - 1).wait_for()
        return page.locator(f".{name}").first

    return put


@pytest.fixture
def live(page: Page, tmp_path: Path) -> Callable[[View, str], Locator]:
    """Draws a view as anywidget does, with `model` to set traits from outside and `saved`, what the view told."""

    def put(view: View, name: str) -> Locator:
        file = tmp_path / "live.html"
        script = view._esm.replace("export default { render: live(draw) };", "window.render = live(draw);")
        file.write_text(f"{HEAD}<div id=out></div><script type=module>{script}</script>")
        page.goto(file.as_uri())
        page.evaluate(
            """async (traits) => {
              const heard = {};
              window.saved = 0;
              window.model = { get: (name) => traits[name], save_changes: () => { window.saved += 1; },
                set: (name, value) => { traits[name] = value; (heard[`change:${name}`] ?? []).forEach((f) => f()); },
                on: (event, f) => { (heard[event] ??= []).push(f); }, off: () => {} };
              await window.render({ model: window.model, el: document.getElementById("out") });
            }""",
            {"data": view.data, **{trait: getattr(view, trait) for trait in view.trait_names(choice=True)}},
        )
        return page.locator(f".{name}")

    return put


@dataclass(frozen=True)
class Shown:
    """An example of which only name, picture and objects are asked for."""

    name: str
    objects: tuple[SimpleNamespace, ...] = ()

    def display(self) -> Tensor:
        return picture()

    image = display


def fits_a_phone(card: Locator) -> None:
    card.page.set_viewport_size({"width": 380, "height": 800})
    assert card.page.evaluate("document.documentElement.scrollWidth") <= 380


def menu(card: Locator, name: str) -> Locator:
    return card.get_by_role("combobox", name=name, exact=True)


# Words the model made up


def made_up(n: int = 2, words: tuple[str, ...] = WORDS, title: str | None = None) -> MadeUpWords:
    """n pictures of the same caption; its third word is supported, its last one made up."""
    entries = [(Shown(f"scene-{k}"), explained(words)) for k in range(n)]
    rows = [
        {"image": f"scene-{k}", "position": p, "word": words[p], "supported": p == 2, "first": True, "object": p != 0}
        | {"L": (-1) ** k * (p + k / 10), "share": None if k and p == 2 else p / 10}
        for k in range(n)
        for p in (0, 2, len(words) - 1)
    ]
    return MadeUpWords(entries, pd.DataFrame(rows), {"L": "mean relevance", "share": "pixel share"}, title)


def listed(card: Locator) -> list[str]:
    return [" ".join(text.split()) for text in card.locator(".entries .option").all_inner_texts()]


def test_made_up_words_are_marked_and_open_in_the_explorer(opened: Open) -> None:
    card = opened(made_up(), name="made-up")
    assert [text.split(" mean")[0] for text in listed(card)] == [
        f"{' '.join(WORDS)} {truth}" for truth in ("✓ supported", "✗ made up") * 2
    ]
    assert card.locator(".entries mark").all_inner_texts() == ["dog", "shirt", "dog", "shirt"]
    assert "4 of 4 words, 2 of them made up. Shown below: “dog” in scene-0" in card.locator(".count").inner_text()
    before = heat(card)
    card.locator(".entries .option").nth(3).click()
    card.get_by_text("scene-1", exact=True).wait_for()
    assert "“shirt” in scene-1, made up; mean relevance −6.10" in card.locator(".count").inner_text()
    assert "LRP for “shirt”" in card.locator(".status").inner_text()
    assert heat(card) != before


def test_made_up_words_are_filtered_and_sorted_without_a_mouse(opened: Open) -> None:
    card = opened(made_up(), name="made-up")
    keys = card.page.keyboard
    menu(card, "Word").focus()
    keys.press("ArrowDown")
    assert card.locator(".entries mark").all_inner_texts() == ["dog", "dog"]
    assert "2 of 4 words, 0 of them made up" in card.locator(".count").inner_text()
    menu(card, "Which").select_option("made up")
    assert listed(card) == []
    assert "0 of 4 words" in card.locator(".count").inner_text() and not card.locator(".explorer").is_visible()
    menu(card, "Word").select_option("")
    menu(card, "Which").select_option("")
    menu(card, "Order").select_option("rising")
    assert [text.rsplit(" ", 1)[1] for text in listed(card)] == ["−6.10", "−2.10", "2.00", "6.00"]
    menu(card, "Order").select_option("falling")
    menu(card, "Score").select_option("share")
    assert [text.split("pixel share ")[1] for text in listed(card)] == ["0.60", "0.60", "0.20", "not there"]
    card.locator(".entries input:checked").focus()
    keys.press("ArrowDown")
    assert card.page.evaluate("document.activeElement.checked")
    assert card.locator(".count").get_attribute("aria-live") == "polite"


def test_made_up_words_stand_twice_on_a_page_fit_a_phone_and_print(opened: Open) -> None:
    card = opened(made_up(), made_up(3), name="made-up")
    second = card.page.locator(".made-up").nth(1)
    second.locator(".entries .option").nth(5).click()
    assert "“shirt” in scene-2" in second.locator(".count").inner_text()
    assert "“dog” in scene-0" in card.locator(".count").inner_text()
    fits_a_phone(card)
    card.page.emulate_media(media="print")
    assert not card.locator(".menus").is_visible()


def test_made_up_words_live_follow_python_and_tell_it(live: Callable[[View, str], Locator]) -> None:
    card = live(made_up(), "made-up")
    card.locator(".entries .option").nth(1).click()
    assert card.page.evaluate("[model.get('entry'), saved]") == [1, 1]
    card.page.evaluate("model.set('only', 'supported')")
    assert len(listed(card)) == 2


def test_made_up_words_without_scripts_and_with_hostile_ones_are_text(opened: Open) -> None:
    view = made_up(2, (*HOSTILE, "dog"), HOSTILE[0])
    read = Reader(view.to_html())
    assert f"“{HOSTILE[2]}” is supported: mean relevance 2.00, pixel share 0.20. LRP for" in read.text
    assert [attributes.get("src", "")[:10] for tag, attributes in read.tags if tag == "img"] == ["data:image"] * 2
    card = opened(view, name="made-up")
    assert card.locator(".title").first.inner_text() == HOSTILE[0]
    assert card.locator(".entries mark").first.inner_text() == HOSTILE[2]
    assert "pictures" not in state(view.to_html())["data"]


def test_made_up_words_refuse_what_does_not_belong_together() -> None:
    view = made_up()
    with pytest.raises(RequestError, match=r"score='L2'.*L, share"):
        view.score = "L2"
    entries = [(Shown("scene-0"), explained())]
    rows = pd.DataFrame([{"image": "scene-0", "position": 2, "word": "cat", "supported": True, "L": 1.0}])
    with pytest.raises(RequestError, match="no longer 'cat'"):
        MadeUpWords(entries, rows, {"L": "L"})
    with pytest.raises(RequestError, match="none of the rows"):
        MadeUpWords(entries, rows.assign(image="other"), {"L": "L"})
    with pytest.raises(RequestError, match=f"1 to {PICTURES} pictures, not 25"):
        MadeUpWords(entries * 25, rows, {"L": "L"})
    with pytest.raises(RequestError, match="among the rows"):
        MadeUpWords(entries, rows, {"M": "L"})

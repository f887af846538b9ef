"""The views of evidence as a reader meets them: in a browser, from a file, with no network."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from playwright.sync_api import Locator, Page
from small import captioner
from test_explorer_browser import heat, watched
from test_views import HOSTILE, WORDS, Reader, explained, picture, state
from torch import Tensor

from capxai_core.errors import RequestError
from capxai_core.evaluate.masking import look_again
from capxai_core.evaluate.records import Explained
from capxai_core.methods import Explanation, explain
from capxai_core.views.curve import CurveView
from capxai_core.views.made_up import PICTURES, MadeUpWords
from capxai_core.views.masking import SHARES, MaskingView
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
    assert "4 of 4 words, 2 of them made up. Chosen: “dog” in scene-0" in card.locator(".count").inner_text()
    before = heat(card)
    card.locator(".entries .option").nth(3).click()
    card.get_by_text("scene-1", exact=True).wait_for()
    assert "“shirt” in scene-1, made up; mean relevance −6.10" in card.locator(".count").inner_text()
    assert "LRP for “shirt”" in card.locator(".status").inner_text()
    assert heat(card) != before
    card.locator(".token").nth(1).click()
    assert "LRP for “shirt”" not in card.locator(".status").inner_text()
    card.locator(".entries .option").nth(3).click()  # it is chosen already, and brings its word back
    assert "LRP for “shirt”" in card.locator(".status").inner_text()


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


# Masking


@pytest.fixture(scope="module")
def masked() -> tuple[MaskingView, list[Explanation]]:
    """Two words of a small captioner's caption, hidden by two methods, with the mean colour."""
    model, example = captioner(3).float(), Shown("scene-0")
    caption = model.read(example.image(), "w5 w7 w9")
    found = [explain(model, example.image(), caption, name, words=[1, 2]) for name in ("lrp", "attention")]
    return MaskingView(model, example, found, fill="mean", title="Hide"), found


def hidden(card: Locator) -> list[bool]:
    return card.locator(".cells i").evaluate_all("all => all.map(one => one.classList.contains('on'))")


def test_masking_tells_what_looking_again_finds(masked: tuple[MaskingView, list[Explanation]], opened: Open) -> None:
    view, (lrp, _) = masked
    card = opened(view, name="masking")
    on = hidden(card)
    grid = int(len(on) ** 0.5)
    assert sum(on) == round(SHARES[4] * grid**2)
    model, image = captioner(3).float(), picture()
    mask = torch.tensor(on).view(1, grid, grid).numpy()
    after, (said,) = look_again(model, Explained(Shown("scene-0"), image, lrp.caption, {}), mask, "mean", 3)
    assert card.locator(".new").inner_text().split(":")[1].split() == list(said)
    told = card.locator(".status").inner_text()
    assert f"to {round(100 * round(float(after[0, 1]), 4))}\u202f%." in told and "relevant for “w7” by LRP" in told
    evidence = torch.nn.functional.adaptive_avg_pool2d(lrp.image[[0]], grid).flatten()
    shown = torch.tensor(on)
    assert evidence[shown].min() >= evidence[~shown].max() - 1e-6
    colour = card.locator(".cells .on").first.evaluate("cell => getComputedStyle(cell).backgroundColor")
    assert colour == f"rgb({', '.join(str(round(float(c) * 255)) for c in image.mean((1, 2)))})"


def test_masking_is_steered_by_keyboard_alone(masked: tuple[MaskingView, list[Explanation]], opened: Open) -> None:
    card = opened(masked[0], name="masking")
    keys = card.page.keyboard
    before, told = hidden(card), card.locator(".status")
    card.get_by_label("Share of the cells").focus()
    keys.press("ArrowRight")
    assert "With 30\u202f% of the cells hidden" in told.inner_text() and hidden(card) != before
    keys.press("ArrowLeft")
    card.get_by_role("button", name="Keep only these").press("Space")
    assert hidden(card) == [not on for on in before]
    assert "With only 20\u202f% of the cells left" in told.inner_text()
    card.get_by_role("button", name="Keep only these").press("Space")
    card.get_by_role("radiogroup", name="Which cells").get_by_role("radio", checked=True).focus()
    keys.press("ArrowRight")
    assert "least relevant for “w7”" in told.inner_text()
    assert not any(a and b for a, b in zip(hidden(card), before, strict=True))
    keys.press("ArrowRight")
    at_random = hidden(card)
    assert "chosen at random" in told.inner_text()
    card.get_by_role("radiogroup", name="Word").get_by_role("radio", checked=True).focus()
    keys.press("ArrowRight")
    card.get_by_role("radiogroup", name="Method").get_by_role("radio", checked=True).focus()
    keys.press("ArrowRight")
    assert "“w9” is" in told.inner_text() and hidden(card) == at_random
    assert "at random: " in card.locator("svg.plot").get_attribute("aria-label")
    assert told.get_attribute("aria-live") == "polite"


def test_masking_fits_a_phone_and_follows_python(
    masked: tuple[MaskingView, list[Explanation]], opened: Open, live: Callable[[View, str], Locator]
) -> None:
    view, _ = masked
    fits_a_phone(opened(view, view, name="masking"))
    card = live(view, "masking")
    card.get_by_label("Share of the cells").fill("0")
    assert card.page.evaluate("[model.get('step'), saved]") == [0, 1]
    assert not any(hidden(card))
    card.page.evaluate("model.set('word', 1)")
    assert "“w9”" in card.locator(".status").inner_text()


def test_masking_says_all_in_words_and_refuses_what_is_not_there(masked: tuple[MaskingView, list[Explanation]]) -> None:
    view, found = masked
    read = Reader(view.to_html())
    # two words by two methods from either end, and at random
    assert read.text.count("% hidden)") == read.text.count("% kept)") == 2 * (2 * 2 + 1) * len(SHARES)
    assert read.text.count("cells kept chosen at random") == 2
    assert view.data["counts"] == [round(share * view.data["grid"] ** 2) for share in SHARES]
    assert len([tag for tag, _ in read.tags if tag == "img"]) == 1
    for trait, value in (("word", 2), ("method", "gradcam")):
        with pytest.raises(RequestError, match=f"{trait}={value!r}"):
            setattr(view, trait, value)
    with pytest.raises(RequestError, match="choose white or mean"):
        MaskingView(captioner(3).float(), Shown("scene-0"), found, fill="blur")


# Attention correctness

CAPTIONED = tuple(
    SimpleNamespace(category="dog", words=("dog", HOSTILE[1]), box=box)
    for box in ((0.0, 0.0, 0.5, 0.5), (0.25, 0.5, 0.5, 0.25))
)


def curved(word: str = "dog", judged: str = "scene") -> CurveView:
    """Two pictures with the same caption, whose third word names two objects, judged with made-up values."""
    words = (*WORDS[:2], word, *WORDS[3:])
    chosen = [(Shown(f"scene-{k}", CAPTIONED), explained(words)) for k in range(2)]
    rows = [
        {"image": f"{judged}-{k}", "position": 2, "word": word, "other": "", "method": method, "resolution": resolution}
        | {"sign": "+", "region": region, "share": 0.2, "empty": False}
        | {f"c{t}": (0.9 if resolution == "own" else 0.1) - 0.05 * t - 0.3 * k - 0.1 * i for t in range(10)}
        for k in range(2)
        for i, method in enumerate(("lrp", "gradcam", "attention", "uniform"))
        for resolution in ("own", "pooled")
        for region in ("union", "best")
    ]
    return CurveView(pd.DataFrame(rows), chosen)


def test_the_curve_opens_single_words_with_box_and_threshold(opened: Open) -> None:
    card = opened(curved(), name="curve")
    told = card.locator(".status")
    assert "of LRP for “dog” above 0.3 of the maximum, 75\u202f% lies in one of the boxes" in told.inner_text()
    assert "On average over 2 words: 60\u202f%" in told.inner_text()
    assert card.locator(".plot polyline").count() == card.locator(".keys li").count() == 4
    boxes = card.locator(".boxes i").evaluate_all("all => all.map(one => [one.style.left, one.style.width])")
    assert boxes == [["0%", "50%"], ["25%", "50%"]]
    card.locator(".plot .dot").first.click()  # the other word's point
    assert "45\u202f% lies" in told.inner_text()
    assert card.locator(".points input:checked").get_attribute("value") == "1"
    card.get_by_text("scene-1:").wait_for()


@pytest.mark.parametrize("threshold", [0, 4, 8])
def test_the_threshold_hides_weaker_evidence_and_all_against(opened: Open, threshold: int) -> None:
    card = opened(curved(), name="curve")
    card.get_by_label("Threshold", exact=True).fill(str(threshold))
    read = "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
    alpha = torch.tensor(card.locator("canvas").evaluate(read))[3::4]
    image = explained()[0].image[2]
    levels = (image / image.abs().max() * 127).round().flatten()
    kept = levels > threshold / 10 * levels.max()  # of the positive evidence, as eq. (13) has it
    assert torch.equal(alpha > 0, kept)


def test_the_curve_is_steered_by_keyboard_alone_and_fits_a_phone(opened: Open) -> None:
    card = opened(curved(), curved(), name="curve")
    keys, told = card.page.keyboard, card.locator(".status")
    card.get_by_role("radiogroup", name="Method").get_by_role("radio", checked=True).focus()
    keys.press("ArrowRight")
    card.get_by_label("Threshold", exact=True).focus()
    keys.press("ArrowLeft")
    assert "of Grad-CAM for “dog” above 0.2 of the maximum, 70\u202f%" in told.inner_text()
    assert card.get_by_role("radio", name="dog 70\u202f%").count() == 1
    card.locator(".points input:checked").focus()
    keys.press("ArrowRight")
    assert "40\u202f% lies" in told.inner_text()
    assert told.get_attribute("aria-live") == "polite"
    assert "LRP from 75\u202f% to 30\u202f%" in card.locator(".plot").get_attribute("aria-label")
    fits_a_phone(card)


def test_the_curve_live_follows_python_and_tells_it(live: Callable[[View, str], Locator]) -> None:
    card = live(curved(), "curve")
    card.locator(".points .option").nth(1).click()
    assert card.page.evaluate("[model.get('point'), saved]") == [1, 1]
    card.page.evaluate("model.set('method', 'attention')")
    assert "of Attention for" in card.locator(".status").inner_text()


def test_the_curve_says_all_in_words_and_refuses_what_is_not_there(opened: Open) -> None:
    read = Reader(curved(HOSTILE[1]).to_html())
    assert "LRP (n = 2): 0.75 at 0, 0.70 at 0.1" in read.text
    assert f"“{HOSTILE[1]}” by Grad-CAM: 0.80 at 0" in read.text
    assert [a.get("src", "")[:10] for tag, a in read.tags if tag == "img"] == ["data:image"] * 2
    assert HOSTILE[1] in opened(curved(HOSTILE[1]), name="curve").locator(".status").inner_text()
    view = curved()
    with pytest.raises(RequestError, match=r"point=2: this view has 0, 1$"):
        view.point = 2
    with pytest.raises(RequestError, match="method='uniform'"):
        view.method = "uniform"
    with pytest.raises(RequestError, match="the records tell nothing"):
        curved(judged="photo")

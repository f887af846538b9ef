"""The explorer as a reader meets it: in a browser, from a file, with no network."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page
from test_views import HOSTILE, WORDS, accounted, explained, picture

from capxai_core.views.explorer import Explorer
from capxai_core.views.page import write_gallery, write_page

ENTRY = ("dog.jpg", picture(), explained())


def watched(browser: Browser) -> Iterator[Page]:
    """A tab in which nothing may go wrong: no error, no failed request, no request but for files."""
    wrong: list[str] = []
    tab = browser.new_page(viewport={"width": 1000, "height": 900})
    tab.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("requestfailed", lambda request: wrong.append(request.url))
    tab.on(
        "request", lambda asked: None if asked.url.startswith(("file:", "data:", "blob:")) else wrong.append(asked.url)
    )
    yield tab
    tab.close()
    assert wrong == []


page = pytest.fixture(watched)


@pytest.fixture
def view(page: Page, tmp_path: Path) -> Locator:
    page.goto(write_page(tmp_path / "page.html", [ENTRY], "One picture").as_uri())
    page.locator(".explorer canvas").wait_for()
    return page.locator(".explorer")


def heat(view: Locator) -> str:
    return view.locator("canvas").evaluate("canvas => canvas.toDataURL()")


def colours(view: Locator) -> list[str]:
    return view.locator(".token").evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)")


def choose(view: Locator, row: int) -> None:
    view.locator(f".token[data-row='{row}']").click()
    view.page.mouse.move(0, 0)


def test_a_click_on_a_word_changes_map_colours_and_sentence(view: Locator) -> None:
    choose(view, 2)
    before, tints = heat(view), colours(view)
    assert "LRP for “dog”" in view.locator(".status").inner_text()
    choose(view, 6)
    assert heat(view) != before
    assert colours(view) != tints
    assert "LRP for “shirt”" in view.locator(".status").inner_text()
    assert view.locator("canvas").get_attribute("aria-label") == view.locator(".status").inner_text()


def test_the_map_is_drawn_in_the_colours_of_its_signs(view: Locator) -> None:
    choose(view, 3)
    pixels = view.locator("canvas").evaluate(
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
    )
    values = explained()[0].image[3].flatten()
    r, _, b, _ = pixels[4 * int(values.argmax()) :][:4]
    assert r > b
    r, _, b, _ = pixels[4 * int(values.argmin()) :][:4]
    assert b > r
    assert pixels[4 * int(values.abs().argmin()) + 3] == 0


def test_words_before_are_tinted_by_their_sign_and_later_ones_are_not(view: Locator) -> None:
    row = 4
    choose(view, row)
    tints = colours(view)
    for column, score in enumerate(explained()[0].words[row]):
        if column <= row:
            assert tints[column].startswith("rgba(241" if score > 0 else "rgba(33")
            assert f"{score:+.2f}".replace("-", "−") in view.locator(".token").nth(column).inner_text()
        elif column - 1 > row:
            assert tints[column] == "rgba(0, 0, 0, 0)"


def test_hovering_previews_a_word_and_leaving_returns_to_the_chosen_one(view: Locator) -> None:
    choose(view, 1)
    before = heat(view)
    view.locator(".token[data-row='5']").hover()
    assert heat(view) != before
    view.page.mouse.move(0, 0)
    assert heat(view) == before


def test_the_caption_does_not_move_when_a_word_is_chosen(view: Locator) -> None:
    boxes = "all => all.map(one => JSON.stringify(one.getBoundingClientRect()))"
    before = view.locator(".token").evaluate_all(boxes)
    for row in (0, 3, 7):
        choose(view, row)
        assert view.locator(".token").evaluate_all(boxes) == before


def test_the_keyboard_alone_reaches_everything(view: Locator) -> None:
    keys = view.page.keyboard
    chosen = view.locator(".token input:checked")
    choose(view, 0)
    chosen.focus()
    keys.press("ArrowRight")
    assert chosen.get_attribute("value") == "1"
    assert view.locator(".token:focus-within").evaluate("word => getComputedStyle(word).outlineStyle") == "solid"
    keys.press("Tab")
    keys.press("ArrowLeft")  # the slider
    keys.press("Tab")
    before = heat(view)
    keys.press("ArrowRight")  # the methods
    assert heat(view) != before
    assert "Grad-CAM for “brown”" in view.locator(".status").inner_text()


def test_a_method_without_word_scores_says_so_and_has_no_account(view: Locator) -> None:
    choose(view, 3)
    assert view.locator(".account dd").count() == 5
    assert "LRP accounts for every bit of the score" in view.locator(".account").inner_text()
    view.get_by_text("Attention", exact=True).click()
    assert "gives earlier words no relevance" in view.locator(".legend").inner_text()
    assert not view.locator(".account").is_visible()
    assert set(colours(view)[:4]) == {"rgba(0, 0, 0, 0)"}


@pytest.mark.parametrize(
    ("terms", "headline"),
    [
        ((2.0, 1.0, 5.0), "40\u202f% from the picture · 20\u202f% from earlier words"),
        ((-4.93, 10.15, 5.8), "picture −4.93, earlier words +10.15 of a score of 5.80"),
        ((2.0, -1.0, 0.0), "picture +2.00, earlier words −1.00 of a score of 0.00"),
    ],
)
def test_the_headline_speaks_of_shares_only_where_they_are(
    page: Page, tmp_path: Path, terms: tuple[float, float, float], headline: str
) -> None:
    page.goto(write_page(tmp_path / "page.html", [("dog.jpg", picture(), [accounted(*terms)])], "Account").as_uri())
    assert page.locator(".seen").text_content() == headline


def test_a_method_without_an_account_tells_what_it_has_in_its_place(view: Locator) -> None:
    choose(view, 6)
    view.get_by_text("Grad-CAM", exact=True).click()
    scores = explained()[1].words[6, :7]
    most = int(scores.abs().argmax())
    told = view.locator(".instead")
    assert told.locator("dt").count() == 5
    assert told.locator("dt").first.inner_text() == ["<start>", *WORDS][most]
    assert told.locator("dd").first.inner_text() == f"{scores[most]:+.2f}".replace("-", "−")
    view.get_by_text("Attention", exact=True).click()
    beta = float(explained()[2].caption.beta[6])
    assert f"{round(100 * (1 - beta))}\u202f%" in told.locator("dd").first.inner_text()


def side_by_side(view: Locator) -> list[tuple[str, list[str], str]]:
    """Map, tints of the words before and sentence of every side."""
    tints = "all => all.map(one => getComputedStyle(one).backgroundColor)"
    return [
        (heat(side), side.locator(".before .token").evaluate_all(tints), side.locator(".status").inner_text())
        for side in view.locator(".side").all()
    ]


def test_two_methods_explain_the_same_word_beside_each_other(view: Locator) -> None:
    choose(view, 6)
    button = view.get_by_role("button", name="Compare two")
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    lrp, gradcam = side_by_side(view)
    assert "LRP for “shirt”" in lrp[2] and "Grad-CAM for “shirt”" in gradcam[2]
    assert all(one != other for one, other in zip(lrp, gradcam, strict=True))
    assert len(lrp[1]) == len(gradcam[1]) == 7
    assert "picture" in view.locator(".side").first.locator(".seen").inner_text()
    assert view.locator(".account:visible").count() == view.locator(".instead:visible").count() == 1
    first, second = (side.bounding_box() for side in view.locator(".frame").all())
    assert first["y"] == second["y"] and second["x"] > first["x"] + first["width"]
    choose(view, 2)
    assert all("for “dog”" in said for *_, said in side_by_side(view))
    button.click()
    assert view.locator("canvas").count() == 1


def test_methods_compared_are_chosen_by_keyboard_and_change_places(view: Locator) -> None:
    view.get_by_role("button", name="Compare two").focus()
    keys = view.page.keyboard
    keys.press("Space")
    view.get_by_role("radiogroup", name="Compared method").get_by_role("radio", checked=True).focus()
    keys.press("ArrowRight")
    assert "Attention for" in side_by_side(view)[1][2]
    assert "gives earlier words no relevance" in view.locator(".before").nth(1).inner_text()
    keys.press("ArrowRight")  # round to LRP, which the left side shows
    assert [said.split(" for")[0] for *_, said in side_by_side(view)] == ["Attention", "LRP"]
    assert view.page.evaluate("document.activeElement.value") == "lrp"


def test_two_methods_stand_above_each_other_on_a_phone_and_both_are_printed(view: Locator) -> None:
    view.get_by_role("button", name="Compare two").click()
    view.page.set_viewport_size({"width": 380, "height": 800})
    assert view.page.evaluate("document.documentElement.scrollWidth") <= 380
    first, second = (side.bounding_box() for side in view.locator(".frame").all())
    assert first["x"] == second["x"] and second["y"] > first["y"] + first["height"]
    view.page.emulate_media(media="print")
    assert view.locator(".all li").count() == 2 * (len(WORDS) + 1)


def test_a_caption_without_words_is_shown(page: Page, tmp_path: Path) -> None:
    page.goto(write_page(tmp_path / "page.html", [("dog.jpg", picture(), explained(()))], "Nothing said").as_uri())
    view = page.locator(".explorer")
    assert [text.split()[0] for text in view.locator(".token").all_inner_texts()] == ["<start>", "<end>"]
    assert "LRP for “<end>”" in view.locator(".status").inner_text()


def test_the_slider_leads_from_the_picture_to_the_map(view: Locator) -> None:
    view.get_by_label("Opacity of the map over the picture").fill("0")
    style = "node => [getComputedStyle(node).opacity, getComputedStyle(node).filter]"
    assert view.locator("canvas").evaluate(style)[0] == "0"
    assert view.locator(".frame img").evaluate(style) == ["1", "grayscale(0)"]


def test_roles_and_names_for_screen_readers(view: Locator) -> None:
    page = view.page
    assert page.get_by_role("radiogroup", name="Caption").get_by_role("radio").count() == len(WORDS) + 1
    assert page.get_by_role("radiogroup", name="Method").get_by_role("radio").count() == 3
    assert view.locator(".status").get_attribute("aria-live") == "polite"
    choose(view, 6)
    score = f"{explained()[0].words[6, 3]:+.2f}".replace("-", "−")
    assert page.get_by_role("radio", name=f"dog {score}").count() == 1


def test_only_explained_words_can_be_chosen(page: Page, tmp_path: Path) -> None:
    entry = ("dog.jpg", picture(), explained(positions=(2, 7)))
    page.goto(write_page(tmp_path / "page.html", [entry], "Two words").as_uri())
    view = page.locator(".explorer")
    assert [text.split()[0] for text in view.locator(".option.token").all_inner_texts()] == ["dog", "<end>"]
    choose(view, 1)
    assert "LRP for “<end>”" in view.locator(".status").inner_text()


def test_the_same_view_twice_on_a_page_answers_apart(page: Page, tmp_path: Path) -> None:
    page.goto(write_page(tmp_path / "page.html", [ENTRY, ENTRY], "Twice").as_uri())
    first, second = page.locator(".explorer").nth(0), page.locator(".explorer").nth(1)
    second.wait_for()
    choose(first, 1)
    choose(second, 5)
    assert "brown" in first.locator(".status").inner_text()
    assert "“a”" in second.locator(".status").inner_text()
    assert page.locator(".token input:checked").count() == 2


def test_hostile_words_are_inert(page: Page, tmp_path: Path) -> None:
    shown = explained(HOSTILE)
    page.add_init_script("window.boom = () => { window.hit = true }")
    page.goto(write_page(tmp_path / "page.html", [(HOSTILE[1], picture(), shown)], HOSTILE[0], HOSTILE[0]).as_uri())
    view = page.locator(".explorer")
    for row in range(len(HOSTILE)):
        choose(view, row)
        assert HOSTILE[row] in view.locator(".status").inner_text()
    assert page.evaluate("window.hit") is None
    assert page.locator("h1").inner_text() == HOSTILE[0]
    assert page.locator("img").count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_of_every_word_in_both_themes(view: Locator, theme: str) -> None:
    view.page.emulate_media(color_scheme="light" if theme == "dark" else "dark")  # the page's own theme wins
    view.page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
    ground = view.evaluate("node => getComputedStyle(node).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if theme == "light" else "rgb(20, 24, 30)")
    for row in (2, 7):
        choose(view, row)
        pairs = view.locator(".token").evaluate_all(
            "all => all.map(one => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor])"
        )
        assert min(contrast(ink, tint, ground) for ink, tint in pairs) >= 4.5


def contrast(ink: str, tint: str, ground: str) -> float:
    """WCAG's contrast of text on a tint over a ground, given as CSS colours."""

    def read(colour: str) -> list[float]:
        return [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")]

    def luminance(rgb: list[float]) -> float:
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    *rgb, alpha = [*read(tint), 1.0][:4]
    under = [alpha * c + (1 - alpha) * g for c, g in zip(rgb, read(ground)[:3], strict=True)]
    low, high = sorted((luminance(read(ink)[:3]), luminance(under)))
    return (high + 0.05) / (low + 0.05)


def test_it_fits_a_phone(view: Locator) -> None:
    view.page.set_viewport_size({"width": 380, "height": 800})
    assert view.page.evaluate("document.documentElement.scrollWidth") <= 380
    frame, panel = view.locator(".frame").bounding_box(), view.locator(".panel").bounding_box()
    assert frame["width"] > 280
    assert panel["y"] > frame["y"] + frame["height"]


def test_print_shows_every_word_and_no_controls(view: Locator) -> None:
    assert not view.locator(".all").is_visible()
    view.page.emulate_media(media="print")
    assert view.locator(".all li").count() == len(WORDS) + 1
    assert view.locator(".all").is_visible()
    assert not view.locator(".blend").is_visible()


def test_without_scripts_the_picture_and_the_words_are_there(browser: Browser, tmp_path: Path) -> None:
    tab = browser.new_page(java_script_enabled=False)
    tab.goto(write_page(tmp_path / "page.html", [ENTRY], "Plain").as_uri())
    assert tab.get_by_text("LRP for “shirt”").is_visible()
    assert tab.get_by_role("img", name="The picture").is_visible()
    tab.close()


def test_a_gallery_leads_to_a_picture_and_back(page: Page, tmp_path: Path) -> None:
    index = write_gallery(tmp_path, [ENTRY, ("cat #2?.jpg", picture(), explained())], "Photos", "Only scenes")
    page.goto(index.as_uri())
    page.get_by_role("link", name="cat #2?").click()
    page.locator(".explorer canvas").wait_for()
    assert page.get_by_role("note").inner_text() == "Only scenes"
    page.get_by_role("link", name="Photos").click()
    assert page.locator(".gallery li").count() == 2


def test_live_the_widget_follows_python_and_tells_it(page: Page, tmp_path: Path) -> None:
    """The same module with a model as anywidget gives it: traits set from outside are drawn, choices are reported."""
    view = Explorer(picture(), explained())
    traits = {"data": view.data, "word": 0, "method": "lrp", "compare": "", "opacity": 0.9}
    live = tmp_path / "live.html"
    live.write_text(
        "<!doctype html><meta charset=utf-8><link rel=icon href='data:,'><div id=out></div><script type=module>"
        + view._esm.replace("export default { render: live(draw) };", "window.render = live(draw);")
        + "</script>"
    )
    page.goto(live.as_uri())
    page.evaluate(
        """async (traits) => {
          const heard = {};
          window.saved = 0;
          window.model = { get: (name) => traits[name], save_changes: () => { window.saved += 1; },
            set: (name, value) => window.model.together({ [name]: value }),
            together: (changed) => { // as a message with several traits comes: all are set, then all are told of
              Object.assign(traits, changed);
              for (const name in changed) (heard[`change:${name}`] ?? []).forEach((f) => f());
            },
            on: (event, f) => { (heard[event] ??= []).push(f); }, off: () => {} };
          await window.render({ model: window.model, el: document.getElementById("out") });
        }""",
        traits,
    )
    shown = page.locator(".explorer")
    choose(shown, 3)
    assert page.evaluate("[model.get('word'), saved]") == [3, 1]
    page.evaluate("model.set('method', 'attention')")
    assert "Attention for “is”" in shown.locator(".status").inner_text()
    page.evaluate("model.set('compare', 'lrp')")
    assert len(side_by_side(shown)) == 2
    page.evaluate("model.set('compare', '')")
    other = Explorer(picture(), explained(("two", "cats")))
    page.evaluate("data => { model.set('word', 0); model.set('method', 'lrp'); model.set('data', data); }", other.data)
    shown.get_by_text("cats", exact=True).first.wait_for()
    assert "LRP for “two”" in shown.locator(".status").inner_text()
    page.evaluate("data => model.together({ word: 3, data })", view.data)  # a row that what was shown before has not
    shown.locator(".status", has_text="LRP for “is”").wait_for()

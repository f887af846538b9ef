"""What views say and show: words computed from the maps, colours, figures, self-contained pages."""

import base64
import json
import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import small
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from capxai_core.data.images import load_image
from capxai_core.data.scenes import PLACES, Scene, sample_scene
from capxai_core.errors import RequestError
from capxai_core.methods import explain
from capxai_core.methods.explanation import Budget, Explanation
from capxai_core.models.explainable import Caption
from capxai_core.views import heatmap
from capxai_core.views.alt import alt_text
from capxai_core.views.evidence import figure_maps
from capxai_core.views.explorer import Explorer
from capxai_core.views.heatmap import DIVERGING, SEQUENTIAL, figure_words, overlay, table_words
from capxai_core.views.page import write_gallery, write_page
from capxai_core.views.scenes import TINTS, figure_objects, figure_scenes
from capxai_core.views.workbench import Workbench

WORDS = ("a", "brown", "dog", "is", "on", "a", "shirt")
HOSTILE = ("</script><script>boom()</script>", "<img src=x onerror=boom()>", "&quot;", "$\\frac$", "'\"")


def explained(
    words: tuple[str, ...] = WORDS, height: int = 24, width: int = 24, positions: tuple[int, ...] | None = None
) -> list[Explanation]:
    """Made-up explanations of a caption by three methods; LRP's account adds up, its maps are sparse as real ones."""
    n = len(words)
    positions = (*range(n), n) if positions is None else positions
    t = len(positions)
    make = torch.Generator().manual_seed(7)
    uniform = torch.softmax(torch.randn(n, 49, generator=make), 1)
    caption = Caption(
        words, tuple(range(n)), -torch.rand(n, generator=make), uniform, torch.rand(n, generator=make), True, -0.1
    )
    maps = torch.randn(t, height, width, generator=make).pow(3) * 1e-3
    before = (torch.arange(n + 1) <= torch.tensor(positions)[:, None]).float()
    scores = torch.randn(t, n + 1, generator=make) * before
    rest = torch.randn(3, t, generator=make) / 4
    budget = Budget(maps.sum((1, 2)) + scores.sum(1) + rest.sum(0), maps.sum((1, 2)), scores.sum(1), *rest)
    smooth = torch.nn.functional.interpolate(torch.rand(t, 1, 7, 7, generator=make), (height, width), mode="bilinear")
    return [
        Explanation("lrp", caption, positions, maps, scores, budget.logit, signed=True, budget=budget),
        Explanation("gradcam", caption, positions, smooth[:, 0], scores.flip(0) * before, budget.logit, signed=False),
        Explanation("attention", caption, positions, smooth[:, 0].flip(1), None, budget.logit, signed=False),
    ]


def picture(height: int = 24, width: int = 24) -> torch.Tensor:
    across = torch.linspace(0, 1, width).expand(height, width)
    return torch.stack([across, across.flip(1), torch.linspace(0, 1, height)[:, None].expand(height, width)])


def one_map(image: torch.Tensor, signed: bool = True) -> Explanation:
    """One word, explained by this map alone."""
    caption = Caption(("dog",), (4,), torch.zeros(1), torch.ones(1, 4) / 4, torch.zeros(1), True, 0.0)
    method = "lrp" if signed else "attention"
    return Explanation(method, caption, (0,), image[None], None, torch.ones(1), signed)


def accounted(pixels: float, words: float, logit: float = 5.0) -> Explanation:
    """LRP's explanation, with this account for every word; biases make up the rest."""
    lrp = explained()[0]
    terms = (logit, pixels, words, logit - pixels - words, 0.0, 0.0)
    budget = Budget(*(torch.full_like(lrp.logits, term) for term in terms))
    return replace(lrp, logits=budget.logit, budget=budget)


def state(fragment: str) -> dict:
    return json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', fragment, re.S)[1])


class Reader(HTMLParser):
    """The tags with their attributes and the visible text, as a browser parses them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


# What is said


def test_a_map_that_is_not_finite_is_refused_and_an_empty_one_is_told() -> None:
    with pytest.raises(RequestError, match="map of 'lrp' holds values that are not finite"):
        Explorer(picture(), one_map(torch.full((8, 8), torch.nan)))
    assert "the map is zero everywhere" in alt_text(one_map(-torch.ones(8, 8), signed=False), 0)


def test_alt_text_says_where_the_evidence_lies() -> None:
    image = torch.zeros(30, 30)
    image[25, 3], image[2, 28], image[15, 15] = 3.0, 1.0, -1.0
    said = alt_text(one_map(image), 0)
    assert "LRP for “dog”" in said
    assert "evidence for it, 80\u202f% of all, mostly in the lower left (75\u202f% of it)" in said
    assert "evidence against it, 20\u202f% of all, mostly in the centre (100\u202f% of it)" in said
    assert alt_text(one_map(-image), 0).index("evidence against it, 80") < alt_text(one_map(-image), 0).index(
        "for it, 20"
    )
    assert "mostly in the lower right" in alt_text(one_map(image.flip(1)), 0)
    assert "mostly in the upper left" in alt_text(one_map(image.flip(0)), 0)


def test_alt_text_of_halves_of_everywhere_and_of_nothing() -> None:
    half = torch.zeros(30, 30)
    half[:, 15:] = 1
    assert "mostly in the right half (100\u202f% of it)" in alt_text(one_map(half, signed=False), 0)
    assert "weight spread over the picture" in alt_text(one_map(torch.ones(30, 30), signed=False), 0)
    assert "nothing in the picture" in alt_text(one_map(torch.zeros(30, 30)), 0)


def test_alt_text_names_the_words_and_the_share_of_the_pixels() -> None:
    lrp = accounted(pixels=2.0, words=1.0)
    row = 3
    scores = lrp.words[row, : row + 1]
    said = alt_text(lrp, row)
    assert f"“{lrp.tokens[int(scores.argmax())]}” speaks most for it (+{scores.max():.2f})" in said
    assert "40\u202f% of its score 5.00 reached the pixels." in said
    assert "for “<end>”" in alt_text(lrp, len(WORDS))
    with pytest.raises(RequestError, match="no word 9"):
        alt_text(lrp, 9)


def test_alt_text_says_amounts_where_the_terms_are_no_shares_of_the_score() -> None:
    said = alt_text(accounted(pixels=-4.93, words=10.15, logit=5.8), 2)
    assert "Of its score 5.80, −4.93 reached the pixels and +10.15 the earlier words." in said
    assert "of its score" not in said
    assert "Of its score 5.00, +2.00 reached the pixels and −1.00 the" in alt_text(accounted(2.0, -1.0), 2)
    assert "Of its score 0.00, +2.00 reached the pixels" in alt_text(accounted(2.0, -1.0, logit=0.0), 2)
    assert "60\u202f% of its score −5.00 reached" in alt_text(accounted(-3.0, -1.0, logit=-5.0), 2)


def test_a_caption_without_words_has_its_end_explained(tmp_path: Path) -> None:
    shown = explained(())
    assert shown[0].targets == ("<end>",)
    assert "LRP for “<end>”" in alt_text(shown[0], 0) and "“<start>”" in alt_text(shown[0], 0)
    plate = figure_words(picture(), shown)
    assert plate.alt.count("for “<end>”") == 3 and plate._repr_html_().startswith("<img")
    assert list(table_words(shown, 0).data.columns) == ["<start>"]
    assert Explorer(picture(), shown).word == 0
    assert (
        "LRP for “<end>”" in Reader(write_page(tmp_path / "page.html", [("x", picture(), shown)], "x").read_text()).text
    )


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_alt_text_speaks_of_any_map(height: int, width: int, seed: int) -> None:
    image = torch.randn(height, width, generator=torch.Generator().manual_seed(seed))
    for said in (alt_text(one_map(image), 0), alt_text(one_map(image.abs(), signed=False), 0)):
        assert all(int(share) <= 100 for share in re.findall(r"(\d+)\u202f% of", said))
        assert "nan" not in said


# Colours


def luminance(rgb: np.ndarray) -> float:
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_scales_darken_steadily_and_leave_zero_transparent() -> None:
    for scale, values in ((DIVERGING, np.linspace(0.5, 1, 60)), (DIVERGING, np.linspace(0.5, 0, 60))):
        rgba = scale(values)
        light = [luminance(c[:3] * c[3] + 1 - c[3]) for c in rgba]
        assert rgba[0, 3] < 0.02
        assert np.all(np.diff(light) < 1e-3)
    assert SEQUENTIAL(0.0)[3] == 0
    orange, blue = DIVERGING(0.75), DIVERGING(0.25)
    assert orange[0] > orange[2] and blue[2] > blue[0]


def test_tinted_words_stay_legible_in_light_and_dark() -> None:
    css = (Path(heatmap.__file__).parent / "view.css").read_text()

    def pair(name: str) -> list[np.ndarray]:
        both = re.search(rf"--{name}: light-dark\(#(\w+), #(\w+)\)", css).groups()
        return [np.array([int(c[k : k + 2], 16) for k in (0, 2, 4)]) / 255 for c in both]

    for ink, paper in zip(pair("ink"), pair("paper"), strict=True):
        for tint in heatmap.WORD_TINTS:
            ground = heatmap.WORD_ALPHA * np.array(tint) / 255 + (1 - heatmap.WORD_ALPHA) * paper
            low, high = sorted((luminance(ink), luminance(ground)))
            assert (high + 0.05) / (low + 0.05) >= 4.5


def test_overlay_shows_the_pale_picture_where_there_is_no_evidence() -> None:
    nothing = overlay(picture(), torch.zeros(12, 12), signed=True)
    assert nothing.shape == (24, 24, 3)
    assert np.ptp(nothing, axis=2).max() < 1e-6
    half = torch.zeros(12, 12)
    half[:, :4], half[:, 8:] = 1.0, -1.0
    shown = overlay(picture(), half, signed=True)
    assert shown[5, 2, 0] > shown[5, 2, 2] + 0.3
    assert shown[5, 22, 2] > shown[5, 22, 0] + 0.3


# Figures and tables


def test_figure_words_is_a_picture_with_alt_text_the_same_bytes_each_time() -> None:
    plate = figure_words(picture(), explained(HOSTILE), [1, 3])
    again = figure_words(picture(), explained(HOSTILE), [1, 3])
    assert plate._repr_html_() == again._repr_html_()
    assert plate.alt.count("LRP for") == 2
    (tag, attributes), *others = Reader(plate._repr_html_()).tags
    assert (tag, attributes["alt"], others) == ("img", plate.alt, [])
    assert base64.b64decode(attributes["src"].partition(",")[2]).startswith(b"RIFF")


@pytest.mark.parametrize(("height", "width"), [(400, 1), (2, 900), (1, 1)])
def test_figures_hold_pictures_of_any_shape(height: int, width: int) -> None:
    image = torch.rand(3, height, width)
    for shown in (figure_words(image, explained()), figure_maps([(image, explained()[0], 2)])):
        assert "data:image/webp;base64," in shown._repr_html_()


def test_the_words_before_the_end_are_all_of_the_caption_though_a_method_scores_none() -> None:
    lrp, _, attention = explained(("a", "dog"))
    assert lrp.tokens == attention.tokens == ("<start>", "a", "dog")
    assert explained(("a", "dog"), positions=(1,))[2].tokens == ("<start>", "a")


def test_figure_words_takes_all_words_by_default_and_refuses_one_that_is_not_there() -> None:
    assert figure_words(picture(12, 24), explained(positions=(2, 7))).alt.count("Attention for") == 2
    with pytest.raises(RequestError, match="no word 3"):
        figure_words(picture(), explained(positions=(2,)), [3])


def test_words_of_one_method_are_not_written_beside_those_of_another() -> None:
    apart = [*explained(positions=(2,))[:1], *explained()[1:]]
    with pytest.raises(RequestError, match="not of the same words"):
        figure_words(picture(), apart, [0])
    with pytest.raises(RequestError, match="not of the same words"):
        table_words(apart, 0)


def test_table_words_is_normalised_by_the_largest_score() -> None:
    lrp, gradcam, attention = explained()
    styler = table_words([lrp, gradcam, attention], 6)
    table = styler.data
    assert list(table.index) == ["LRP", "Grad-CAM"]
    assert list(table.columns) == ["<start>", "a", "brown", "dog", "is", "on", "a (2)"]
    assert table.abs().max(axis=1).tolist() == pytest.approx([1, 1])
    scores = lrp.words[6, :7]
    assert table.loc["LRP"].to_numpy() == pytest.approx((scores / scores.abs().max()).numpy())
    assert "&lt;start&gt;" in styler.to_html()


def test_tables_have_the_same_id_each_time_and_one_of_their_own() -> None:
    tables = [table_words(explained(), row).to_html() for row in (0, 5, 6)]  # rows 0 and 5 are both of “a”
    assert tables == [table_words(explained(), row).to_html() for row in (0, 5, 6)]
    assert len({re.search(r'<table id="(\w+)"', table)[1] for table in tables}) == 3
    assert "<table" in table_words(explained()[2:], 0).to_html()


# Scenes


def test_alt_text_of_a_scene_names_its_place_and_everything_in_it_where_it_is() -> None:
    scene = next(s for s in (sample_scene(k) for k in range(50)) if "dog" in {o.category for o in s.objects})
    for plate in (figure_objects(scene), figure_scenes([scene]).plates[0]):
        assert scene.place in plate.alt and plate.alt.count(" at ") + plate.alt.count(" in ") >= len(scene.objects)
        for o in scene.objects:
            assert plate.alt.count(o.category) >= sum(other.category == o.category for other in scene.objects)
    dog = [o.category for o in scene.objects].index("dog")
    x, _, width, _ = scene.objects[dog].box
    for aim, said in ((0.03, "left"), (0.97, "right")):
        alt = figure_objects(scene.moved(dog, aim - x - width / 2, 0)).alt
        assert any(f"dog {where}{said}" in alt for where in ("at the ", "in the upper ", "in the lower "))


def test_every_object_is_named_once_and_has_its_box_in_its_colour() -> None:
    scene = next(s for s in (sample_scene(k) for k in range(200)) if len(s.objects) > len(TINTS))
    axes = figure_objects(scene).figure.axes[0]
    assert sorted(text.get_text() for text in axes.texts) == sorted(o.category for o in scene.objects)
    boxes = {tuple(np.round([p.get_x() + 0.5, p.get_y() + 0.5, p.get_width(), p.get_height()])) for p in axes.patches}
    assert boxes == {tuple(np.round(np.array(o.box) * 384)) for o in scene.annotate(384)}
    spots = {text.xy for text in axes.texts}
    assert len(spots) == len(scene.objects)
    for x, y in spots:  # a name leads into the mask of an object of that name
        names = {text.get_text() for text in axes.texts if text.xy == (x, y)}
        assert names == {o.category for o in scene.annotate(384) if o.mask[int(y), int(x)]}


def test_scenes_stand_beside_each_other_with_their_captions_or_what_else_is_said() -> None:
    scenes = [next(s for s in (sample_scene(k) for k in range(50)) if s.place == place) for place in PLACES]
    read = Reader(figure_scenes(scenes)._repr_html_())
    images = [attributes for tag, attributes in read.tags if tag == "img"]
    assert len(images) == len(scenes)
    for scene, image in zip(scenes, images, strict=True):
        assert " ".join(scene.captions[0]) in read.text
        assert f"({scene.place})" in image["alt"]
    assert HOSTILE[0] in Reader(figure_scenes(scenes[:1], [HOSTILE[0]])._repr_html_()).text
    with pytest.raises(RequestError, match="5 scenes but 1 notes"):
        figure_scenes(scenes, ["only one"])


def test_an_empty_scene_says_so() -> None:
    empty = Scene(1, "train", "beach", (), ())
    assert figure_scenes([empty]).plates[0].alt == "Drawn scene (beach): nobody and nothing."
    assert figure_objects(empty)._repr_html_().startswith("<img")


# The explorer


@given(st.integers(1, 5), st.integers(1, 20), st.integers(1, 20), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_maps_survive_their_packing(t: int, height: int, width: int, seed: int) -> None:
    image = torch.randn(t, height, width, generator=torch.Generator().manual_seed(seed)).pow(3)
    image[0] = 0
    caption = Caption(("w",) * t, (4,) * t, torch.zeros(t), torch.ones(t, 1), torch.zeros(t), True, 0.0)
    view = Explorer(picture(), Explanation("lrp", caption, tuple(range(t)), image, None, torch.ones(t), True))
    packed = view.data["methods"][0]
    steps = np.frombuffer(zlib.decompress(base64.b64decode(packed["maps"])), np.int8).reshape(t, height, width)
    levels = np.cumsum(steps, axis=2, dtype=np.int8)
    peak = np.array(packed["peak"])[:, None, None]
    assert np.abs(levels / 127 * peak - image.numpy()).max() <= peak.max() / 250


@pytest.mark.parametrize("side", [128, 224])
def test_ten_words_by_three_methods_are_light(side: int) -> None:
    shown = explained(("word",) * 9, side, side)
    noisy = torch.nn.functional.interpolate(torch.rand(1, 3, 90, 90), size=(500, 400))[0]
    assert len(Explorer(noisy, shown).to_html().encode()) < 350_000


def test_word_method_and_opacity_are_set_and_read() -> None:
    view = Explorer(picture(), explained(), "A dog")
    lrp = explained()[0]
    assert (view.method, view.word) == ("lrp", int(lrp.budget.pixels[: len(WORDS)].argmax()))
    view.word, view.method, view.opacity = 7, "attention", 0.25
    found = state(view.to_html())
    assert (found["word"], found["method"], found["opacity"]) == (7, "attention", 0.25)
    with pytest.raises(RequestError, match=r"word=8: this view has 0, 1, .*, 7$"):
        view.word = 8
    with pytest.raises(RequestError, match=r"method='lpr'.*lrp, gradcam, attention"):
        view.method = "lpr"
    view.compare = "gradcam"
    assert state(view.to_html())["compare"] == "gradcam"
    with pytest.raises(RequestError, match=r"compare='lpr'.*lrp, gradcam, attention"):
        view.compare = "lpr"
    view.show(picture(), explained(positions=(1,)))
    assert (view.word, view.compare) == (0, "")


def test_explanations_of_different_words_are_refused() -> None:
    with pytest.raises(RequestError, match="not of the same words"):
        Explorer(picture(), [explained()[0], explained(positions=(1, 2))[1]])
    with pytest.raises(RequestError, match="same method"):
        Explorer(picture(), [explained()[0]] * 2)
    with pytest.raises(RequestError, match="at least one"):
        Explorer(picture(), [])


def test_a_notebook_gets_both_the_widget_and_the_page() -> None:
    data, _ = Explorer(picture(), explained())._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/html"].startswith('<div class="capxai-view">')


def test_html_is_the_same_each_time_and_asks_for_nothing() -> None:
    view = Explorer(picture(), explained())
    fragment = view.to_html()
    assert fragment == Explorer(picture(), explained()).to_html()
    assert "http" not in fragment
    for tag, attributes in Reader(fragment).tags:
        assert tag != "link" and not (tag == "script" and "src" in attributes)


def test_hostile_words_and_titles_stay_text() -> None:
    read = Reader(Explorer(picture(), explained(HOSTILE), HOSTILE[0]).to_html())
    assert [attributes.get("type") for tag, attributes in read.tags if tag == "script"] == [
        "application/json",
        "module",
    ]
    images = [attributes for tag, attributes in read.tags if tag == "img"]
    assert len(images) == 1 and "onerror" not in images[0]
    assert HOSTILE[1] in read.text


def test_without_scripts_every_word_is_explained_in_words() -> None:
    shown = explained()
    read = Reader(Explorer(picture(), shown).to_html())
    for explanation in shown:
        for row in range(len(explanation.positions)):
            assert alt_text(explanation, row) in read.text


# Pages


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_page(page, [("dog.jpg", picture(), explained())], "Dogs & cats", warning="Only <drawn> scenes")
    text = page.read_text()
    assert "Only &lt;drawn&gt; scenes" in text and "<title>Dogs &amp; cats</title>" in text

    def broken():
        yield ("dog.jpg", picture(), explained())
        raise RuntimeError("the second picture fails")

    with pytest.raises(RuntimeError):
        write_page(page, broken(), "Other")
    assert page.read_text() == text
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]


def test_a_gallery_links_a_page_for_every_picture(tmp_path: Path) -> None:
    names = ["a dog.jpg", "<img src=x onerror=boom()>.png", "a dog.jpg"]
    index = write_gallery(tmp_path / "out", [(name, picture(), explained()) for name in names], "Photos", "Careful")
    read = Reader(index.read_text())
    links = [unquote(attributes["href"]) for tag, attributes in read.tags if tag == "a"]
    assert len(set(links)) == 3
    for link in links:
        page = (index.parent / link).read_text()
        assert "Careful" in page and 'href="index.html"' in page
    assert " ".join(WORDS) in read.text
    assert not any("onerror" in attributes for _, attributes in read.tags)


def test_a_gallery_without_pictures_leaves_nothing(tmp_path: Path) -> None:
    assert write_gallery(tmp_path / "out", iter(()), "Photos") is None
    assert list(tmp_path.iterdir()) == []


def test_a_shorter_gallery_removes_the_pages_of_a_longer_one_and_no_other_file(tmp_path: Path) -> None:
    entries = [(name, picture(), explained()) for name in ("one.jpg", "two.jpg", "three.jpg")]
    write_gallery(tmp_path, entries, "Three")
    write_page(tmp_path / "2024-report.html", entries[:1], "Mine")
    (tmp_path / "0003-notes.html").write_bytes(b"<p>mine \xff")
    (tmp_path / "0004-folder.html").mkdir()
    write_gallery(tmp_path, [entries[2]], "One")
    kept = ["0001-three.html", "0003-notes.html", "0004-folder.html", "2024-report.html", "index.html"]
    assert sorted(file.name for file in tmp_path.iterdir()) == kept
    assert '<meta name="generator" content="capxai">' in (tmp_path / "0001-three.html").read_text()


def test_the_cost_of_every_method_is_told_or_said_to_be_missing(tmp_path):
    from capxai_core.errors import DataError
    from capxai_core.methods import METHODS
    from capxai_core.views.costs import figure_growth, read_bench, table_methods

    growth = {"words": {"1": 3.0, "10": 10.5}, "images": {"1": 10.0, "3": 30.0}, "size": {"112": 4.0, "224": 10.0}}
    table = table_methods({"passes": {"lrp": 10.5, "occlusion": 1234.0}})
    assert list(table["name"]) == list(METHODS)
    assert dict(zip(table["name"], table["passes"], strict=True)).items() >= {
        ("lrp", "10.5"),
        ("occlusion", "1,234.0"),
        ("gradcam", "not timed"),
    }
    assert "3.0 passes for 1 and 10.5 passes for 10" in figure_growth({"growth": growth}).alt
    with pytest.raises(DataError, match="make bench"):
        read_bench(tmp_path)


# The workbench


def bench() -> Workbench:
    return Workbench(small.captioner(3).float(), picture(16, 16), ("lrp", "attention"))


def test_the_workbench_explains_what_is_typed_searched_and_contrasted() -> None:
    work = bench()
    assert work.explorer is not None and work.said.value == str(work.caption)
    work.said.value = "w5 w7"
    assert (work.explorer.data["words"], str(work.caption)) == (("w5", "w7"), "w5 w7")
    plain = work.explorer.data["methods"][0]["logit"]
    assert work.explorer.data["title"] is None
    work.against.value = " W9 "
    assert work.explorer.data["title"] == "Scores by LRP: less those of “w9”"
    contrast = work.explorer.data["methods"][0]["logit"]
    assert contrast != plain and work.said.value == "w5 w7"
    assert contrast == pytest.approx(
        explain(work.model, work.image, work.caption, include_end=True, against="w9").logits.tolist(), rel=1e-4
    )
    work.beam.value = 1
    assert work.explorer.data["words"] == work.model.caption(work.image, 1).words


def test_the_workbench_takes_photographs_by_path_and_by_upload(tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    Image.new("RGB", (20, 10), "red").save(file)
    work = Workbench(small.captioner(3).float(), methods=("attention",))
    assert work.explorer is None and work.message.value == ""
    work.path.value = str(file)
    assert work.image.shape == (3, 10, 20) and work.explorer in work.children
    Image.new("RGB", (10, 20), "blue").save(file)
    sent = {"name": "../photo.png", "type": "image/png", "size": 1, "last_modified": datetime.now(UTC)}
    work.upload.value = ({**sent, "content": memoryview(file.read_bytes())},)
    assert work.image.shape == (3, 20, 10) and work.message.value == ""
    work.upload.value = ({**sent, "content": memoryview(b"no picture")},)
    assert 'role="alert">photo.png: cannot be decoded' in work.message.value
    work.upload.value = ({**sent, "name": "..", "content": memoryview(file.read_bytes())},)
    assert work.image.shape == (3, 20, 10) and work.message.value == ""
    work.path.value = "~nobody-of-this-name/photo.png"
    assert 'role="alert"' in work.message.value


def test_the_workbench_says_errors_in_the_panel_and_keeps_what_it_shows() -> None:
    work = bench()
    before = work.explorer.data
    work.against.value = "<img src=x>"
    assert "&lt;img src=x&gt;" in work.message.value and work.explorer.data == before
    work.against.value = ""
    assert work.message.value == ""
    work.path.value = "/nowhere/photo.jpg"
    assert "/nowhere/photo.jpg: no such file" in work.message.value and work.explorer.data == before
    nothing = Workbench(small.captioner(3).float())
    nothing.said.value = "w5"
    assert "choose a photograph first" in nothing.message.value


def test_the_workbench_never_explains_one_picture_by_the_caption_of_another(tmp_path: Path) -> None:
    work = bench()
    work.against.value = "nonsense"
    file = tmp_path / "photo.png"
    Image.new("RGB", (20, 10), "red").save(file)
    work.path.value = str(file)
    assert "nonsense" in work.message.value
    work.against.value = ""  # now the photograph can be explained, by its own caption
    assert work.message.value == "" and work.explorer.data["aspect"] == 2
    assert work.explorer.data["words"] == work.model.caption(load_image(file), work.beam.value).words


def test_on_a_page_the_workbench_says_how_to_get_it() -> None:
    shown = bench()._repr_mimebundle_()
    assert "live only" in Reader(shown["text/html"]).text and "make lab" in shown["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in shown


def test_no_part_of_a_view_has_a_class_that_the_books_theme_seizes() -> None:
    """sphinx-togglebutton folds whatever is of the class `toggle` when it starts, buttons of ours too."""
    for path in Path(heatmap.__file__).parent.glob("*.js"):
        assert not re.search(r'make\("\w+", "[^"]*\btoggle\b', path.read_text("utf-8")), path

"""Figures and tables of results, and the verdicts a chapter ends with: what they show, and what they say."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from small import captioner, picture
from torch import Tensor

import capxai_core as cx
from capxai_core.data.examples import FileExample
from capxai_core.evaluate.masking import cells
from capxai_core.evaluate.records import Explained
from capxai_core.evaluate.results import Results, evaluated, evaluated_profiles, trained_on
from capxai_core.views.charts import (
    by_fill,
    by_order,
    by_table_2,
    counted,
    figure_masked,
    in_hundredths,
    of_models,
    pick,
    styled,
)
from capxai_core.views.claims import disagreements, verdicts

MASKING = {"share": 0.25, "fill": "white", "kept": False, "measure": "drop", "region": "relevant"}


def masked(
    folder: Path,
    *rows: tuple[str, str, float, float, float],
    models: tuple[str, ...] = ("grid_td",),
    profile: str = "scenes",
) -> Path:
    """Results of masking, as (method, against, value, low, high)."""
    table = pd.DataFrame(rows, columns=["method", "against", "value", "low", "high"])
    for model in models:
        (folder / profile / model).mkdir(parents=True)
        path = folder / profile / model / "masking.csv"
        table.assign(**MASKING, n=1234, images=48, note="", p=0.01).to_csv(path, index=False)
        for name in ("provenance", "subset"):
            path.with_name(f"{name}.json").write_text('{"weights": ""}')
    return folder


def told(folder: Path, says: str, model: str = "grid-TD") -> list[str]:
    table = verdicts(folder, "scenes", "4b_masking").data
    return table[table.index.str.startswith(says)][model].item().split("\n")


def test_a_claim_that_came_out_is_shown_with_its_interval_and_n(tmp_path: Path) -> None:
    masked(tmp_path, ("lrp", "opposed", 0.25, 0.2, 0.3))
    assert told(tmp_path, "Masking what LRP") == ["reproduced", "0.25 [0.2, 0.3]", "n = 1,234"]


def test_a_claim_that_did_not_says_whether_it_is_contradicted_and_by_what(tmp_path: Path) -> None:
    masked(tmp_path, ("lrp", "attention", 0.1, 0.05, 0.15), ("guided_gradcam", "attention", -0.4, -0.5, -0.3))
    by = "Guided Grad-CAM: −0.4 [−0.5, −0.3]"
    assert told(tmp_path, "LRP and Guided") == ["not reproduced: contradicted", by, "n = 1,234"]


def test_a_claim_says_what_was_compared_with_what(tmp_path: Path) -> None:
    masked(tmp_path)
    of = {"lrp": (0.1, 0.05, 0.15), "guided_gradcam": (0.1, 0.05, 0.15), "gradcam": (0.4, 0.3, 0.5)}
    table = pd.DataFrame([(m, *v) for m, v in of.items()], columns=["method", "value", "low", "high"])
    same = {"resolution": "own", "sign": "+", "region": "union", "against": "", "n": 1234, "images": 48, "note": ""}
    table.assign(**same).to_csv(tmp_path / "scenes" / "grid_td" / "localisation.csv", index=False)
    shown = verdicts(tmp_path, "scenes", "4b2_localisation").data
    row = shown[shown.index.str.startswith("Guided Grad-CAM and LRP locate")]["grid-TD"].item().split("\n")
    by = "LRP: 0.1 [0.05, 0.15] against Grad-CAM: 0.4 [0.3, 0.5]"
    assert row == ["not reproduced: contradicted", by, "n = 1,234"]


def test_negative_values_have_a_true_minus_and_the_open_question_stays_open(tmp_path: Path) -> None:
    masked(tmp_path, ("lrp", "opposed", -0.01, -0.05, 0.03))
    said = ["not reproduced: undecided at this n", "−0.01 [−0.05, 0.03]", "n = 1,234"]
    assert told(tmp_path, "Masking what LRP") == said


def test_what_was_not_computed_is_told_for_the_model_that_lacks_it(tmp_path: Path) -> None:
    masked(tmp_path, ("lrp", "opposed", 0.25, 0.2, 0.3))
    missing = ["not tested: no results scenes/adaptive/masking.csv"]
    assert told(tmp_path, "Masking what LRP", "adaptive attention") == missing


def test_a_claim_that_does_not_fit_its_table_is_told_and_the_others_are_judged(tmp_path: Path) -> None:
    masked(tmp_path, *[("lrp", "opposed", 0.25, 0.2, 0.3)] * 2, ("attention", "", 0.4, 0.3, 0.5), models=("adaptive",))
    (said,) = told(tmp_path, "Masking what LRP", "adaptive attention")
    assert said.startswith("not tested: claim 'opposed-regions': 2 rows instead of 1")
    assert told(tmp_path, "Without the regions", "adaptive attention")[0].startswith("not tested: nothing in")


def test_other_profiles_stand_beneath_where_their_results_judge_a_claim(tmp_path: Path) -> None:
    masked(tmp_path, ("lrp", "opposed", 0.25, 0.2, 0.3))
    masked(tmp_path, ("lrp", "opposed", 0.1, -0.1, 0.3), profile="flickr8k")
    (tmp_path / "coco2017" / "flickr8k-grid_td").mkdir(parents=True)
    (tmp_path / "coco2017" / "flickr8k-grid_td" / "provenance.json").write_text("{}")  # with other tables
    table = verdicts(tmp_path, "scenes", "4b_masking").data["grid-TD"]
    of = {profile: out.split("\n")[0] for (says, profile), out in table.items() if says.startswith("Masking what LRP")}
    assert of == {"scenes": "reproduced", "flickr8k": "not reproduced: undecided at this n"}
    assert [profile for says, profile in table.index if says.startswith("LRP and Guided")] == ["scenes"]
    few = verdicts(tmp_path, "scenes", "4b_masking", only=["opposed-regions"]).data
    assert 0 < len(few) < len(table)


def test_claims_on_which_profiles_disagree_are_told_with_both(tmp_path: Path) -> None:
    masked(tmp_path, ("lrp", "opposed", 0.25, 0.2, 0.3))
    assert disagreements(tmp_path, ["scenes", "flickr8k"], ["grid_td"]).data.empty  # nothing to disagree with
    masked(tmp_path, ("lrp", "opposed", -0.1, -0.3, -0.01), profile="flickr8k")
    masked(tmp_path, ("lrp", "opposed", 0.1, -0.1, 0.3), profile="flickr30k")
    assert disagreements(tmp_path, ["scenes", "flickr30k"], ["grid_td"]).data.empty  # undecided is no disagreement
    table = disagreements(tmp_path, ["scenes", "flickr8k"], ["grid_td", "adaptive"]).data
    ((says, model),) = table.index
    assert says.startswith("Masking what LRP") and model == "grid-TD"
    assert [out.split("\n")[0] for out in table.iloc[0]] == ["reproduced", "not reproduced: contradicted"]


def test_results_of_another_profiles_captioner_are_found_where_there_are_no_own(tmp_path: Path) -> None:
    for name in ("coco2017/flickr8k-grid_td", "coco2017/adaptive", "coco2017/flickr8k-adaptive", "unfinished/adaptive"):
        (tmp_path / name).mkdir(parents=True)
        if name != "unfinished/adaptive":
            (tmp_path / name / "provenance.json").write_text("{}")
    found = {name: place.name for name, place in evaluated(tmp_path / "coco2017").items()}
    assert found == {"adaptive": "adaptive", "grid_td": "flickr8k-grid_td"}
    assert evaluated_profiles(tmp_path, "scenes") == ["scenes", "coco2017"]
    assert [trained_on(tmp_path / "coco2017" / name) for name in found.values()] == ["coco2017", "flickr8k"]


def test_a_chapter_without_claims_is_refused(tmp_path: Path) -> None:
    with pytest.raises(cx.RequestError, match="5_nothing"):
        verdicts(tmp_path, "scenes", "5_nothing")


def values(*rows: tuple[str, str, float], **columns: object) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["method", "model", "value"])
    return table.assign(low=table["value"] - 0.1, high=table["value"] + 0.1, n=9, images=5).assign(**columns)


def test_the_alt_text_of_intervals_has_every_value_with_its_interval_and_what_they_rest_on() -> None:
    plate = cx.figure_intervals(values(("lrp", "grid_td", 0.6), ("attention", "grid_td", 0.4)), "method", "area")
    said = "LRP 0.60 [0.50,\u00a00.70]; Attention 0.40 [0.30,\u00a00.50]; n = 9 in 5 pictures."
    assert plate.alt == f"area. {said}"


@settings(max_examples=10, deadline=None)
@given(hues=st.integers(1, 8))
def test_the_points_of_a_row_stay_in_the_row_however_many(hues: int) -> None:
    rows = [(method, f"m{k}", 0.5) for method in ("lrp", "attention") for k in range(hues)]
    (axes,) = cx.figure_intervals(values(*rows), "method", "area", "model").figure.axes
    heights = sorted({float(line.get_ydata()[0]) for line in axes.lines})
    assert max(heights[:hues]) < 0.5 < min(heights[hues:])


def test_no_letter_is_cut_off_and_no_names_overlap_however_long() -> None:
    methods, models = ["Integrated gradients (either sign)"] * 3, "coco2017 by flickr8k’s, adaptive attention"
    rows = values(*((f"{m} {k}", models, 0.5) for k, m in enumerate(methods)), x=0.5)
    axis = "area under the curve, less that of a random order [95 %]"
    title = "Mean correctness, adaptive attention, maps as they are"
    for plate in (
        cx.figure_intervals(rows, "method", axis, title=title),
        cx.figure_intervals(rows, "method", axis, "model", title=title),
        cx.figure_curves(rows, "x", "method", (axis, "rank correlation of |E|"), title=title),
    ):
        canvas = FigureCanvasAgg(plate.figure)
        canvas.draw()
        (axes,) = plate.figure.axes
        told = [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.get_yticklabels()]
        told += [text for legend in plate.figure.legends for text in legend.get_texts()]
        boxes = [text.get_window_extent() for text in told if text.get_text()]
        whole = plate.figure.bbox
        assert all(b.x0 >= 0 and b.x1 <= whole.x1 and b.y0 >= 0 and b.y1 <= whole.y1 for b in boxes)
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_a_long_legend_takes_nothing_from_the_axes() -> None:
    heights = []
    for n in (1, 8):
        rows = values(*((f"Guided Grad-CAM, without its sign {k}", "grid_td", 0.5) for k in range(n)), x=0.5)
        figure = cx.figure_curves(rows, "x", "method", ("threshold", "correctness")).figure
        FigureCanvasAgg(figure).draw()
        heights.append(figure.axes[0].get_window_extent().height)
    assert heights[1] > 0.95 * heights[0]


def test_the_printed_value_is_marked_once_a_row() -> None:
    table = values(("lrp", "adaptive", 0.6), ("lrp", "grid_td", 0.7), printed=0.66)
    plate = cx.figure_intervals(table, "method", "area", "model", printed="printed")
    assert plate.alt.count("(the paper’s 0.66)") == 2
    (axes,) = plate.figure.axes
    assert [line.get_xdata()[0] for line in axes.lines if line.get_label() == "the paper’s"] == [0.66]


def test_figures_of_nothing_say_so() -> None:
    nothing = values(("lrp", "grid_td", np.nan), x=0, fpr=np.nan)
    curves = cx.figure_curves(nothing, "x", "method", ("threshold", "correctness"))
    for plate in (cx.figure_intervals(nothing, "method", "area"), curves, cx.figure_roc(nothing, {})):
        assert plate.alt.endswith("there are no values to show.")


def test_negative_evidence_is_dashed_in_the_colour_of_its_method() -> None:
    table = pd.concat([values(("lrp", "grid_td", v), x=x, negative=v < 0.3) for x in (0, 1) for v in (0.2, 0.5)])
    plate = cx.figure_curves(table, "x", "method", ("threshold", "correctness"), "negative")
    solid, dashed = sorted(plate.figure.axes[0].lines, key=lambda line: line.get_linestyle())
    assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
    assert solid.get_color() == dashed.get_color()
    assert "LRP (negative evidence) from 0.20 at 0 to 0.20 at 1" in plate.alt


def test_roc_curves_can_be_told_apart_without_colour() -> None:
    points = pd.DataFrame([(name, x, x**0.5) for name in "abcdefgh" for x in (0.0, 0.5, 1.0)])
    plate = cx.figure_roc(points.set_axis(["label", "fpr", "tpr"], axis=1), dict.fromkeys("abcdefgh", "0.67"))
    looks = {(line.get_color(), str(line.get_linestyle())) for line in plate.figure.axes[0].lines[1:]}
    assert len(looks) == 8
    assert "a 0.67; b 0.67" in plate.alt


def test_a_table_of_intervals_has_a_column_a_model_and_counts_in_its_caption() -> None:
    styler = cx.table_intervals(values(("lrp", "adaptive", 0.6), ("lrp", "grid_td", 0.7)), "method", "model", "Areas")
    assert list(styler.data.columns) == ["adaptive attention", "grid-TD"]
    assert styler.data.loc["LRP", "grid-TD"] == "0.70 [0.60,\u00a00.80]"
    assert "Areas (n = 9 in 5 pictures)" in styler.to_html()


def test_nothing_in_a_table_is_taken_for_html() -> None:
    shown = cx.table_intervals(values(("<b>", "grid_td", 0.6)), "method", "model", "<i>").to_html()
    assert "<b>" not in shown and "<i>" not in shown


def test_words_that_look_like_html_are_shown_in_every_direction() -> None:
    shown = styled(pd.DataFrame([["x"]], index=["<i>"], columns=["<unk>"]), "").to_html()
    assert "&lt;unk&gt;" in shown and "&lt;i&gt;" in shown and "<unk>" not in shown


def test_pick_keeps_the_rows_asked_for_in_the_order_asked_for() -> None:
    table = values(("lrp", "b", 1.0), ("attention", "a", 2.0), ("lrp", "a", 3.0), ("gradcam", "a", 4.0))
    assert pick(table, method=["attention", "lrp"], model=["a", "b"])["value"].tolist() == [2.0, 3.0, 1.0]
    assert pick(table, method="none").empty


def test_counts_range_over_what_differs() -> None:
    assert counted(pd.DataFrame({"n": [1200, 9], "images": [5, 5]})) == "n = 9 to 1,200 in 5 pictures"
    assert counted(pd.DataFrame({"value": [1]})) == ""


def test_a_model_without_results_is_left_out(tmp_path: Path) -> None:
    masked(tmp_path, ("lrp", "opposed", 0.25, 0.2, 0.3))
    results = Results("scenes", "grid_td", tmp_path / "scenes" / "grid_td")
    assert of_models(results, "masking")["model"].tolist() == ["grid_td"]


@pytest.mark.parametrize("kept", [False, True])
def test_masked_pictures_are_white_where_a_method_points_or_everywhere_else(kept: bool) -> None:
    model, image = captioner(3), picture(3) * 0.5
    caption = model.caption(image)
    explanations = {name: cx.explain(model, image, caption, name) for name in ("lrp", "attention")}

    class Held(FileExample):
        def image(self) -> Tensor:
            return image

    e = Explained(Held("a", "test", (), Path()), image, caption, explanations)
    row = figure_masked(model, e, 0, kept=kept)
    whole, lrp, _ = (np.asarray(plate.figure.axes[0].images[0].get_array()) for plate in row.plates)
    assert np.allclose(whole, image.permute(1, 2, 0))
    white = (lrp == 1).all(-1).reshape(4, 4, 4, 4).all((1, 3))  # 4 x 4 cells of 4 x 4 pixels
    assert white.mean() == (0.75 if kept else 0.25)
    evidence = cells(explanations["lrp"].image[[0]], model.encoder.grid)[0].reshape(4, 4)
    chosen = ~white if kept else white
    assert evidence[chosen].min() >= evidence[~chosen].max()
    assert [note.split(":")[0] for note in row.notes] == ["the whole picture", "LRP", "Attention"]
    assert all(caption.words[0] in note for note in row.notes)


def test_what_was_hidden_and_what_ranked_it_is_told_in_words() -> None:
    masked = pd.DataFrame({"fill": ["blur", "white", "white"], "share": [0.25, 0.5, 0.1]})
    assert by_fill(masked)["how"].tolist() == ["white, 10 %", "white, 50 %", "blurred, 25 %"]
    deleted = pd.DataFrame({"method": ["lrp", "lrp"], "ranking": ["score", "absolute"]})
    assert by_order(deleted)["map"].tolist() == ["LRP", "LRP (either sign)"]


def test_table_2_divides_maps_by_their_largest_magnitude_but_for_two_scores() -> None:
    rows = [(label, how) for label in ("L-max", "L", "Att.", "1 - β") for how in ("raw", "max")]
    kept = by_table_2(pd.DataFrame(rows, columns=["label", "normalisation"]))
    assert [*kept.itertuples(index=False, name=None)] == [
        ("L-max", "raw"), ("L", "max"), ("Att.", "max"), ("1 - β", "raw")
    ]  # fmt: skip


def test_metrics_are_shown_in_hundredths_and_those_without_a_value_not_at_all() -> None:
    rows = {"metric": ["METEOR", "SPICE"], "value": [0.196, None], "low": [0.19, None], "high": [0.2, None]}
    table = pd.DataFrame(rows)
    shown = in_hundredths(table)
    assert shown[["metric", "value", "low", "high"]].to_numpy().tolist() == [["METEOR", 19.6, 19.0, 20.0]]
    assert table["value"][0] == 0.196  # the table read is as it was

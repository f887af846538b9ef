"""Figures and tables of results: values with their intervals, curves, and what each says in words."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib import rc_context
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler
from torch.nn import functional as F

from capxai_core.evaluate.masking import cells, covered, look_again, ranked
from capxai_core.evaluate.records import Explained
from capxai_core.evaluate.results import Results, evaluated, evaluated_profiles, trained_on
from capxai_core.methods import METHODS
from capxai_core.models.captioner import Captioner
from capxai_core.views.alt import number, percent
from capxai_core.views.heatmap import NEUTRAL, STYLE, WIDE, Plate, picture_alone, styled
from capxai_core.views.scenes import Row

# Apart for every kind of colour vision, on white and on dark; markers and dashes tell the same without colour.
COLOURS = {
    "lrp": "#d95f02",
    "gradcam": "#1f78b4",
    "guided_gradcam": "#1b9e77",
    "guided_backprop": "#66a61e",
    "attention": "#8c6bb1",
    "gradient": "#a6761d",
    "gradient_input": "#b8860b",
    "integrated_gradients": "#e7298a",
    "occlusion": "#7f7f7f",
    "relevant": "#d95f02",
    "strongest": "#e7298a",
    "opposed": "#1f78b4",
}
OTHERS = ("#636363", "#8f8f8f", "#a8a8a8", "#bdbdbd")  # what is no method: baselines and controls
SERIES = ("#d95f02", "#1f78b4", "#1b9e77", "#8c6bb1", "#e7298a", "#7f7f7f", "#b8860b", "#66a61e")  # whatever else
DASHES: Any = ("-", "--", "-.", (0, (1, 1)))
MARKERS = "osD^vPX*<>"
NAMES = {
    "uniform": "uniform map",
    "centre": "centre of the picture",
    "edges_attention": "edges × attention",
    "random": "at random",
    "nearest": "the nearest words",
    "relevant": "what speaks for the word",
    "strongest": "what speaks for or against it",
    "opposed": "what speaks against it",
    "shifted": "the same outline elsewhere",
    "grid_td": "grid-TD",
    "adaptive": "adaptive attention",
    "+": "positive evidence",
    "-": "negative evidence",
    "all": "all object words",
    "frequent": "said over 50 times",
    "mean_abs": "mean |E|",
    "pixel_share": "pixel share",
    "log_prob": "log-probability",
    "1 - beta": "1 − β",
    "model": "the model’s",
    "training": "in training",
    "rate": "how often right",
}


def name_of(key: str) -> str:
    """How a method, baseline or model is written for readers."""
    return METHODS[key].label if key in METHODS else NAMES.get(key, key)


def said(row: Mapping[Any, Any]) -> str:
    """A value with its interval, as in 0.61 [0.55, 0.66]; a dash where there is none."""
    if pd.isna(row["value"]):
        return "–"
    value = number(row["value"])
    return value if pd.isna(row["low"]) else f"{value} [{number(row['low'])},\u00a0{number(row['high'])}]"


def counted(table: pd.DataFrame) -> str:
    """What the values rest on, `n = 566 in 253 pictures` or from the fewest to the most; nothing without a column n."""
    ends = [(table[of].min(), table[of].max()) for of in ("n", "images") if of in table and len(table)]
    told = [f"{a:,.0f}" if a == b else f"{a:,.0f} to {b:,.0f}" for a, b in ends]
    return f"n = {' in '.join(told)} pictures" if len(told) == 2 else ""


def of_models(results: Results, table: str) -> pd.DataFrame:
    """A table of each model of the profile that was evaluated, with a column `model`."""
    found = _read(results.folder.parent, results.profile, table)
    return pd.concat(found or [results[table]], ignore_index=True)


def of_profiles(results: Results, table: str) -> pd.DataFrame:
    """A table of each model and profile that has it; the results' own first.

    With columns `profile` and `model`, and `of`, which names both for readers.
    """
    root = results.folder.parents[1]
    found = [part for name in evaluated_profiles(root, results.profile) for part in _read(root / name, name, table)]
    return pd.concat(found or [results[table]], ignore_index=True)


def in_hundredths(table: pd.DataFrame) -> pd.DataFrame:
    """Caption metrics as the field writes them: METEOR 19.6 for 0.196. Rows without a value are left out."""
    scores = table.dropna(subset="value")
    return scores.assign(**{name: 100 * scores[name] for name in ("value", "low", "high")})


def _read(folder: Path, profile: str, table: str) -> list[pd.DataFrame]:
    found = []
    for model, place in evaluated(folder).items():
        told = profile if trained_on(place) == profile else f"{profile} by {trained_on(place)}’s"
        if table in (of := Results(profile, model, place)):
            found.append(of[table].assign(profile=told, model=model, of=f"{told}, {name_of(model)}"))
    return found


def pick(table: pd.DataFrame, **where: Any) -> pd.DataFrame:
    """The rows that hold these values; a list stands for several, and the rows come in its order."""
    for column, wanted in reversed(where.items()):
        values = wanted if isinstance(wanted, list) else [wanted]
        rows = table[table[column].isin(values)]
        table = rows.assign(_=rows[column].map(values.index)).sort_values("_", kind="stable").drop(columns="_")
    return table


def by_fill(table: pd.DataFrame) -> pd.DataFrame:
    """A table of masking with a column `how`, as in `mean colour, 25 %`, white first."""
    share = (table["share"] * 100).round().astype(int).astype(str) + " %"
    fills = {"white": "white", "mean": "mean colour", "blur": "blurred"}
    told = table.assign(how=table["fill"].map(fills) + ", " + share)
    return told.sort_values(["fill", "share"], ascending=[False, True], kind="stable")


def by_order(table: pd.DataFrame) -> pd.DataFrame:
    """A table of deletion with a column `map`: the method, and whether |E| ranked its cells."""
    by = table["ranking"].map({"score": "", "absolute": " (either sign)"})
    return table.assign(map=table["method"].map(name_of) + by)


def by_table_2(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of AUC or ROC scored as table II is: means of E / max|E|, but L-max and 1 − β undivided."""
    return table[table["label"].isin(["L-max", "1 - β"]) == table["normalisation"].eq("raw")]


def colours_of(keys: Sequence[str]) -> dict[str, str]:
    """A colour for each key: a method's own, grey for baselines beside methods, else one of a series."""
    spare = iter(OTHERS * 9 if any(key in COLOURS for key in keys) else SERIES * 9)
    return {key: COLOURS.get(key) or next(spare) for key in keys}


def figure_intervals(
    table: pd.DataFrame,
    by: str,
    measured: str,
    hue: str = "",
    reference: float | None = None,
    printed: str = "",
    title: str = "",
) -> Plate:
    """A row for each value of the column `by`: its value as a point on its 95 % interval.

    table: columns `by`, value, low, high, and n where there is one. measured: what the axis shows. hue: a column that
    tells points of a row apart. reference: a line, as at what chance gives. printed: a column with the paper's value,
    drawn as an open diamond.
    """
    table = table.dropna(subset="value")
    if table.empty:
        return _nothing(title or measured)
    keys, hues = list(dict.fromkeys(table[by])), list(dict.fromkeys(table[hue])) if hue else [""]
    colours, step = colours_of(hues if hue else keys), min(0.24, 0.8 / len(hues))
    with rc_context(STYLE):
        height = 1.6 + len(keys) * max(0.44, 0.18 + 0.17 * len(hues))
        ax = (figure := Figure((WIDE, height), layout="constrained")).subplots()
        for j, (one, marker) in enumerate(zip(hues, cycle(MARKERS), strict=False)):
            part = table[table[hue] == one] if hue else table
            for row in part.to_dict("records"):
                y = keys.index(row[by]) + (j - (len(hues) - 1) / 2) * step
                colour = colours[one if hue else row[by]]
                ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=2.5, solid_capstyle="round")
                ax.plot(row["value"], y, marker, color=colour, ms=6, label=name_of(str(one)) if hue else None)
        for row in table.dropna(subset=printed).drop_duplicates(by).to_dict("records") if printed else ():
            ax.plot(row[printed], keys.index(row[by]), "D", mfc="none", mec=NEUTRAL, ms=8, label="the paper’s")
        if reference is not None:
            ax.axvline(reference, color=NEUTRAL, lw=1, ls=":")
        ax.set_yticks(range(len(keys)), [fill(name_of(str(key)), 20) for key in keys])
        ax.set(ylim=(len(keys) - 0.5, -0.5), xlabel=_told(measured, table), title=fill(title, 36))
        ax.grid(axis="x", alpha=0.25)
        _legend(figure, ax)
    lines = [
        f"{name_of(str(row[by]))}{', ' + name_of(str(row[hue])) if hue else ''} {said(row)}"
        + (f" (the paper’s {number(row[printed])})" if printed and pd.notna(row[printed]) else "")
        for row in table.to_dict("records")
    ]
    mark = "" if reference is None else f" A line marks {number(reference)}."
    told = "; ".join((*lines, counted(table))).rstrip("; ")
    return Plate(figure, f"{title + ': ' if title else ''}{measured}. {told}.{mark}", table)


def figure_curves(
    table: pd.DataFrame, x: str, by: str, axes: tuple[str, str], dashed: str = "", title: str = "", y: str = "value"
) -> Plate:
    """A line for each value of the column `by`, along `x` with its 95 % interval as a band, or from row to row of a
    table without intervals.

    axes: what the two axes show. dashed: a column that is true of lines to be drawn dashed and without a band.
    """
    table = table.dropna(subset=y)
    if table.empty:
        return _nothing(title or axes[1])
    keys = list(dict.fromkeys(table[by]))
    colours, lines = colours_of(keys), []
    with rc_context(STYLE):
        ax = (figure := Figure((WIDE, 5), layout="constrained")).subplots()
        for mark, key in zip(cycle(MARKERS), keys, strict=False):
            of_key = table[table[by] == key]
            for broken, part in of_key.groupby(of_key[dashed].astype(bool)) if dashed else [(False, of_key)]:
                part = part.sort_values(x, kind="stable") if "low" in part else part
                style: Any = {"ls": "--", "lw": 1.2} if broken else {"ls": "-", "marker": mark, "ms": 4}
                name = name_of(str(key)) + (" (negative evidence)" if broken else "")
                ax.plot(part[x], part[y], color=colours[key], label=name, **style)
                if not broken and {"low", "high"} <= {*part.columns}:
                    ax.fill_between(part[x], part["low"], part["high"], color=colours[key], alpha=0.15, lw=0)
                first, last = part.iloc[0], part.iloc[-1]
                lines.append(f"{name} from {number(first[y])} at {first[x]:g} to {number(last[y])} at {last[x]:g}")
        ax.set(xlabel=_told(axes[0], table), ylabel=axes[1], title=fill(title, 36))
        ax.locator_params(axis="x", integer=pd.api.types.is_integer_dtype(table[x]))  # no half epochs
        ax.grid(alpha=0.25)
        _legend(figure, ax)
    told = "; ".join((*lines, counted(table))).rstrip("; ")
    return Plate(figure, f"{title + ': ' if title else ''}{axes[1]} by {axes[0]}. {told}.", table)


def figure_roc(points: pd.DataFrame, areas: Mapping[str, str], title: str = "") -> Plate:
    """Figure 7: ROC curves. points: columns label, fpr, tpr; areas: the area of each label, in words."""
    if points["fpr"].isna().all():
        return _nothing(title or "ROC curves")
    with rc_context(STYLE):
        ax = (figure := Figure((WIDE, 5.8), layout="constrained")).subplots()
        ax.plot([0, 1], [0, 1], color=NEUTRAL, lw=1, ls=":")
        for (name, area), colour, dash in zip(areas.items(), cycle(SERIES), cycle(DASHES), strict=False):
            part = points[points["label"] == name]
            ax.plot(part["fpr"], part["tpr"], color=colour, ls=dash, lw=1.6, label=f"{name} {area}")
        ax.set(xlabel="false positive rate", ylabel="true positive rate", title=fill(title, 36), aspect="equal")
        _legend(figure, ax)
    curves = "; ".join(f"{name} {area}" for name, area in areas.items())
    return Plate(figure, f"{title + ': ' if title else ''}ROC curves with the areas under them: {curves}.", points)


def figure_masked(model: Captioner, e: Explained, position: int, kept: bool = False) -> Row:
    """Figure 4: the picture in white where each method says the word at `position` comes from, and what is said of it.

    A quarter of the cells of the encoder's grid. kept: white everywhere else. The first picture is the whole one.
    """
    grid, picture, share = model.encoder.grid, e.example.display(), 0.25
    chance, some = np.arange(grid**2), max(1, round(share * grid**2))
    maps = [x.image[[x.positions.index(position)]] for x in e.explanations.values()]
    chosen = np.array([covered(ranked(cells(of, grid)[0], chance)[:some], grid) for of in maps])
    hidden = np.concatenate([np.zeros((1, grid, grid), bool), ~chosen if kept else chosen])
    after, said = look_again(model, e, hidden, "white", 3)
    word, plates, notes = e.caption.words[position], [], []
    for mask, name, p, caption in zip(hidden, ["the whole picture", *e.explanations], after, said, strict=True):
        white = F.interpolate(torch.from_numpy(mask)[None, None].float(), picture.shape[-2:])[0, 0] > 0
        shown = torch.where(white, torch.ones(()), picture.detach().float().cpu())
        notes.append(f"{name_of(name)}: {' '.join(caption)}\n“{word}” {percent(p[position])}")
        how = "" if name not in e.explanations else f", {'all but ' if kept else ''}{percent(share)} of it white"
        plates.append(Plate(picture_alone(shown), f"{notes[-1]}{how}."))
    return Row(tuple(plates), tuple(notes))


def table_intervals(
    table: pd.DataFrame, rows: str, columns: str = "", caption: str = "", extra: Sequence[str] = ()
) -> Styler:
    """Values with their intervals and n as a table; `columns`: whose values become the columns. `.data` has the text.

    extra: further columns to show as they are, where `columns` is not given.
    """
    told = table.assign(said=[said(row) for row in table.to_dict("records")])
    told[rows] = [name_of(str(key)) for key in told[rows]]
    if columns:
        told[columns] = [name_of(str(key)) for key in told[columns]]
        order, across = list(dict.fromkeys(told[rows])), list(dict.fromkeys(told[columns]))
        shown = told.pivot(index=rows, columns=columns, values="said").reindex(index=order, columns=across).fillna("–")
        shown.index.name = shown.columns.name = None
        caption = f"{caption} ({counted(told)})" if counted(told) else caption
    else:
        kept = told.assign(**{"value [95 %]": told["said"]})[[rows, "value [95 %]", *extra, "n", "images"]]
        shown = kept.set_index(rows)
        shown.index.name = None
    return styled(shown, caption)


def _told(measured: str, table: pd.DataFrame) -> str:
    """Beneath an axis: what it shows, in lines short enough for it, and what the values rest on."""
    return "\n".join(filter(None, (fill(measured.replace(" %", "\u00a0%"), 46), counted(table))))


def _nothing(what: str) -> Plate:
    """The figure of what this profile, or this evaluation, has no values of."""
    said = f"{what}: there are no values to show."
    with rc_context(STYLE):
        figure = Figure((WIDE, 0.5))
        figure.text(0, 0.5, said, va="center")
    return Plate(figure, said)


def _legend(figure: Any, ax: Any) -> None:
    """One entry for each name, if there is any, beneath the axes: on a phone there is no room beside them.

    Further rows make the figure higher and not the axes lower.
    """
    handles, names = ax.get_legend_handles_labels()
    entries = dict(zip(names, handles, strict=True))
    if entries:
        columns = min(3, len(entries), max(1, 76 // (4 + max(map(len, entries)))))
        figure.legend(entries.values(), entries.keys(), fontsize=9.5, loc="outside lower center", ncols=columns)
        figure.set_figheight(figure.get_figheight() + 0.2 * ((len(entries) - 1) // columns))

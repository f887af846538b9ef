"""Figures of explanations: the colours every view shares, maps over pictures, and the paper's figures 1 and 3."""

import base64
import hashlib
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from pandas.io.formats.style import Styler
from torch import Tensor
from torch.nn import functional as F

from capxai_core.methods.explanation import Explanation
from capxai_core.views.alt import alt_text, check_row, label, same_words

Stops = tuple[tuple[float, tuple[float, float, float, float]], ...]

# Position on the scale → red, green, blue (0–255) and opacity. Blue and orange stay apart for every kind of colour
# vision. Nothing is transparent, so that the picture shows through where there is no evidence; the linear scale
# gains opacity quickly because LRP maps are sparse: a tenth of the maximum is already clearly tinted.
_ORANGE = ((0.1, (253, 174, 107, 0.5)), (0.4, (241, 105, 19, 0.9)), (1.0, (140, 45, 4, 1.0)))
_BLUE = ((-1.0, (8, 48, 107, 1.0)), (-0.4, (33, 113, 181, 0.9)), (-0.1, (107, 174, 214, 0.5)))
DIVERGING_STOPS: Stops = (*_BLUE, (0.0, (255, 255, 255, 0.0)), *_ORANGE)
# Maps that cannot be negative are purple, so that nobody reads an attention weight as evidence for.
_PURPLE = ((0.25, (188, 189, 220, 0.55)), (0.6, (128, 115, 178, 0.85)), (1.0, (63, 0, 125, 0.95)))
SEQUENTIAL_STOPS: Stops = ((0.0, (255, 255, 255, 0.0)), *_PURPLE)
# Words before the explained one: text stays readable on the strongest tint, in light and dark (tested).
WORD_TINTS = ((33, 113, 181), (241, 105, 19))
WORD_ALPHA = 0.6
FADE = 0.5  # how far a picture under a map fades into white


def _colormap(name: str, stops: Stops) -> LinearSegmentedColormap:
    low, high = stops[0][0], stops[-1][0]
    colours = [((x - low) / (high - low), (r / 255, g / 255, b / 255, a)) for x, (r, g, b, a) in stops]
    return LinearSegmentedColormap.from_list(name, colours, N=511)


DIVERGING = _colormap("capxai_diverging", DIVERGING_STOPS)
SEQUENTIAL = _colormap("capxai_sequential", SEQUENTIAL_STOPS)

WIDE = 5.4  # inches: a phone shows a chart at two thirds of that, and its letters can still be read
_INK, NEUTRAL = "#1b1f24", "#73797f"  # on tints; on whatever the page is, light or dark
STYLE: Any = {
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none"),
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), NEUTRAL),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    **{"font.size": 11, "savefig.dpi": 160},
}


@dataclass(frozen=True)
class Plate:
    """A finished figure and what it shows in words; a notebook displays it as a picture with that alt text.

    data: the numbers it shows, offered for download beneath it.
    """

    figure: Figure
    alt: str
    data: pd.DataFrame | None = None

    def _repr_html_(self) -> str:
        file = io.BytesIO()
        with rc_context(STYLE):  # WebP is a sixth of PNG, and a chapter has many figures
            self.figure.savefig(file, format="webp", pil_kwargs={"quality": 90})
        data = base64.b64encode(file.getvalue()).decode()
        width = round(self.figure.get_figwidth() * 96)
        picture = f'<img src="data:image/webp;base64,{data}" alt="{html.escape(self.alt)}" width="{width}">'
        return picture if self.data is None else picture + download(self.data)


def download(table: pd.DataFrame) -> str:
    """A link that holds a table as CSV."""
    text = base64.b64encode(table.to_csv(index=False, float_format="%.6g").encode()).decode()
    return f'<p class="capxai-data"><a download="data.csv" href="data:text/csv;base64,{text}">the numbers (CSV)</a></p>'


def height_of(image: Tensor) -> float:
    """How high to show a picture (3, H, W), by its width: within bounds, or a file could not hold some."""
    return min(2.5, max(0.1, image.shape[1] / image.shape[2]))


def picture_alone(image: Tensor) -> Figure:
    """A picture (3, H, W) in [0, 1] as a figure without axes."""
    with rc_context(STYLE):
        figure = Figure(figsize=(2.2, 2.2 * height_of(image)))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.imshow(image.permute(1, 2, 0).numpy())
    return figure


def overlay(image: Tensor, heat: Tensor, signed: bool) -> np.ndarray:
    """A map (H, W), scaled by its own max|.|, over the paled grey picture (3, h, w) in [0, 1] → (h, w, 3) in [0, 1]."""
    picture = image.detach().float().cpu()
    heat = F.interpolate(heat.detach().float().cpu()[None, None], size=picture.shape[1:], mode="bilinear")[0, 0]
    heat = heat / heat.abs().max().clamp(min=1e-30)
    grey = (picture * picture.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0).numpy()[..., None]
    rgba = DIVERGING((heat.numpy() + 1) / 2) if signed else SEQUENTIAL(heat.numpy())
    pale = 1 - (1 - FADE) * (1 - grey)
    return np.asarray(pale * (1 - rgba[..., 3:]) + rgba[..., :3] * rgba[..., 3:])


def word_colour(score: float) -> tuple[float, float, float]:
    """The tint of a preceding word on white; score in [-1, 1], already divided by the row's max|.|; RGB in [0, 1]."""
    alpha = WORD_ALPHA * min(1.0, abs(score))
    r, g, b = (1 - alpha * (1 - c / 255) for c in WORD_TINTS[score > 0])
    return r, g, b


def word_scores(explanation: Explanation, row: int) -> list[tuple[str, float]] | None:
    """The tokens before an explained word with their relevance divided by the largest |.|; None without scores."""
    if explanation.words is None:
        return None
    scores = explanation.words[row, : explanation.positions[row] + 1].detach().float().cpu()
    scores = scores / scores.abs().max().clamp(min=1e-30)
    return list(zip(explanation.tokens, scores.tolist(), strict=False))


def _wrap(tokens: Sequence[str], width: float, size: float) -> list[tuple[float, int]]:
    """Where each token starts when they are set in lines of `width` points: (x, line)."""
    places, x, line = [], 4.0, 0
    for token in tokens:
        length = TextPath((0, 0), token.replace("$", "S"), size=size).get_extents().width
        if x + length > width and x > 4:
            x, line = 4.0, line + 1
        places.append((x, line))
        x += length + 8
    return places


def _write_words(ax: Axes, scores: Sequence[tuple[str, float]], width: float, height: float, size: float) -> None:
    """Tokens on their tints, from the top of axes that are `width` × `height` points large."""
    ax.set(xlim=(0, width), ylim=(-height, 0))
    for (token, score), (x, line) in zip(scores, _wrap([t for t, _ in scores], width, size), strict=True):
        box = {"boxstyle": "round,pad=0.3", "facecolor": word_colour(score), "linewidth": 0}
        y = -(1.3 + 1.9 * line) * size
        ax.text(x, y, token, size=size, color=_INK, va="center", parse_math=False, bbox=box)


def _scale_bar(ax: Axes, signed: bool) -> None:
    """The colour scale with its meaning, for maps that are each divided by their own maximum."""
    low = -1 if signed else 0
    values = np.linspace(low, 1, 256)[None]
    ax.imshow(values, cmap=DIVERGING if signed else SEQUENTIAL, extent=(low, 1, 0, 1), aspect="auto", vmin=low, vmax=1)
    ax.axis("on")
    ax.set(xticks=[], yticks=[], facecolor="white")
    ax.spines[:].set_visible(False)
    ax.set_title("against · for the word" if signed else "weight (no sign)", size=10)
    ends = ((low, "−max" if signed else "0", "left"), (0, "0" if signed else "", "center"), (1, "max", "right"))
    for x, text, align in ends:
        ax.text(x, -0.4, text, ha=align, va="top", size=10)


def figure_words(image: Tensor, explanations: Sequence[Explanation], words: Sequence[int] | None = None) -> Plate:
    """Figures 1, 3 and 6 of the paper: a row for each explained word, a column for each method.

    image: (3, H, W) in [0, 1]. explanations: one a method, all of the same words of one caption. words: which rows,
    all by default; else, and for a row that does not exist, a `RequestError`. Beneath each map stand the tokens before
    the word, tinted by their relevance divided by the largest |.|.
    """
    first = same_words(explanations)
    rows = list(range(len(first.positions)) if words is None else words)
    said = " ".join(alt_text(e, row) for row in rows for e in explanations)  # refuses a row that there is not
    side, gap, size, head, foot = 2.2, 0.28, 9.0, 0.35, 0.65  # inches, but for the words' size in points
    height = side * height_of(image)

    def beneath(tokens: Sequence[str]) -> float:
        return (1.9 * max((line + 1 for _, line in _wrap(tokens, 72 * side, size)), default=0) + 1.5) * size / 72

    scored = any(e.words is not None for e in explanations)
    belows = [beneath(first.tokens[: first.positions[row] + 1]) if scored else gap for row in rows]
    # The first row also holds the picture with the whole caption under it.
    belows[:1] = [max([beneath(first.caption.words), *belows[:1]])]
    tops = [head + k * height + sum(belows[:k]) for k in range(len(belows))]
    wide = (len(explanations) + 1) * (side + gap) - gap
    high = tops[-1] + height + belows[-1] + foot
    with rc_context(STYLE):
        figure = Figure(figsize=(wide, high))

        def place(column: int, top: float, h: float) -> Axes:
            axes = figure.add_axes((column * (side + gap) / wide, 1 - (top + h) / high, side / wide, h / high))
            axes.axis("off")
            return axes

        place(0, head, height).imshow(image.detach().float().cpu().permute(1, 2, 0).numpy())
        caption = [(word, 0.0) for word in first.caption.words]
        _write_words(place(0, head + height, belows[0]), caption, 72 * side, 72 * belows[0], size)
        for i, (row, top, below) in enumerate(zip(rows, tops, belows, strict=False)):
            for j, explanation in enumerate(explanations, start=1):
                axes = place(j, top, height)
                axes.imshow(overlay(image, explanation.image[row], explanation.signed))
                at: Any = {"weight": "bold", "transform": axes.transAxes, "ha": "center", "parse_math": False}
                if i == 0:
                    axes.text(0.5, 1 + 0.08 / height, label(explanation.method), size=12, va="bottom", **at)
                if j == 1:
                    axes.text(-gap / 2 / side, 0.5, first.targets[row], size=12, rotation=90, va="center", **at)
                scores = word_scores(explanation, row)
                if scores is not None:
                    _write_words(place(j, top + height, below), scores, 72 * side, 72 * below, size)
        for j, explanation in enumerate(explanations, start=1):
            _scale_bar(place(j, high - 0.37, 0.12), explanation.signed)
    return Plate(figure, f"Explanations of words of “{' '.join(first.caption.words)}”. {said}")


def tint(score: Any) -> str:
    """The style of a preceding word; score: as `word_scores` has it."""
    r, g, b = WORD_TINTS[score > 0]
    return f"background-color: rgba({r}, {g}, {b}, {WORD_ALPHA * abs(score):.2f})"


def styled(shown: pd.DataFrame, caption: str) -> Styler:
    """A table in which nothing is taken for HTML.

    Styler's own id is random; this one is the same each time, and tables that share a page share it only if equal.
    """
    key = hashlib.sha256((caption + shown.to_csv(float_format="%.2f")).encode()).hexdigest()[:10]
    styler = shown.style.format(escape="html", na_rep="–", precision=3)
    styler = styler.format_index(escape="html").format_index(escape="html", axis=1)
    return styler.set_caption(html.escape(caption)).set_uuid(key)


def table_words(explanations: Sequence[Explanation], row: int) -> Styler:
    """The table of figure 3: for one explained word, each method's scores of the tokens before it.

    Scores are divided by the method's largest |.|. Methods without a linguistic score are left out.
    `.data` is the DataFrame: a row for each method, a column for each token; a repeated token is numbered.
    """
    check_row(first := same_words(explanations), row)
    scored = {label(e.method): s for e in explanations if (s := word_scores(e, row)) is not None}
    tokens = [token for token, _ in next(iter(scored.values()))] if scored else []
    repeats = [tokens[:k].count(token) + 1 for k, token in enumerate(tokens)]
    columns = [f"{token} ({n})" if n > 1 else token for token, n in zip(tokens, repeats, strict=True)]
    table = pd.DataFrame([[v for _, v in s] for s in scored.values()], index=list(scored), columns=columns)
    caption = f"Relevance of the words before “{first.targets[row]}”, divided by the largest |.|"
    return styled(table, caption).map(tint).format("{:+.2f}")

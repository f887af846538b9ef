"""The evidence, case by case: maps of many words or pictures side by side."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from capxai_core.data.examples import Example
from capxai_core.errors import RequestError
from capxai_core.evaluate.sanity import shuffled, similarity
from capxai_core.evaluate.statistics import mean_interval
from capxai_core.methods import Explanation, explain
from capxai_core.models.captioner import Captioner
from capxai_core.models.explainable import Caption
from capxai_core.views.alt import alt_text
from capxai_core.views.charts import name_of
from capxai_core.views.heatmap import Plate, download, overlay, picture_alone, tint, word_scores

SMALL = frozenset(["a", "an", "the", "in", "on", "at", "to", "of", "with", "and", "is", "are"])  # words of no content
ALIKE = {"map_rank": "maps", "words": "words before"}
Cell = tuple[Tensor, Explanation, int | None]
_NOTE = "margin: 0.2rem 0; padding: 0; color: inherit; font: inherit; font-size: 0.85rem; text-align: left"


@dataclass(frozen=True)
class Markup:
    """What a notebook shows as it stands; data: its numbers."""

    text: str
    data: pd.DataFrame | None = None

    def _repr_html_(self) -> str:
        return self.text if self.data is None else self.text + download(self.data)


def figure_maps(cells: Sequence[Cell], notes: Sequence[str] | None = None) -> Markup:
    """Figures 9, 10 and 11: maps side by side, as many as the page is wide enough for.

    cells: a picture (3, H, W) in [0, 1], its explanation and the row of a word, or None for the picture itself.
    Beneath each stands the word after those before it, tinted by their relevance divided by the largest |.|, or a note.
    """
    if notes is not None and len(notes) != len(cells):
        raise RequestError(f"{len(cells)} maps but {len(notes)} notes: give one to each")
    figures = []
    for k, (image, e, row) in enumerate(cells):
        shown, alt, note = image, f"The picture of “{e.caption}”.", html.escape(str(e.caption))
        if row is not None:
            alt, note = alt_text(e, row), _sentence(e, row)
            shown = torch.from_numpy(overlay(image, e.image[row], e.signed)).permute(2, 0, 1)
        plate = Plate(picture_alone(shown), alt)._repr_html_()
        note = note if notes is None else html.escape(notes[k])
        figures.append(f'<figure style="margin: 0">{plate}<figcaption style="{_NOTE}">{note}</figcaption></figure>')
    columns = "repeat(auto-fill, minmax(max(8rem, (100% - 4rem) / 5), 1fr))"  # five at most
    style = f"display: grid; gap: 0.8rem 1rem; grid-template-columns: {columns}"
    return Markup(f'<div style="{style}">{"".join(figures)}</div>')


def figure_shuffled(
    model: Captioner,
    image: Tensor,
    caption: Caption,
    position: int,
    methods: Sequence[str],
    depths: Sequence[int],
    seed: int = 0,
) -> Markup:
    """The map of a word, a row for each method, as more of the model's layers are shuffled, from the output down.

    depths: how many layers are shuffled, in rising order; 0 is the model as it is. The caption stays.
    """
    found: dict[int, list[Explanation]] = {0: [explain(model, image, caption, m, [position]) for m in methods]}
    names = {0: "as trained"}
    for depth, layer, changed in shuffled(model, seed):
        if depth in depths:
            found[depth] = [explain(changed, image, caption, m, [position]) for m in methods]
            names[depth] = f"down to {layer}"
    if missing := [depth for depth in depths if depth not in found]:
        raise RequestError(f"{model.name} has no layer {missing[0]}: depths are 0 to {depth}")
    cells = [(k, j) for k in range(len(methods)) for j in depths]
    notes = [f"{name_of(methods[k])}, {names[j]}" for k, j in cells]
    return figure_maps([(image, found[j][k], 0) for k, j in cells], notes)


def repeated(caption: str) -> tuple[int, int] | None:
    """Where a caption says a word of content for the first and the second time, as *tennis* in figure 11."""
    words = caption.split()
    found = ((words.index(w), j) for j, w in enumerate(words) if w in words[:j] and w not in SMALL)
    return next(found, None)


def alike_when_repeated(model: Captioner, cases: Sequence[tuple[Example, str]], seed: int = 0) -> pd.DataFrame:
    """How alike LRP explains the two mentions of a word, and the two words that follow them, by rank correlation.

    cases: pictures with captions that `repeated` finds a word in. Columns: which (of maps; of the words before both),
    then those of an interval.
    """
    rows: list[tuple[str, str, float | None]] = []
    for example, words in cases:
        image, at = example.image(), repeated(words)
        caption = model.read(image, words)
        for which, step in {"the same word twice": 0, "the words that follow": 1}.items():
            if at and at[1] + step < len(caption.words):
                one, two = (explain(model, image, caption, "lrp", [k + step]) for k in at)
                of = similarity(one, two, model.encoder.grid)
                rows += [(example.name, f"{which}: {name}", of[key][0]) for key, name in ALIKE.items()]
    table = pd.DataFrame(rows, columns=["image", "which", "x"]).dropna().groupby("which", sort=False)
    found = [{"which": k, **mean_interval(of["x"].astype(float), of["image"], seed).row()} for k, of in table]
    return pd.DataFrame(found or [{"which": "no word twice", **mean_interval([], []).row()}])


def _sentence(e: Explanation, row: int) -> str:
    """The words before an explained one, tinted where the method scores them, and that word."""
    tokens = [(token, 0.0) for token in e.tokens[: e.positions[row] + 1]]
    said = []
    for token, score in word_scores(e, row) or tokens:
        said.append(f'<span style="{tint(score)}; border-radius: 3px; padding: 0 2px">{html.escape(token)}</span>')
    return " ".join((*said, f"<strong>{html.escape(e.targets[row])}</strong>"))

"""Words the model made up, and words it did not: a list to filter and sort, each word opening in an explorer."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import traitlets

from capxai_core.data.examples import Example
from capxai_core.errors import RequestError
from capxai_core.methods.explanation import Explanation
from capxai_core.views.alt import number
from capxai_core.views.explorer import payload
from capxai_core.views.view import View, among, heading, listed, numbers, sources

PICTURES = 24  # a page of them, with two maps a word, stays below 2.5 MB


class MadeUpWords(View):
    """Object words with picture, caption, scores and whether they are true; choosing one opens it in an explorer.

    entries: at most `PICTURES` pictures, each with explanations of one caption, one a method. rows: a table of words as
    `load_results(…).records("words")`, with the columns image, position, word, supported and those of `scores`; of
    `first` and `object`, where it has them, only what is both counts. scores: how each column is written for readers.
    Traits: `entry` (a row of `.data["rows"]`), `word` ("" for all), `only` ("", "supported" or "made up"), `score` (a
    column), `order` ("given", "rising" or "falling"). `RequestError` for nothing, or other captions.
    """

    _esm, _css = sources("explorer", "made_up")
    entry = traitlets.Int(0, min=0).tag(sync=True, choice=True)
    word = traitlets.Unicode().tag(sync=True, choice=True)
    only = traitlets.Enum(("", "supported", "made up"), "").tag(sync=True, choice=True)
    score = traitlets.Unicode().tag(sync=True, choice=True)
    order = traitlets.Enum(("given", "rising", "falling"), "given").tag(sync=True, choice=True)

    def __init__(
        self,
        entries: Sequence[tuple[Example, Sequence[Explanation]]],
        rows: pd.DataFrame,
        scores: Mapping[str, str],
        title: str | None = None,
    ) -> None:
        if not 1 <= len(entries) <= PICTURES or not scores or not {*scores} <= {*rows.columns}:
            raise RequestError(f"give 1 to {PICTURES} pictures, not {len(entries)}, and scores among the rows' columns")
        for flag in {"first", "object"} & {*rows.columns}:
            rows = rows[rows[flag].astype(bool)]
        told, views = [], [payload(e.display(), list(found), e.name, 300) for e, found in entries]
        for k, view in enumerate(views):
            for row in rows[rows["image"] == view["title"]].to_dict("records"):
                if row["position"] in view["positions"]:
                    if view["words"][row["position"]] != row["word"]:
                        raise RequestError(
                            f"{row['image']}: says “{' '.join(view['words'])}”, no longer {row['word']!r}"
                        )
                    at = {"picture": k, "position": row["position"], "row": view["positions"].index(row["position"])}
                    values = numbers([row[column] for column in scores])
                    told.append({**at, "word": row["word"], "supported": bool(row["supported"]), "scores": values})
        if not told:
            raise RequestError("none of the rows is of a word that is explained here")
        pictures = [picture for view in views for picture in view.pop("pictures")]
        names = [[column, text] for column, text in scores.items()]
        data = {"title": title, "pictures": pictures, "views": views, "rows": told, "scores": names}
        super().__init__(data=data, score=names[0][0])

    @traitlets.validate("score")
    def _exists(self, proposal: Any) -> Any:
        return among(proposal, [column for column, _ in self.data["scores"]])

    def plain(self) -> str:
        """Every picture with its caption, and of its words whether they are true, their scores and explanations."""
        parts, labels = [heading(self.data["title"])], [text for _, text in self.data["scores"]]
        for k, (picture, view) in enumerate(zip(self.data["pictures"], self.data["views"], strict=True)):
            alt = html.escape(f"{view['title']}: {' '.join(view['words'])}")
            parts.append(f'<p><img src="{picture}" width="150" alt="{alt}"><br>{alt}</p>')
            told = []
            for row in [row for row in self.data["rows"] if row["picture"] == k]:
                pairs = [(text, v) for text, v in zip(labels, row["scores"], strict=True) if v is not None]
                values = ", ".join(f"{text} {number(v)}" for text, v in pairs)
                why = " ".join(method["alt"][row["row"]] for method in view["methods"])
                told.append(f"“{row['word']}” is {'supported' if row['supported'] else 'made up'}: {values}. {why}")
            parts.append(listed(told))
        return "".join(parts)

"""Attention correctness (figure 5) with what is behind it: curves, and the maps of single words."""

import html
from collections.abc import Sequence
from typing import Any

import pandas as pd
import traitlets

from capxai_core.data.examples import Example
from capxai_core.errors import RequestError
from capxai_core.evaluate.localisation import SCORES, THRESHOLDS, localisation_curves
from capxai_core.methods.explanation import Explanation
from capxai_core.views.alt import number, same_words
from capxai_core.views.charts import colours_of, name_of
from capxai_core.views.explorer import payload
from capxai_core.views.made_up import PICTURES
from capxai_core.views.view import View, among, heading, listed, numbers, sources


class CurveView(View):
    """A curve a method over the thresholds, with a point for each word of the chosen pictures, which opens its map.

    records: `load_results(…).records("localisation")`; maps are judged at their own resolution on the union of a word's
    boxes. chosen: at most `PICTURES` pictures, each with explanations of one caption, the same methods for all. Traits:
    `point` (a row of `.data["points"]`), `method`, `threshold` (0 … 9, tenths of the map's maximum). `RequestError`
    where the records tell nothing of the chosen words.
    """

    _esm, _css = sources("plot", "curve")
    point = traitlets.Int(0, min=0).tag(sync=True, choice=True)
    method = traitlets.Unicode().tag(sync=True, choice=True)
    threshold = traitlets.Int(3, min=0, max=len(THRESHOLDS) - 1).tag(sync=True, choice=True)

    def __init__(
        self, records: pd.DataFrame, chosen: Sequence[tuple[Example, Sequence[Explanation]]], title: str | None = None
    ) -> None:
        if not 1 <= len(chosen) <= PICTURES:
            raise RequestError(f"give 1 to {PICTURES} pictures, not {len(chosen)}")
        judged = records[records["resolution"].eq("own") & records["sign"].eq("+") & records["region"].eq("union")]
        methods, points = [x.method for x in chosen[0][1]], []
        for k, (example, found) in enumerate(chosen):
            first = same_words(found)
            for row, word in enumerate(first.targets):
                at = judged["image"].eq(example.name) & judged["position"].eq(first.positions[row])
                rows = judged[at & judged["word"].eq(word)].set_index("method")
                if {*methods} <= {*rows.index} & {x.method for x in found}:
                    values = {name: numbers(rows.loc[[name], SCORES].to_numpy(float)[0]) for name in methods}
                    boxes = [list(o.box) for o in example.objects if word in o.words]
                    points.append({"view": k, "row": row, "word": word, "boxes": boxes, "values": values})
        if not points:
            raise RequestError(
                "the records tell nothing of these words by these methods: explain object words they have"
            )
        views = [payload(example.display(), list(found), example.name, 340) for example, found in chosen]
        pictures = [picture for view in views for picture in view.pop("pictures")]
        table, lines = localisation_curves(judged), []
        for key, colour in colours_of([*dict.fromkeys(table["method"])]).items():
            part = table[table["method"] == key]
            line = {name: numbers(part[name].tolist()) for name in ("value", "low", "high")}
            lines.append({"key": key, "name": name_of(key), "colour": colour, "n": int(part["n"].iloc[0]), **line})
        data = {"title": title, "pictures": pictures, "views": views, "points": points, "lines": lines}
        super().__init__(data={**data, "methods": methods, "thresholds": THRESHOLDS}, method=methods[0])

    @traitlets.validate("point", "method")
    def _exists(self, proposal: Any) -> Any:
        points = range(len(self.data["points"]))
        return among(proposal, points if proposal["trait"].name == "point" else self.data["methods"])

    def plain(self) -> str:
        """The curves in numbers, and the pictures with what the maps of their words got at the first threshold."""
        lines = [f"{line['name']} (n = {line['n']}): {_along(line['value'])}" for line in self.data["lines"]]
        parts = [heading(self.data["title"]), "<p>Attention correctness by threshold</p>", listed(lines)]
        for k, (picture, view) in enumerate(zip(self.data["pictures"], self.data["views"], strict=True)):
            alt = html.escape(f"{view['title']}: {' '.join(view['words'])}")
            parts.append(f'<p><img src="{picture}" width="150" alt="{alt}"><br>{alt}</p>')
            of = [point for point in self.data["points"] if point["view"] == k]
            told = [(p["word"], name_of(name), _along(v)) for p in of for name, v in p["values"].items()]
            parts.append(listed([f"“{word}” by {name}: {values}" for word, name, values in told]))
        return "".join(parts)


def _along(values: Sequence[float | None]) -> str:
    pairs = zip(values, THRESHOLDS, strict=True)
    return ", ".join(f"{'–' if value is None else number(value)} at {threshold:g}" for value, threshold in pairs)

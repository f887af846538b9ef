"""Masking (figure 4) to try out: hide what a word's map points at, step by step, and read what the model says then."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import traitlets

from capxai_core.data.examples import Example
from capxai_core.errors import RequestError
from capxai_core.evaluate.masking import cells, covered, look_again, ranked
from capxai_core.evaluate.records import Explained
from capxai_core.methods.explanation import Explanation
from capxai_core.models.captioner import Captioner
from capxai_core.views.alt import label, percent, same_words
from capxai_core.views.view import View, among, heading, listed, picture_uri, sources

SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
REGIONS = ("relevant", "opposed", "random")


class MaskingView(View):
    """A picture whose cells are hidden by a word's map, the caption the model gives then, and the word's probability.

    explanations: of one caption of the example's picture, one a method; their words are offered, so explain only a few
    (`words=`): every step is looked at beforehand. fill: white or mean (the picture's colour). The random cells are
    the same for every word and method. Traits: `word` (row of the explanations), `method`, `region` (of
    `REGIONS`), `kept` (hide all but the region), `step` (of `SHARES`).
    """

    _esm, _css = sources("plot", "masking")
    word = traitlets.Int(0, min=0).tag(sync=True, choice=True)
    method = traitlets.Unicode().tag(sync=True, choice=True)
    region = traitlets.Enum(REGIONS, "relevant").tag(sync=True, choice=True)
    kept = traitlets.Bool(False).tag(sync=True, choice=True)
    step = traitlets.Int(4, min=0, max=len(SHARES) - 1).tag(sync=True, choice=True)

    def __init__(
        self,
        model: Captioner,
        example: Example,
        explanations: Sequence[Explanation],
        fill: str = "white",
        title: str | None = None,
    ) -> None:
        first, image, grid = same_words(explanations), example.image(), model.encoder.grid
        caption, rows = first.caption, [p for p in first.positions if p < len(first.caption.words)]
        if fill not in ("white", "mean") or not rows:
            raise RequestError(f"fill={fill!r}: choose white or mean; and explain a word of the caption, not its end")
        chance = np.random.default_rng(0).permutation(grid**2)
        orders = {x.method: [ranked(of, chance) for of in cells(x.image[: len(rows)], grid)] for x in explanations}
        cases = list(product(orders, range(len(rows)), REGIONS, (False, True)))
        hidden = []
        for name, row, region, kept in cases:
            order = chance if region == "random" else orders[name][row][:: -1 if region == "opposed" else 1]
            hidden += [covered(order[: round(share * grid**2)], grid) ^ kept for share in SHARES]
        after, said = look_again(model, Explained(example, image, caption, {}), np.array(hidden), fill, beam_size=3)
        captions, n = list(dict.fromkeys(said)), len(SHARES)
        seen = {
            f"{name} {row} {region} {int(kept)}": {
                "p": after[k * n : (k + 1) * n, rows[row]].round(4).tolist(),
                "said": [captions.index(words) for words in said[k * n : (k + 1) * n]],
            }
            for k, (name, row, region, kept) in enumerate(cases)
        }
        mean = (image.mean((1, 2)) * 255).round().int().tolist()
        picture = example.display()
        super().__init__(
            data={
                "title": title,
                "pictures": [picture_uri(picture, 640)],
                "aspect": picture.shape[2] / picture.shape[1],
                "fill": "#fff" if fill == "white" else f"rgb({', '.join(map(str, mean))})",
                "words": caption.words,
                "positions": rows,
                "chance": [round(caption.log_probs[p].exp().item(), 4) for p in rows],
                "methods": [[name, label(name)] for name in orders],
                "grid": grid,
                "shares": SHARES,
                "counts": [round(share * grid**2) for share in SHARES],
                "orders": {name: [order.tolist() for order in found] for name, found in orders.items()},
                "random": chance.tolist(),
                "captions": captions,
                "seen": seen,
            },
            method=first.method,
        )

    @traitlets.validate("word", "method")
    def _exists(self, proposal: Any) -> Any:
        rows, methods = range(len(self.data["positions"])), [name for name, _ in self.data["methods"]]
        return among(proposal, rows if proposal["trait"].name == "word" else methods)

    def plain(self) -> str:
        """The picture, and for every word, method and region its probabilities along the steps and the last caption."""
        data, told = self.data, []
        cases = product(data["methods"], enumerate(data["positions"]), REGIONS, ("hidden", "kept"))
        for (name, text), (row, p), region, done in cases:
            seen, word = data["seen"][f"{name} {row} {region} {int(done == 'kept')}"], data["words"][p]
            steps = ", ".join(f"{percent(v)} ({percent(s)} {done})" for v, s in zip(seen["p"], SHARES, strict=True))
            last, by = " ".join(data["captions"][seen["said"][-1]]), f"that {text} ranks {region}"
            where = "chosen at random" if region == "random" else by
            told.append(f"Probability of “{word}” with the cells {done} {where}: {steps}; then “{last}”")
        told = list(dict.fromkeys(told))  # chance is the same for every method
        picture = f'<p><img src="{data["pictures"][0]}" width="320" alt="The picture"></p>'
        return heading(data["title"]) + picture + listed([" ".join(data["words"]), *told])

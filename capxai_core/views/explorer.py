"""The explorer: choose a word of a caption, see why the model said it. Live a widget, on a page plain HTML."""

import base64
import html
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets
from torch import Tensor
from torch.nn import functional as F

from capxai_core.errors import RequestError
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import METHODS
from capxai_core.views.alt import alt_text, label, same_words
from capxai_core.views.heatmap import DIVERGING_STOPS, FADE, SEQUENTIAL_STOPS, WORD_ALPHA, WORD_TINTS
from capxai_core.views.view import View, among, heading, listed, numbers, picture_uri, sources

OneOrMore = Explanation | Sequence[Explanation]
MAX_SIDE = 128  # finer maps are averaged over blocks of pixels: a page holds many views


def _maps(image: Tensor, pooled: int) -> dict[str, Any]:
    """Maps (T, H, W) → 8-bit maps, each scaled by its own max|.|, as one deflated string of row differences.

    pooled: `block` of the explanation.
    """
    heat = image.detach().float().cpu()
    block = math.ceil(max(heat.shape[1:]) / MAX_SIDE)
    h, w = (math.ceil(side / block) for side in heat.shape[1:])
    heat = F.adaptive_avg_pool2d(heat[:, None], (h, w))[:, 0]
    peak = heat.abs().amax((1, 2))
    levels = (heat / peak.clamp(min=1e-30)[:, None, None] * 127).round().to(dtype=heat.dtype).numpy().astype(np.int8)
    steps = np.diff(levels, axis=2, prepend=np.int8(0))  # wraps around; the reader's sum wraps back
    data = base64.b64encode(zlib.compress(steps.tobytes(), 9)).decode()
    return {"height": h, "width": w, "block": block * pooled, "peak": numbers(peak), "maps": data}


def _method(explanation: Explanation) -> dict[str, Any]:
    budget = explanation.budget
    return {
        "name": explanation.method,
        "label": label(explanation.method),
        "signed": explanation.signed,
        "fine": METHODS[explanation.method].pixel_level if explanation.method in METHODS else True,
        "words": None if explanation.words is None else numbers(explanation.words),
        "budget": None if budget is None else numbers(budget.terms().T),
        "logit": numbers(explanation.logits),
        "alt": [alt_text(explanation, row) for row in range(len(explanation.positions))],
        **_maps(explanation.image, explanation.block),
    }


def payload(image: Tensor, explanations: Sequence[Explanation], title: str | None, size: int) -> dict[str, Any]:
    """All that the module needs to draw the view; `RequestError` where a map cannot be drawn."""
    for wrong in [e for e in explanations if not bool(e.image.isfinite().all())]:
        raise RequestError(f"the map of '{wrong.method}' holds values that are not finite numbers")
    first, caption = explanations[0], explanations[0].caption
    chances = [*caption.log_probs.exp().tolist(), math.exp(caption.end_log_prob)]
    beta = [*([None] * len(caption.words) if caption.beta is None else numbers(caption.beta)), None]
    return {
        "title": title,
        "size": size,
        "pictures": [picture_uri(image, 3 * size // 2)],
        "aspect": image.shape[2] / image.shape[1],
        "words": caption.words,
        "positions": first.positions,
        "chance": [round(chances[p], 4) for p in first.positions],
        "beta": [beta[p] for p in first.positions],
        "methods": [_method(explanation) for explanation in explanations],
        "stops": {"signed": DIVERGING_STOPS, "unsigned": SEQUENTIAL_STOPS},
        "tints": WORD_TINTS,
        "tint": WORD_ALPHA,
        "fade": FADE,
    }


class Explorer(View):
    """The picture, the caption and, for the chosen word, its map and the relevance of the words before it.

    image: (3, H, W) in [0, 1], the picture to show, of any resolution; maps are stretched over it. explanations: one,
    or one a method, all of the same words of one caption (else `RequestError`). size: width of the picture in CSS
    pixels where there is room. Traits to read and set from Python: `word` (row of the explanations), `method`
    (its name), `compare` (the name of a method to show beside it, or ""), `opacity` (0 picture … 1 map).
    """

    _esm, _css = sources("explorer")
    word = traitlets.Int(0).tag(sync=True, choice=True)
    method = traitlets.Unicode().tag(sync=True, choice=True)
    compare = traitlets.Unicode().tag(sync=True, choice=True)
    opacity = traitlets.Float(0.9, min=0.0, max=1.0).tag(sync=True, choice=True)

    def __init__(self, image: Tensor, explanations: OneOrMore, title: str | None = None, size: int = 360) -> None:
        super().__init__()
        self.show(image, explanations, title, size)

    def show(self, image: Tensor, explanations: OneOrMore, title: str | None = None, size: int = 360) -> None:
        """Show another picture in the same view; arguments as for the class. Opens at the word most due to pixels."""
        explanations = [explanations] if isinstance(explanations, Explanation) else list(explanations)
        first = same_words(explanations)
        budget = next((e.budget for e in explanations if e.budget is not None), None)
        with self.hold_sync():
            self.data = payload(image, explanations, title, size)
            self.method, self.compare = first.method, ""
            pixels = [0.0] * len(first.positions) if budget is None else budget.pixels.tolist()
            rows = [(p < len(first.caption.words), pixels[row], -row) for row, p in enumerate(first.positions)]
            self.word = -max(rows)[2]  # a word rather than <end>

    @traitlets.validate("word", "method", "compare")
    def _exists(self, proposal: Any) -> Any:
        trait, methods = proposal["trait"].name, [m["name"] for m in self.data.get("methods", ())]
        rows = range(len(self.data.get("positions", (0,))))
        return among(proposal, rows if trait == "word" else [*methods, *([""] if trait == "compare" else [])])

    def plain(self) -> str:
        """Picture, caption, and every word's explanation by every method in words."""
        caption, told = html.escape(" ".join(self.data["words"])), [method["alt"] for method in self.data["methods"]]
        picture = f'<img src="{self.data["pictures"][0]}" width="{self.data["size"]}" alt="The picture">'
        return f"{heading(self.data['title'])}<p>{picture}<br>{caption}</p>{''.join(map(listed, told))}"

"""The explorer: choose a word of a caption, see why the model said it. Live a widget, on a page plain HTML."""

import base64
import hashlib
import html
import io
import json
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from capxai_core.errors import RequestError
from capxai_core.methods.explanation import Explanation
from capxai_core.views.alt import alt_text, label
from capxai_core.views.heatmap import DIVERGING_STOPS, FADE, SEQUENTIAL_STOPS, WORD_ALPHA, WORD_TINTS

OneOrMore = Explanation | Sequence[Explanation]
HERE = Path(__file__).parent
MAX_SIDE = 128  # finer maps are averaged over blocks of pixels: a page holds many views


def picture_uri(image: Tensor, longest: int) -> str:
    """A picture (3, H, W) in [0, 1] as a WebP data URI whose sides are at most `longest` pixels."""
    pixels = (image.detach().float().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=85, method=6)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def _numbers(values: Tensor) -> Any:
    """Nested lists with five significant digits; what is not finite becomes None, which JSON can say."""

    def short(value: Any) -> Any:
        if isinstance(value, list):
            return [short(v) for v in value]
        return float(f"{value:.5g}") if math.isfinite(value) else None

    return short(values.detach().double().cpu().tolist())


def _maps(image: Tensor) -> dict[str, Any]:
    """Maps (T, H, W) → 8-bit maps, each scaled by its own max|.|, as one deflated string of row differences."""
    heat = image.detach().float().cpu()
    block = math.ceil(max(heat.shape[1:]) / MAX_SIDE)
    h, w = (math.ceil(side / block) for side in heat.shape[1:])
    heat = F.adaptive_avg_pool2d(heat[:, None], (h, w))[:, 0]
    peak = heat.abs().amax((1, 2))
    levels = (heat / peak.clamp(min=1e-30)[:, None, None] * 127).round().to(dtype=heat.dtype).numpy().astype(np.int8)
    steps = np.diff(levels, axis=2, prepend=np.int8(0))  # wraps around; the reader's sum wraps back
    data = base64.b64encode(zlib.compress(steps.tobytes(), 9)).decode()
    return {"height": h, "width": w, "block": block, "peak": _numbers(peak), "maps": data}


def _method(explanation: Explanation) -> dict[str, Any]:
    budget = explanation.budget
    return {
        "name": explanation.method,
        "label": label(explanation.method),
        "signed": explanation.signed,
        "words": None if explanation.words is None else _numbers(explanation.words),
        "budget": None if budget is None else _numbers(budget.terms().T),
        "logit": _numbers(explanation.logits),
        "alt": [alt_text(explanation, row) for row in range(len(explanation.positions))],
        **_maps(explanation.image),
    }


def _payload(image: Tensor, explanations: Sequence[Explanation], title: str | None, size: int) -> dict[str, Any]:
    """All that the module needs to draw the view."""
    first, caption = explanations[0], explanations[0].caption
    chances = [*caption.log_probs.exp().tolist(), math.exp(caption.end_log_prob)]
    beta = [*([None] * len(caption.words) if caption.beta is None else _numbers(caption.beta)), None]
    return {
        "title": title,
        "size": size,
        "picture": picture_uri(image, 3 * size // 2),
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


class Explorer(anywidget.AnyWidget):
    """The picture, the caption and, for the chosen word, its map and the relevance of the words before it.

    image: (3, H, W) in [0, 1], the picture to show, of any resolution; maps are stretched over it. explanations: one,
    or one a method, all of the same words of one caption (else `RequestError`). size: width of the picture in CSS
    pixels where there is room. Traits to read and set from Python: `word` (row of the explanations), `method`
    (its name), `opacity` (0 picture … 1 map).
    """

    _esm = HERE / "explorer.js"
    _css = HERE / "explorer.css"
    data = traitlets.Dict().tag(sync=True)
    word = traitlets.Int(0).tag(sync=True)
    method = traitlets.Unicode().tag(sync=True)
    opacity = traitlets.Float(0.9, min=0.0, max=1.0).tag(sync=True)

    def __init__(self, image: Tensor, explanations: OneOrMore, title: str | None = None, size: int = 360) -> None:
        super().__init__()
        self.show(image, explanations, title, size)

    def show(self, image: Tensor, explanations: OneOrMore, title: str | None = None, size: int = 360) -> None:
        """Show another picture in the same view; arguments as for the class. Opens at the word most due to pixels."""
        explanations = [explanations] if isinstance(explanations, Explanation) else list(explanations)
        if not explanations:
            raise RequestError("an explorer needs at least one explanation")
        first = explanations[0]
        for other in explanations[1:]:
            if (other.caption.words, other.positions) != (first.caption.words, first.positions):
                raise RequestError(
                    f"the explanations {first.method} and {other.method} are not of the same words: "
                    "explain one caption with the same words= and include_end= for every method"
                )
        if len({e.method for e in explanations}) < len(explanations):
            raise RequestError("two explanations are of the same method; show one of each")
        budget = next((e.budget for e in explanations if e.budget is not None), None)
        with self.hold_sync():
            self.data = _payload(image, explanations, title, size)
            self.method = first.method
            pixels = [0.0] * len(first.positions) if budget is None else budget.pixels.tolist()
            rows = [(p < len(first.caption.words), pixels[row], -row) for row, p in enumerate(first.positions)]
            self.word = -max(rows)[2]  # a word rather than <end>

    @traitlets.validate("word")
    def _word_exists(self, proposal: Any) -> int:
        rows = len(self.data.get("positions", (0,)))
        if not 0 <= proposal["value"] < rows:
            raise RequestError(f"word={proposal['value']}: this view explains {rows} words, rows 0 to {rows - 1}")
        return int(proposal["value"])

    @traitlets.validate("method")
    def _method_exists(self, proposal: Any) -> str:
        names = [method["name"] for method in self.data.get("methods", ())]
        if proposal["value"] not in names:
            raise RequestError(f"method={proposal['value']!r}: this view has {', '.join(names)}")
        return str(proposal["value"])

    def to_html(self) -> str:
        """The view as it stands, as an HTML fragment that needs nothing else: no kernel, no network, any number a page.

        Where scripts do not run, the picture and every word's explanation in words are shown instead.
        """
        data = {**self.data, "picture": None}  # the module reads it from the plain form
        state = {"data": data, "word": self.word, "method": self.method, "opacity": self.opacity}
        text = json.dumps(state, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        for character in "<>&\u2028\u2029":  # nothing in the data can end the script element
            text = text.replace(character, f"\\u{ord(character):04x}")
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        module, style = (HERE / name for name in ("explorer.js", "explorer.css"))
        return (
            f'<div class="capxai-view"><style>{style.read_text("utf-8")}</style>'
            f'<div class="capxai" data-capxai="{key}">{self._plain()}</div>'
            f'<script type="application/json" id="capxai-{key}">{text}</script>'
            f'<script type="module">{module.read_text("utf-8")}\nstill("{key}");</script></div>'
        )

    def _plain(self) -> str:
        """The view without scripts: picture, caption, every word's explanation in words."""
        caption = html.escape(" ".join(self.data["words"]))
        parts = [f"<p><strong>{html.escape(self.data['title'])}</strong></p>"] if self.data["title"] else []
        parts.append(
            f'<p><img src="{self.data["picture"]}" width="{self.data["size"]}" alt="The picture"><br>{caption}</p>'
        )
        for method in self.data["methods"]:
            parts.append("<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in method["alt"]) + "</ul>")
        return "".join(parts)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        return {**bundle[0], "text/html": self.to_html()}, bundle[1]

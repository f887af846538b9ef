"""What the views share: live a widget, on a page plain HTML that needs no kernel and no network."""

import base64
import hashlib
import html
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from PIL import Image
from torch import Tensor

from capxai_core.errors import RequestError

HERE = Path(__file__).parent


def sources(*names: str) -> tuple[str, str]:
    """ES module and style sheet, of `view` and the files of these names; the last draws: its function has its name."""
    js, css = (
        "\n".join((HERE / f"{name}.{kind}").read_text("utf-8") for name in ("view", *names)) for kind in ("js", "css")
    )
    return f"{js}\nconst draw = {names[-1]};\nexport default {{ render: live(draw) }};\n", css


class View(anywidget.AnyWidget):
    """A view whose `data`, with `pictures` (data URIs) among them, its module draws.

    Traits tagged `choice` are what a reader chooses. A subclass has `_esm` and `_css` and tells, in `plain`, what it
    shows where scripts do not run; the pictures stand there in order, and nowhere else.
    """

    data = traitlets.Dict().tag(sync=True)

    def plain(self) -> str:
        """HTML that says everything the view shows, with every picture once."""
        raise NotImplementedError

    def to_html(self) -> str:
        """The view as it stands, as an HTML fragment that needs nothing else: any number stands on a page.

        Where scripts do not run, the pictures and all that there is to say of them are shown instead.
        """
        state = {name: getattr(self, name) for name in self.trait_names(choice=True)}
        state["data"] = {key: value for key, value in self.data.items() if key != "pictures"}
        text = json.dumps(state, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        for character in "<>&\u2028\u2029":  # nothing in the data can end the script element
            text = text.replace(character, f"\\u{ord(character):04x}")
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        return (
            f'<div class="capxai-view"><style>{self._css}</style>'
            f'<div class="capxai" data-capxai="{key}">{self.plain()}</div>'
            f'<script type="application/json" id="capxai-{key}">{text}</script>'
            f'<script type="module">{self._esm}still(draw, "{key}");</script></div>'
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        return bundle and ({**bundle[0], "text/html": self.to_html()}, bundle[1])


def among(proposal: Any, known: Sequence[Any]) -> Any:
    """A value proposed for a trait; `RequestError` tells what there is where it is none of it."""
    if proposal["value"] not in known:
        told = ", ".join(map(str, known))
        raise RequestError(f"{proposal['trait'].name}={proposal['value']!r}: this view has {told or 'nothing'}")
    return proposal["value"]


def heading(title: str | None) -> str:
    """A title in the plain form; nothing without one."""
    return f"<p><strong>{html.escape(title)}</strong></p>" if title else ""


def listed(texts: list[str]) -> str:
    """Sentences as a list, escaped."""
    return "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in texts) + "</ul>"


def picture_uri(image: Tensor, longest: int) -> str:
    """A picture (3, H, W) in [0, 1] as a WebP data URI whose sides are at most `longest` pixels."""
    pixels = (image.detach().float().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=85, method=6)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def numbers(values: Any) -> Any:
    """Nested lists of a tensor or array with five significant digits; None, which JSON can say, for NaN and inf."""
    if isinstance(values, list):
        return [numbers(v) for v in values]
    if isinstance(values, float | int):
        return float(f"{values:.5g}") if math.isfinite(values) else None
    return numbers((values.detach().double().cpu() if isinstance(values, Tensor) else values).tolist())

"""The workbench, live only: a photograph, a caption, a contrast and a search of one's own, explained at once."""

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ipywidgets  # type: ignore[import-untyped]
from torch import Tensor

from capxai_core.data.images import load_image
from capxai_core.errors import CapxaiError, RequestError
from capxai_core.methods.registry import USUAL, explain
from capxai_core.models.captioner import Captioner
from capxai_core.models.explainable import Caption
from capxai_core.views.explorer import Explorer

STATIC = (
    "<p>The workbench is live only: explaining a photograph or a caption of your own takes a kernel. "
    "Open this chapter as a notebook with <code>make lab</code>.</p>"
)


class Workbench(ipywidgets.VBox):  # type: ignore[misc]
    """Choose a picture by path or upload, retype its caption, contrast words, widen the search: the explorer follows.

    image: (3, H, W) in [0, 1] to begin with, if any. methods: names; LRP alone knows contrasts. `image`, `caption` and
    `explorer` are what is shown, None before there is a picture. What cannot be done is said in `message`.
    """

    children: tuple[Any, ...]

    def __init__(self, model: Captioner, image: Tensor | None = None, methods: Sequence[str] = USUAL) -> None:
        self.model, self.methods, self.image = model, methods, image
        self.caption: Caption | None = None
        self.explorer: Explorer | None = None
        wide: Any = {"layout": {"width": "min(100%, 40rem)"}, "style": {"description_width": "8rem"}}
        later: Any = {"continuous_update": False, **wide}
        self.path = ipywidgets.Text(description="Photograph", placeholder="path of a file", **later)
        self.upload = ipywidgets.FileUpload(description="or upload one", accept="image/*", layout={"width": "11rem"})
        self.said = ipywidgets.Text(description="What if it said", placeholder="a caption of your own", **later)
        self.against = ipywidgets.Text(description="Why not", placeholder="another word (LRP)", **later)
        self.beam = ipywidgets.BoundedIntText(3, min=1, max=20, description="Beams of search", **wide)
        self.message = ipywidgets.HTML()
        for widget, act in (
            (self.path, lambda: self.see(load_image(Path(self.path.value).expanduser()))),
            (self.upload, self._receive),
            (self.said, self._retype),
            (self.against, self._explain),
            (self.beam, self._search),
        ):
            widget.observe(self._trying(act), "value")
        note = ipywidgets.HTML(f"<p>{html.escape(model.warning)}</p>" if model.warning else "")
        super().__init__([note, self.path, self.upload, self.said, self.against, self.beam, self.message])
        self._trying(self._search)(None)

    def see(self, image: Tensor) -> None:
        """Caption another picture (3, H, W) in [0, 1] and explain it."""
        self.image, self.caption = image, None
        self._search()

    def _search(self) -> None:
        if self.image is not None:
            self._show(self.model.caption(self.image, self.beam.value))

    def _retype(self) -> None:
        if self.image is None:
            raise RequestError("choose a photograph first")
        if self.caption is None or self.said.value != str(self.caption):  # else it was written here
            self._show(self.model.read(self.image, self.said.value))

    def _explain(self) -> None:
        if self.caption is None:
            self._search()
        else:
            self._show(self.caption)

    def _receive(self) -> None:
        for file in self.upload.value[:1]:
            with TemporaryDirectory() as folder:
                path = Path(folder, "upload")  # whatever its name, it is but looked at
                path.write_bytes(file["content"])
                try:
                    image = load_image(path)
                except CapxaiError as error:
                    raise type(error)(str(error).replace(str(path), Path(file["name"]).name)) from None
            self.see(image)

    def _show(self, caption: Caption) -> None:
        assert self.image is not None
        rival = self.against.value.strip().lower()
        against, title = ({"against": rival}, f"Scores by LRP: less those of “{rival}”") if rival else ({}, None)
        options: dict[str, Any] = {name: against if name == "lrp" else {} for name in self.methods}
        found = [explain(self.model, self.image, caption, m, include_end=True, **of) for m, of in options.items()]
        if self.explorer is None:
            self.explorer = Explorer(self.image, found, title)
            self.children = (*self.children, self.explorer)
        else:
            self.explorer.show(self.image, found, title)
        self.caption = caption
        self.said.value = str(caption)

    def _trying(self, act: Callable[[], None]) -> Callable[[Any], None]:
        def attempt(_: Any) -> None:
            self.message.value = ""
            try:
                act()
            except (CapxaiError, RuntimeError) as error:  # what is no path, or no memory, is told like a request
                self.message.value = f'<p role="alert">{html.escape(str(error))}</p>'

        return attempt

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle: Any = super()._repr_mimebundle_(**kwargs)
        return {**bundle, "text/html": STATIC}

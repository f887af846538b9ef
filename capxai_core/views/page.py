"""Self-contained pages of explanations for the command line: one page, or a gallery of them."""

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from torch import Tensor

from capxai_core.files import write_text
from capxai_core.methods.explanation import Explanation
from capxai_core.views.explorer import Explorer
from capxai_core.views.view import HERE, picture_uri

Entry = tuple[str, Tensor, Sequence[Explanation]]  # title, picture (3, H, W) in [0, 1], one explanation a method

STYLE = (HERE / "page.css").read_text(encoding="utf-8")

HOW = (
    "Choose a word of a caption with the mouse, a finger or the arrow keys. Orange marks what speaks for the word, "
    "blue what speaks against it, in the picture and in the words before it; purple maps have no sign. "
    "Each map is scaled to its own largest value, which stands under it."
)
GENERATOR = '<meta name="generator" content="capxai">'
BACK = '<nav><a href="index.html">'  # stands on the pages of a gallery only
CHOOSE = "Choose a picture to see why the model said each word of its caption."


def _document(title: str, body: str, warning: str | None, how: str = HOW, lead: str = "") -> str:
    notice = f'<p class="warning" role="note">{html.escape(warning)}</p>' if warning else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{GENERATOR}<title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head><body>{lead}<main><h1>{html.escape(title)}</h1>{notice}"
        f'<p class="how">{how}</p>{body}</main></body></html>'
    )


def _view(entry: Entry, heading: str) -> str:
    title, image, explanations = entry
    explorer = Explorer(image, explanations, None if title == heading else title, size=420)
    fragment = explorer.to_html()
    explorer.close()  # ipywidgets keeps every widget that is not closed: a gallery would grow without bound
    return fragment


def write_page(path: str | Path, entries: Iterable[Entry], title: str, warning: str | None = None) -> Path:
    """One HTML file with a view for each entry; it needs no other file and no network. Returns its path."""
    path = Path(path)
    write_text(_document(title, "".join(_view(entry, title) for entry in entries), warning), path)
    return path


def write_gallery(folder: str | Path, entries: Iterable[Entry], title: str, warning: str | None = None) -> Path | None:
    """A page for each entry and `index.html`, a table of them; entries are taken one at a time. Returns the index.

    Pages that an earlier gallery left in the folder are removed. Without any entry nothing is touched; returns None.
    """
    folder = Path(folder)
    cards = {}
    for k, entry in enumerate(entries, start=1):
        name, image, explanations = entry
        file = f"{k:04d}-{re.sub(r'[^A-Za-z0-9_-]+', '-', Path(name).stem)[:60]}.html"
        back = f"{BACK}← {html.escape(title)}</a></nav>"
        write_text(_document(name, _view(entry, name), warning, lead=back), folder / file)
        caption = html.escape(" ".join(explanations[0].caption.words))
        cards[file] = (
            f'<li><a href="{quote(file)}"><img src="{picture_uri(image, 320)}" alt="" loading="lazy">'
            f"<p>{caption}<small>{html.escape(name)}</small></p></a></li>"
        )
    if not cards:
        return None
    index = folder / "index.html"
    write_text(_document(title, f'<ul class="gallery">{"".join(cards.values())}</ul>', warning, how=CHOOSE), index)
    for page in folder.glob("[0-9][0-9][0-9][0-9]*-*.html"):
        if page.name not in cards and page.is_file():
            text = page.read_text(encoding="utf-8", errors="replace")
            if GENERATOR in text and BACK in text:
                page.unlink()
    return index

"""Pictures of one's own: caption and explain one or a folder of them, as a page or a gallery with a table of words."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import track

from capxai_core.data.examples import tokenize
from capxai_core.data.images import SUFFIXES, load_image
from capxai_core.errors import CapxaiError, ImageError, RequestError
from capxai_core.files import write_table
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import USUAL, explain, find_method
from capxai_core.models.captioner import load_captioner
from capxai_core.models.device import accelerator
from capxai_core.pipeline.profiles import data_root
from capxai_core.views.page import GENERATOR, Entry, write_gallery, write_page


def explain_pictures(
    photo: Path,
    model: str,
    out: Path | None = None,
    methods: list[str] | None = None,
    caption: str | None = None,
    beam_size: int = 3,
    data: Path | None = None,
) -> None:
    """What `capxai explain` does, whose options these are; says what it wrote.

    `ImageError` names the pictures that cannot be explained (of a folder, after the others are), `RequestError` an
    output that would replace something.
    """
    if not photo.exists():
        raise ImageError(f"{photo}: no such file or folder")
    methods = methods or list(USUAL)
    for name in methods:
        find_method(name)
    photos = pictures(photo) if photo.is_dir() else [photo]
    others = sorted(p.name for p in photo.glob("[!.]*") if p.is_file() and p not in photos)
    if others:
        print(
            f"not read, being no pictures of a known kind: {', '.join(others[:5])}{' …' * (len(others) > 5)}",
            file=sys.stderr,
        )
    target = out or Path(f"{photo.resolve().name}-explained" if photo.is_dir() else f"{photo.stem}.html")
    check_target(target, photo)
    captioner = load_captioner(model, data=data_root(data) if data else None).to(accelerator())
    if captioner.warning:
        print(captioner.warning, file=sys.stderr)
    unknown = [word for word in tokenize(caption or "") if word not in captioner.vocabulary.index]
    if unknown:
        print(f"the model does not know, and reads as <unk>: {', '.join(unknown)}", file=sys.stderr)
    table: list[dict[str, Any]] = []
    failed: list[str] = []
    console = Console(stderr=True)

    def entries() -> Iterator[Entry]:
        for path in track(photos, "explaining", console=console, transient=True, disable=not console.is_terminal):
            try:
                image = load_image(path)
                said = captioner.caption(image, beam_size) if caption is None else captioner.read(image, caption)
                found = [explain(captioner, image, said, name) for name in methods]
            except CapxaiError as error:
                failed.append(str(error) if str(path) in str(error) else f"{path}: {error}")
            else:
                table.extend(row for e in found for row in word_rows(path.name, e, captioner.warning))
                yield path.name, image, found

    if photo.is_dir():
        index = write_gallery(target, entries(), f"{photo.resolve().name}, read by {captioner.name}", captioner.warning)
        if index is not None:
            write_table(pd.DataFrame(table), target / "words.csv")
            print(f"{index}\n{target / 'words.csv'}")
        if failed:
            raise ImageError(f"{len(failed)} of {len(photos)} pictures could not be explained: {'; '.join(failed)}")
        return
    view = list(entries())
    if failed:
        raise ImageError(failed[0])
    print(view[0][2][0].caption)
    print(write_page(target, view, f"{photo.name}, read by {captioner.name}", captioner.warning))


def check_target(target: Path, photo: Path) -> None:
    """Refuse an output that would replace what this command has not written, or that cannot be written."""
    if photo.is_dir():
        if target.exists() and not target.is_dir():
            raise RequestError(f"--out {target}: is a file; a gallery needs a folder")
    elif target.is_dir() or not target.parent.is_dir():
        raise RequestError(f"--out {target}: must be a file in an existing folder")
    elif target.suffix.lower() in SUFFIXES or (target.exists() and target.samefile(photo)):
        raise RequestError(f"--out {target}: names a picture; the page is HTML, e.g. --out {target.stem}.html")
    page = target / "index.html" if photo.is_dir() else target
    if page.is_file() and GENERATOR.encode() not in page.read_bytes():
        raise RequestError(f"{page}: is there and is none of these pages; name another with --out")


def pictures(folder: Path) -> list[Path]:
    """The image files of a folder, in order of name."""
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not found:
        raise ImageError(f"{folder}: holds no picture ({', '.join(sorted(SUFFIXES))})")
    return found


def word_rows(picture: str, e: Explanation, warning: str | None) -> Iterator[dict[str, Any]]:
    """One row a word: what the model gave it, and what the method says of it in numbers."""
    chances = [*e.caption.log_probs.tolist(), e.caption.end_log_prob]
    betas = [None] * len(chances) if e.caption.beta is None else [*e.caption.beta.tolist(), None]
    for row, (position, word) in enumerate(zip(e.positions, e.targets, strict=True)):
        found = {"picture": picture, "caption": str(e.caption), "method": e.method, "position": position, "word": word}
        found |= {"logit": e.logits[row].item(), "log_prob": chances[position], "beta": betas[position]}
        found["map_mean"] = e.image[row].mean().item()
        if e.words is not None:
            preceding = e.words[row, : position + 1]
            strongest = int(preceding.abs().argmax())
            found |= {"strongest_word": e.tokens[strongest], "strongest_score": preceding[strongest].item()}
        if e.budget is not None and e.pixel_share is not None:
            terms = dict(zip(e.budget.names, e.budget.terms()[:, row].tolist(), strict=True))
            found |= {"pixel_share": e.pixel_share[row].item(), **terms}
        yield found | ({"warning": warning} if warning else {})

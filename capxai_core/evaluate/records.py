"""Streaming an evaluation over many images: Parquet parts, written whole or not at all, and where they came from."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import track
from torch import Tensor

from capxai_core.data.examples import Example
from capxai_core.errors import DataError
from capxai_core.files import atomic
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import explain
from capxai_core.models.captioner import Captioner
from capxai_core.models.explainable import Caption

PART = 64  # images
Tables = Mapping[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Explained:
    """An example, what the model said of it, and why, by each method and for every word."""

    example: Example
    image: Tensor
    caption: Caption
    explanations: Mapping[str, Explanation]


def explained(
    model: Captioner, examples: Sequence[Example], methods: Sequence[str], beam_size: int = 3
) -> Iterator[Explained]:
    """Caption and explain the examples one by one; nothing of an earlier one is kept."""
    for example in examples:
        image = example.image()
        caption = model.caption(image, beam_size)
        found = {name: explain(model, image, caption, name) for name in methods} if caption.words else {}
        yield Explained(example, image, caption, found)


def stream(
    folder: Path,
    examples: Sequence[Example],
    rows: Callable[[Sequence[Example]], Tables],
    provenance: Mapping[str, Any],
    what: str,
) -> dict[str, pd.DataFrame]:
    """Write the tables that `rows` makes of each `PART` examples as `folder/part-0000/<table>.parquet` and so on.

    Parts that are there are skipped: after an interruption the same call goes on. provenance: goes to
    `folder/provenance.json`; parts made with another are a `DataError`. what: names the work beside its progress.
    Returns the tables, read back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _agree(folder / "provenance.json", provenance)
    starts = range(0, len(examples), PART)
    console = Console(stderr=True)
    for start in track(starts, what, console=console, transient=True, disable=not console.is_terminal):
        part = folder / f"part-{start // PART:04d}"
        if part.is_dir():
            continue
        partial = part.with_name(part.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for name, made in rows(examples[start : start + PART]).items():
            pd.DataFrame(made).to_parquet(partial / f"{name}.parquet", index=False)
        partial.rename(part)
    names = sorted({path.stem for path in folder.glob("part-????/*.parquet")})
    return {name: found for name in names if (found := read_records(folder, name)) is not None}


def read_records(folder: Path, table: str) -> pd.DataFrame | None:
    """A table of all parts in `folder`, in the order of the images; None where no part has it."""
    parts = [pd.read_parquet(path) for path in sorted(folder.glob(f"part-????/{table}.parquet"))]
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else (parts[0] if parts else None)


def _agree(path: Path, provenance: Mapping[str, Any]) -> None:
    wanted = json.loads(json.dumps(provenance))
    if path.is_file():
        found = json.loads(path.read_text())
        for key in sorted(wanted.keys() | found.keys()):
            if found.get(key) != wanted.get(key):
                raise DataError(
                    f"{path.parent}: holds results of another {key} ({found.get(key)}, not {wanted.get(key)}); "
                    "delete the folder or write to another one"
                )
        return
    with atomic(path) as partial:
        partial.write_text(json.dumps(wanted, indent=1, sort_keys=True))

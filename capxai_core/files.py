"""Writing files whole or not at all."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; renamed to `path` at the end, removed if anything fails before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """A table of results as CSV, the same bytes for the same numbers on every system."""
    with atomic(path) as unfinished:
        table.to_csv(unfinished, index=False, float_format="%.6g", lineterminator="\n")


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_facts(path: Path) -> dict[str, Any]:
    """What `write_facts` wrote; nothing where there is no file."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def write_facts(facts: Mapping[str, Any], path: Path) -> None:
    """What results were made from, as JSON."""
    write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """A text, in UTF-8."""
    with atomic(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")

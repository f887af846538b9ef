"""The model card that the training command writes beside the weights."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from capxai_core.data.examples import Example
from capxai_core.files import digest, write_text

LIMITS = {
    "scenes": "Knows only drawn scenes: what it makes of a photograph means nothing. The captions repeat the habits "
    "documented in `capxai_core/data/scenes/world.py`, among them shirts that nobody wears; that is what it is for."
}
REPEATS = "Repeats the habits of its training captions, right or wrong for the picture at hand; for research."


def write_card(weights: Path, title: str, profile: str, command: str, facts: Mapping[str, object]) -> None:
    """Write `<weights>.md`: what the weights are, the command that makes them, `facts` as a table, and their limits."""
    rows = {"made by": f"`{command}`", **facts, "SHA-256 of the file": digest(weights)}
    table = [f"| {name} | {_cell(value)} |" for name, value in rows.items()]
    text = "\n".join([f"# {title}", "", LIMITS.get(profile, REPEATS), "", "| | |", "|---|---|", *table, ""])
    write_text(text, weights.with_suffix(".md"))


def fingerprint(examples: Sequence[Example]) -> str:
    """SHA-256 of names, splits and captions: which data a model was trained on."""
    told = hashlib.sha256()
    for example in examples:
        told.update(repr((example.name, example.split, example.captions)).encode())
    return told.hexdigest()


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_cell(v)}" for k, v in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)

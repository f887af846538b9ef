"""The caption words that name the categories of a data set; those of COCO's are listed in `synonyms.toml`."""

import tomllib
from pathlib import Path

from capxai_core.data.examples import tokenize

COCO: dict[str, str] = tomllib.loads(Path(__file__).with_name("synonyms.toml").read_text("utf-8"))
IRREGULAR = {"man": "men", "woman": "women", "child": "children"}


def words_of(category: str) -> tuple[str, ...]:
    """The words of a COCO category; of any other its name and plural, or none where the name is several words."""
    if category in COCO:
        return tuple(COCO[category].split())
    words = tokenize(category)
    return (*words, _plural(*words)) if len(words) == 1 else ()


def _plural(noun: str) -> str:
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy", "uy")):
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "z", "ch", "sh")) else "s")

"""Annotation files as other programs might leave them behind."""

import copy
import math
from typing import Any

from hypothesis import strategies as st

JUNK = st.one_of(
    st.sampled_from([None, True, -1, 0, 2**70, 10**400, math.nan, math.inf, "", "..", "a/b.png", "7", [], {}, [[]]]),
    st.integers(-9, 99),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(-3, 60), max_size=8),
    st.dictionaries(st.sampled_from(["size", "counts", "id"]), st.lists(st.integers(0, 9), max_size=3), max_size=2),
)


def places(content: Any, here: tuple[int | str, ...] = ()) -> list[tuple[int | str, ...]]:
    """Where the values of a JSON tree stand, as paths from its root."""
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [here, *(place for key, value in inner for place in places(value, (*here, key)))]


@st.composite
def mangled(draw: st.DrawFn, content: Any) -> Any:
    """The JSON tree with a few of its values replaced, dropped or doubled."""
    tree = {"": copy.deepcopy(content)}
    for _ in range(draw(st.integers(1, 3))):
        *way, key = draw(st.sampled_from([place for place in places(tree) if place]))
        parent: Any = tree
        for step in way:
            parent = parent[step]
        what = draw(st.sampled_from(["replace", "replace", "drop", "double"]))
        if what == "drop" and way:
            del parent[key]
        elif what == "double" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        else:
            parent[key] = draw(JUNK)
    return tree[""]

"""The registry of methods as a table with what each costs, and how the cost of LRP grows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from capxai_core.errors import DataError
from capxai_core.files import read_facts
from capxai_core.methods.registry import METHODS
from capxai_core.views.heatmap import STYLE, WIDE, Plate

AXES = {"words": "explained words", "images": "pictures of ten words", "size": "side of the picture, pixels"}


def read_bench(folder: Path = Path("benchmarks")) -> dict[str, Any]:
    """What `make bench` wrote, seen from the project's folder or from its book/; `DataError` where it is not there."""
    found = next(filter(None, (read_facts(place / "bench.json") for place in (folder, Path("..") / folder))), None)
    if found is None:
        raise DataError(f"{folder / 'bench.json'}: no timings to read; make bench writes them")
    return found


def table_methods(bench: Mapping[str, Any]) -> pd.DataFrame:
    """Each method of the registry: its properties, what ten words cost in forward passes, its reference."""
    rows = [
        {
            "method": method.label,
            "name": name,
            "signed": "yes" if method.signed else "no",
            "resolution": "pixels" if method.pixel_level else "grid",
            "scores words": "yes" if method.linguistic else "no",
            "passes": f"{bench['passes'][name]:,.1f}" if name in bench["passes"] else "not timed",
            "reference": method.reference,
        }
        for name, method in METHODS.items()
    ]
    return pd.DataFrame(rows).set_index("method")


def figure_growth(bench: Mapping[str, Any]) -> Plate:
    """What LRP costs, in forward passes, by the number of words and of pictures and by the picture's size."""
    said = []
    with rc_context(STYLE):
        axes = (figure := Figure((WIDE, 6.5), layout="constrained")).subplots(3)
        for ax, (what, label) in zip(axes, AXES.items(), strict=True):
            at = {int(n): float(passes) for n, passes in bench["growth"][what].items()}
            ax.plot(list(at), list(at.values()), marker="o", color="#2171b5")
            ax.set(xlabel=label, ylabel="forward passes", xticks=list(at), ylim=(0, None))
            ends = [f"{passes:.1f} passes for {n}" for n, passes in (min(at.items()), max(at.items()))]
            said.append(f"{label}: {' and '.join(ends)}")
    return Plate(figure, f"The cost of LRP in forward passes of the encoder by number of {'; '.join(said)}.")

"""What the book asks of Sphinx beyond its configuration: the paper's numbers, and mathematics without a network."""

import importlib.resources
import re
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.domains.math import MathDomain


class PaperMathDomain(MathDomain):
    """An equation labelled `eq-N` carries the paper's number N, wherever in the book it stands."""

    def note_equation(self, docname: str, labelid: str, location: Any = None) -> None:
        super().note_equation(docname, labelid, location)
        if paper := re.fullmatch(r"eq-(\d+)", labelid):
            self.equations[labelid] = (docname, int(paper[1]))


def copy_mathjax(app: Sphinx) -> None:
    """Put MathJax, which the wheel `django-static-mathjax` carries, where `mathjax_path` looks for it."""
    target = Path(app.outdir) / "_static" / app.config.mathjax_path
    target.parent.mkdir(parents=True, exist_ok=True)
    with importlib.resources.as_file(importlib.resources.files("mathjax") / "static/mathjax/es5") as folder:
        shutil.copy(folder / target.name, target)


def without_thebe(app: Sphinx) -> None:
    """Take out an extension that Jupyter Book always loads: its script names a foreign host, and fails when it runs."""
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if not one.handler.__module__.startswith("sphinx_thebe")]
    for files in (app.registry.css_files, app.registry.js_files):
        files[:] = [(name, attributes) for name, attributes in files if "thebe" not in (name or "")]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_domain(PaperMathDomain, override=True)
    app.connect("config-inited", lambda app, config: without_thebe(app))
    app.connect("builder-inited", copy_mathjax)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

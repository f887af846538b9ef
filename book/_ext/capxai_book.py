"""What the book asks of Sphinx beyond its configuration.

The paper's numbers; mathematics without a network; under each figure what made it; docstrings as the prose they are;
and, where the book's repository is known, links to the sources that are in it.
"""

import ast
import html
import importlib.resources
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.domains.math import MathDomain
from sphinx.errors import ExtensionError

import capxai_core
from capxai_core import CapxaiError, load_results
from capxai_core.pipeline.notebooks import read_defaults

# Figures are functions whose names say so, views are public classes.
FIGURE = re.compile(r"cx\.([A-Z]\w+)\(|\b(?:cx\.)?(figure_\w+)\(")
IMPORTED = re.compile(r"from (capxai_core[\w.]*) import ([^\n#]+)")
OF_TABLES = ("CurveView", "MadeUpWords", "figure_curves", "figure_intervals", "figure_roc")  # show `capxai evaluate`'s
DRAWN = "book/true_causes"  # of the drawn scenes, whatever the profile
DATA = '<p class="capxai-data">'  # what a figure with numbers ends with
LAB = "%3Ffactory%3DJupytext%2520Notebook"  # asks JupyterLab to open a text notebook as one


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


def say_what_made_it(app: Sphinx, docname: str, source: list[str]) -> None:
    """Under each figure and view of an executed chapter: its notebook, its function, what it was run with.

    A cell that shows something else than the chapter's profile and model says so in its metadata, `made`, which may
    name parameters in braces. A cell that should show something and does not, stops the build.
    """
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    values = parameters(docname, notebook)
    run = f"{values.get('profile', '')}/{values.get('model', '')}, seed {values.get('seed', '')}"
    evaluated = evaluation(values)
    modules = where_from(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code")
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        check_shown(docname, cell)
        called = ["".join(names) for names in FIGURE.findall(cell["source"])]
        for output in cell["outputs"]:
            shown = "".join(output.get("data", {}).get("text/html", ""))
            if "<img" in shown or "capxai-view" in shown:
                ran = html.escape(evaluated or run if called and called[-1] in OF_TABLES else run)
                ran = html.escape(cell["metadata"].get("made", "").format_map(values)) or ran
                made = f"{link(called[-1], modules)} · {ran} · " if called else f"{ran} · "
                made += f'<a href="../_sources/{docname}.ipynb" download>notebook</a>'
                shown = shown.replace(DATA, f"{DATA}{made} · ") if DATA in shown else f"{shown}{DATA}{made}</p>"
                output["data"]["text/html"] = shown
    source[0] = json.dumps(notebook)


def parameters(docname: str, notebook: dict[str, Any]) -> dict[str, Any]:
    """What the chapter was run with."""
    import nbformat

    given = notebook["metadata"].get("capxai", {}).get("parameters", {})
    shown = {"profile": "scenes"} if docname == DRAWN else {}
    return read_defaults(docname, nbformat.from_dict(notebook)) | given | shown


def evaluation(values: dict[str, Any]) -> str:
    """What the result tables that a chapter shows were made from; nothing where it has none."""
    try:
        results = load_results(values["profile"], values["model"])
    except (CapxaiError, KeyError):
        return ""
    made, few = results.provenance, results.subset.get("images")
    many = f" ({few} of them looked at many times)" if few else ""
    return f"{values['profile']}: evaluation of {made['images']} pictures{many}, seed {made['seed']}"


def where_from(sources: Iterable[str]) -> dict[str, str]:
    """The module of each name that a chapter's cells import from the package."""
    lines = [found for source in sources for found in IMPORTED.findall(source)]
    return {name.strip(): module for module, names in lines for name in names.split(",")}


def check_shown(docname: str, cell: dict[str, Any]) -> None:
    """`ExtensionError` for a cell that ends with a value and has no output: the page would miss a figure."""
    statements = ast.parse(re.sub(r"(?m)^%.*", "", cell["source"])).body
    ends_with_value = statements and isinstance(statements[-1], ast.Expr)
    if ends_with_value and not cell["outputs"]:
        raise ExtensionError(f"{docname}: this cell shows nothing; execute the chapter anew\n{cell['source']}")


def plain_text(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """The package's docstrings are prose: outside backticks no character of theirs is meant as markup."""
    text = "\n".join(line.strip() for line in lines)
    parts = [re.sub(r"[\\|*_]", r"\\\g<0>", part) if i % 2 == 0 else part for i, part in enumerate(text.split("`"))]
    lines[:] = "`".join(parts).split("\n")


def link(name: str, modules: dict[str, str]) -> str:
    """A public name as a link to its place in the reference, a page beside the chapters; others with their module."""
    if name in capxai_core.__all__:
        return f'<a href="api.html#capxai_core.{name}"><code>{name}</code></a>'
    return f"<code>{modules.get(name, 'capxai_core')}.{name}</code>"


def origin() -> str:
    """The page of the repository that this clone came from, where that is on GitHub; else nothing."""
    asked = ["git", "-C", str(Path(__file__).parent), "remote", "get-url", "origin"]
    try:
        found = subprocess.run(asked, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return github(found)


def github(remote: str) -> str:
    """The page of a repository on GitHub from what git calls it; nothing for other hosts and folders."""
    found = re.fullmatch(
        r"(?:https://(?:[^@/]+@)?|git@|ssh://git@)github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?", remote
    )
    return f"https://github.com/{found[1]}" if found else ""


def name_repository(app: Sphinx, config: Any) -> None:
    """Links to edit, to run on Binder and to the repository: the one named, or the clone's origin on GitHub."""
    if repository := config.capxai_repository or origin():
        config.html_theme_options |= {
            "repository_url": repository,
            "repository_branch": "main",
            "use_repository_button": True,
            "use_edit_page_button": True,
            "launch_buttons": {"binderhub_url": "https://mybinder.org", "notebook_interface": "jupyterlab"},
        }


def point_at_sources(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """The buttons' links name the chapter's text in the repository, not the executed notebook, which is not there."""
    executed = f"{page}.ipynb"
    if not (Path(app.srcdir) / f"{page}.py").exists():
        return
    groups = context.get("header_buttons", [])
    for button in [*groups, *(one for group in groups for one in group.get("buttons", []))]:
        url = button.get("url", "")
        if url.startswith("https:") and url.endswith(executed):
            button["url"] = url.removesuffix("ipynb") + ("py" + LAB if "urlpath=" in url else "py")


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_domain(PaperMathDomain, override=True)
    app.add_config_value("capxai_repository", os.environ.get("CAPXAI_REPOSITORY", ""), "html")
    app.connect("config-inited", lambda app, config: without_thebe(app))
    app.connect("config-inited", name_repository)
    app.connect("builder-inited", copy_mathjax)
    app.connect("autodoc-process-docstring", plain_text)
    app.connect("source-read", say_what_made_it)
    app.connect("html-page-context", point_at_sources, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

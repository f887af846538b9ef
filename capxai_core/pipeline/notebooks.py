"""Execute the book's chapters in batch: papermill on the text notebooks, resumable, with provenance."""

import ast
import contextlib
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from capxai_core.errors import CapxaiError, RequestError
from capxai_core.files import atomic, digest
from capxai_core.models.captioner import find_weights
from capxai_core.pipeline.profiles import data_root, find_profile


def run_notebooks(
    chapters: Sequence[str] = (), parameters: Mapping[str, Any] | None = None, root: Path = Path()
) -> list[Path]:
    """Execute chapters of the book under `root` and write each as `book/<chapter>.ipynb`.

    chapters: names such as `3_methodology`, all by default. parameters: values for the chapters' `parameters` cells,
    as text (read by the type of the default) or as Python values. A chapter whose text, parameters, weights, data,
    package and versions are those of the last run is not executed again. Everything is checked before anything is
    run: `RequestError` names a chapter, parameter or profile that does not exist, `ModelError` and `DataError` what
    is missing of weights and data; `CapxaiError` names the cell that failed, and leaves the last good notebook as it
    was.
    """
    try:
        import jupytext
        import nbformat
    except ImportError:
        raise RequestError("running chapters needs jupytext and papermill: pip install 'capxai[book]'") from None

    jobs = []
    for source in find_chapters(chapters, root):
        text = source.read_text(encoding="utf-8")
        notebook = jupytext.reads(text, fmt="py:percent")
        defaults = read_defaults(source.stem, notebook)
        values = check_parameters(source.stem, defaults, parameters or {})
        digest = fingerprint(text, values, identify_inputs(defaults | values, root))
        jobs.append((source, notebook, values, digest))
    written = []
    for i, (source, notebook, values, digest) in enumerate(jobs, 1):
        target = source.with_suffix(".ipynb")
        if _is_up_to_date(target, digest):
            print(f"[{i}/{len(jobs)}] {source.stem}: up to date", file=sys.stderr)
        else:
            executed = _execute(source, notebook, values, root, f"[{i}/{len(jobs)}] {source.stem}")
            executed.metadata["capxai"] = {"fingerprint": digest, "parameters": values}
            with atomic(target) as partial:
                nbformat.write(executed, partial)
        written.append(target)
    return written


def find_chapters(names: Sequence[str], root: Path) -> list[Path]:
    """The sources `root/book/<name>.py`, in order of name; all where no names are given."""
    known = {path.stem: path for path in sorted((root / "book").glob("*.py"))}
    if not known:
        raise RequestError(f"{root.resolve() / 'book'}: no chapters here; run this in a clone of the project")
    for name in names:
        if name not in known:
            raise RequestError(f"there is no chapter {name!r}; the chapters are {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names or known)]


def read_defaults(chapter: str, notebook: Any) -> dict[str, Any]:
    """What the chapter's one cell tagged `parameters` assigns."""
    cells = [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise RequestError(f"{chapter}: {len(cells)} cells are tagged 'parameters', but one must be")
    return {
        target.id: ast.literal_eval(statement.value)
        for statement in ast.parse(cells[0]).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def check_parameters(chapter: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given values as the types of the chapter's defaults; `RequestError` names what is unknown or no such type."""
    for name in given:
        if name not in defaults:
            raise RequestError(f"{chapter} has no parameter {name!r}; it has {', '.join(defaults)}")
    return {name: _as_type_of(defaults[name], value, f"{chapter}: parameter {name}") for name, value in given.items()}


TRUTH = {"true": True, "false": False}
READERS: dict[type, Callable[[str], Any]] = {int: int, float: float, bool: lambda text: TRUTH[text.lower()]}


def _as_type_of(default: Any, given: Any, what: str) -> Any:
    wanted = type(default)
    value = given
    if isinstance(given, str) and wanted is not str:
        with contextlib.suppress(ValueError, KeyError, SyntaxError, TypeError):  # what stays text is refused below
            value = READERS.get(wanted, ast.literal_eval)(given)
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        kind = "bool (true or false)" if wanted is bool else wanted.__name__
        raise RequestError(f"{what} must be {kind}, like its default {default!r}, and {given!r} is not")
    return value


INPUTS = (
    "runs/*/*/captioner.safetensors", "results/*/*/*.*", "results/*/*/photographs/*", "results/*/*/tuned/*",
    "benchmarks/bench.json",
)  # fmt: skip


def identify_inputs(values: Mapping[str, Any], root: Path) -> list[Any]:
    """What identifies the weights, data and results behind a chapter's `profile` and `model`; nothing without both.

    As the chapter will, this looks from `root`. Errors: see `find_profile`, `data_root` and `find_weights`.
    """
    if not {"profile", "model"} <= values.keys():
        return []
    with contextlib.chdir(root):
        profile = find_profile(values["profile"])
        found: list[Any] = []
        if profile.needs_data:
            folder = data_root(None)
            annotations = [(str(path), path.stat()) for path in sorted((folder / profile.name).rglob("*.json"))]
            found = [str(folder), *((path, stat.st_size, stat.st_mtime_ns) for path, stat in annotations)]
        find_weights(f"{profile.name}/{values['model']}")
        files = sorted(path for pattern in INPUTS for path in Path().glob(pattern))
        return [*found, *((str(path), digest(path)) for path in files)]


def fingerprint(text: str, parameters: Mapping[str, Any], inputs: Sequence[Any]) -> str:
    """What a chapter's result depends on, as a hash: its text, parameters, inputs, the package and versions."""
    digest = hashlib.sha256(repr((text, sorted(parameters.items()), inputs)).encode())
    digest.update(repr([sys.version, *(version(name) for name in ("torch", "numpy", "matplotlib"))]).encode())
    package = Path(__file__).parents[1]
    for path in sorted(p for p in package.rglob("*") if p.is_file() and p.suffix != ".pyc"):
        digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _is_up_to_date(target: Path, digest: str) -> bool:
    try:
        content = json.loads(target.read_text(encoding="utf-8"))
        return bool(content["metadata"]["capxai"]["fingerprint"] == digest)
    except (FileNotFoundError, ValueError, LookupError, TypeError):  # missing, half-written or not ours
        return False


def _execute(source: Path, notebook: Any, parameters: dict[str, Any], root: Path, label: str) -> Any:
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    try:
        executed = papermill.execute_notebook(
            notebook,
            None,  # written below, whole or not at all
            parameters=parameters,
            kernel_name="python3",
            language="python",
            cwd=root,
            progress_bar={"desc": label},
            config=Config(KernelManager={"transport": "ipc"}),  # nobody else on the machine can listen
        )
    except PapermillExecutionError as error:
        raise CapxaiError(
            f"{source.stem}: cell {error.exec_count} failed with {error.ename}: {error.evalue}\n"
            + "\n".join(f"    {line}" for line in error.source.splitlines())
        ) from error
    except DeadKernelError:
        raise CapxaiError(f"{source.stem}: the notebook's kernel died, perhaps for want of memory") from None
    return _tidy(executed)


def _tidy(notebook: Any) -> Any:
    """Keep what a reader of the page needs and nothing that changes from run to run.

    Views bring their own HTML, so the state and references of live widgets go; times, random names and addresses too.
    """
    for name in ("widgets", "papermill"):
        notebook.metadata.pop(name, None)
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i}"
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.metadata.tags.append("remove-cell")
        for output in cell.get("outputs", []):
            forms = output.get("data", {})
            forms.pop("application/vnd.jupyter.widget-view+json", None)
            if "text/html" in forms:
                forms.pop("text/plain", None)
    return notebook

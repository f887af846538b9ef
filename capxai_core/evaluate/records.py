"""Streaming an evaluation over many images: Parquet parts, written whole or not at all, and where they came from."""

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch
from joblib import Parallel, delayed, parallel_config
from rich.console import Console
from rich.progress import track
from threadpoolctl import threadpool_limits
from torch import Tensor

from capxai_core.data.examples import Example
from capxai_core.errors import DataError
from capxai_core.files import read_facts, write_facts
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.gradient import Gradient, gradients
from capxai_core.methods.guided import product
from capxai_core.methods.registry import METHODS, explain
from capxai_core.models.captioner import Captioner
from capxai_core.models.explainable import Caption

PART, FEW = 64, 8  # images that are kept together: some minutes of work, in passes that look once or many times
# Half of the usual steps: maps agree with those of 64 to 0.98 (cosine of the grid's cells), in half of the time.
OPTIONS: Mapping[str, Mapping[str, Any]] = {"integrated_gradients": {"steps": 16}}
Tables = Mapping[str, list[dict[str, Any]]]
T = TypeVar("T")


@dataclass(frozen=True)
class Explained:
    """An example, what the model said of it, and why it said some of the words or all, by each method."""

    example: Example
    image: Tensor
    caption: Caption
    explanations: Mapping[str, Explanation]


def explained(
    model: Captioner,
    examples: Sequence[Example],
    methods: Sequence[str],
    only: Collection[str] | None = None,
    options: Mapping[str, Mapping[str, Any]] = OPTIONS,
) -> Iterator[Explained]:
    """Caption and explain the examples one by one; what methods share is done once, and nothing kept for the next.

    only: the words to explain where a caption has them, all by default; no explanations where it has none. options: of
    some of the methods.
    """
    for example in examples:
        image = example.image()
        caption, found = model.caption(image), dict[str, Explanation]()
        positions, shared = tuple(p for p, word in enumerate(caption.words) if only is None or word in only), None
        of = {name: METHODS[name] for name in methods} if positions else {}
        for name, method in of.items():
            if isinstance(method, Gradient):
                shared = shared or gradients(model, image, caption, positions)
                found[name] = method.of(shared, caption, positions).cpu()
            elif name == "guided_gradcam" and {"guided_backprop", "gradcam"} <= found.keys():
                found[name] = product(found["guided_backprop"], found["gradcam"])
            else:
                found[name] = explain(model, image, caption, name, positions, **options.get(name, {}))
        yield Explained(example, image, caption, found)


def parts(
    folder: Path,
    examples: Sequence[Example],
    rows: Callable[[Sequence[Example]], Tables],
    provenance: Mapping[str, Any],
    size: int,
    again: bool = False,
) -> list[Callable[[], None]]:
    """What is left to do to have the tables that `rows` makes of each `size` examples in `folder`.

    Each task writes one `part-0000/<table>.parquet` and so on, whole or not at all; parts that are there are left out,
    so that an interrupted evaluation goes on. provenance: goes to `folder/provenance.json`; `DataError` where that
    tells of another one, or, `again`, the folder is emptied.
    """
    starts = range(0, len(examples), size)
    _agree(folder, {**provenance, "parts": len(starts)}, again)
    made = ((folder / f"part-{i:04d}", examples[start : start + size]) for i, start in enumerate(starts))
    return [partial(_write, part, some, rows) for part, some in made if not part.is_dir()]


def _write(part: Path, examples: Sequence[Example], rows: Callable[[Sequence[Example]], Tables]) -> None:
    unfinished = part.with_name(part.name + ".partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    for name, made in rows(examples).items():
        pd.DataFrame(made).to_parquet(unfinished / f"{name}.parquet", index=False)
    unfinished.rename(part)


def work(tasks: Sequence[Callable[[], T]], jobs: int, what: str) -> list[T]:
    """The results of the tasks, `jobs` of them at a time in processes of their own, with progress; 1: in this one.

    Each task has one thread: the last bit of a sum hangs on how many share it, and must not on who computes it.
    """
    console = Console(stderr=True)
    with parallel_config("loky", inner_max_num_threads=1) if jobs > 1 else nullcontext():
        found = Parallel(jobs, return_as="generator")(delayed(_alone)(task) for task in tasks)
        return list(track(found, what, len(tasks), console=console, transient=True, disable=not console.is_terminal))


def _alone(task: Callable[[], T]) -> T:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            return task()
    finally:
        torch.set_num_threads(threads)


def read_records(folder: Path, table: str) -> pd.DataFrame | None:
    """A table of all parts in `folder`, in the order of the images; None where no part has it."""
    parts = [pd.read_parquet(path) for path in sorted(folder.glob(f"part-????/{table}.parquet"))]
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else (parts[0] if parts else None)


def read_all(folder: Path, passes: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Every table of these passes, each of which has its parts in a folder of its name in `folder`."""
    found: dict[str, pd.DataFrame] = {}
    for place in (folder / name for name in passes):
        for name in sorted({path.stem for path in place.glob("part-????/*.parquet")}):
            table = read_records(place, name)
            assert table is not None
            found[name] = table
    return found


def _agree(folder: Path, provenance: Mapping[str, Any], again: bool) -> None:
    path, wanted = folder / "provenance.json", json.loads(json.dumps(provenance))
    found = read_facts(path) if path.is_file() or any(folder.glob("part-*")) else wanted
    for key in sorted(wanted.keys() | found.keys()):
        if found.get(key) != wanted.get(key) and not again:
            raise DataError(
                f"{folder}: holds results of another {key} ({found.get(key)}, not {wanted.get(key)}); "
                "with --again the same command deletes them and begins anew"
            )
    if found != wanted:
        old = folder.with_name(f".{folder.name}")  # nothing of it is taken for the new, whenever this is interrupted
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(folder.rename(old))
    write_facts(wanted, path)

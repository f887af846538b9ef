"""A profile from beginning to end: each step is a command of its own, which goes on where it was interrupted."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.table import Table

from capxai_core.data.fetch import SOURCES
from capxai_core.errors import CapxaiError
from capxai_core.files import write_facts
from capxai_core.models.captioner import DECODERS
from capxai_core.pipeline.notebooks import find_chapters
from capxai_core.pipeline.profiles import data_root, find_profile

INTERRUPTED = 130
# Trained on for a reward, and from what.
FURTHER = {"adaptive_recall": "adaptive", "grid_td_cider": "grid_td", "grid_td_recall": "grid_td"}
# Minutes on two cores with VGG16, a first guess until the steps themselves have told: for an image trained on, one
# explained by all fast methods, one looked at many times (in bfloat16), one tuned on, and a chapter. The encoder of
# `scenes` takes that part of it.
TRAINED, EXPLAINED, LOOKED_AT, TUNED, CHAPTER, SMALLER = 0.009, 0.06, 0.7, 0.018, 2, 0.1
# Kinds of steps that begin anew in every run; the others go on from what they have kept.
ANEW = ("check", "quality", "photographs", "ledger")


@dataclass(frozen=True)
class Step:
    """A command. kind: steps of the same kind take about as long; minutes: a first guess of how long."""

    kind: str
    what: str
    command: tuple[str, ...]
    minutes: float

    @property
    def name(self) -> str:
        """As it is told and recorded."""
        return f"{self.kind} {self.what}".strip()


def steps_of(name: str, jobs: int | None = None) -> list[Step]:
    """What makes every number of a profile. The weights of `scenes` ship with the package and are not trained anew."""
    profile = find_profile(name)
    chapters = find_chapters((), Path())
    on, (n, subset) = ("--profile", name), profile.judged
    several = ("--jobs", str(jobs)) if jobs else ()
    short = ("--bfloat16",) if profile.needs_data else ()
    spread = ("--n", str(n), "--subset", str(subset), *short, "--again", *several)
    listed = sum(source.files for source in SOURCES.get(name, ()))
    steps: list[tuple[str, str, tuple[str, ...], float]] = [("check", "data", ("data", "check", name), 1.0)]
    if profile.needs_data:
        trained = TRAINED * listed
        steps += [("train", m, ("train", *on, "--model", m), trained) for m in DECODERS]
        for m, start in FURTHER.items():
            reward = ("--reward", m.removeprefix(f"{start}_"), "--again")
            steps.append(("reward", m, ("train", *on, "--model", start, *reward), trained))
        for m, split in product((*DECODERS, *FURTHER), ("val", "test")):
            than = ("--against", f"{name}/{FURTHER[m]}") if m in FURTHER and split == "test" else ()
            command = ("quality", "--model", f"{name}/{m}", "--split", split, *than)
            steps.append(("quality", f"{m} {split}", command, 6.0 if than else 3.0))
    minutes = (EXPLAINED * n + LOOKED_AT * subset) * (1 if profile.needs_data else SMALLER)
    steps += [("evaluate", m, ("evaluate", *on, "--model", m, *spread), minutes) for m in DECODERS]
    if profile.needs_data:
        fast = ("--n", str(n), "--subset", "0", "--again", *several)
        steps += [("evaluate once", m, ("evaluate", *on, "--model", m, *fast), EXPLAINED * n) for m in FURTHER]
        steps += [("photographs", m, ("photographs", "--model", f"{name}/{m}"), 1.0) for m in (*DECODERS, *FURTHER)]
        tuned = ("tune", *on, "--model", "adaptive", "--variants", "1", "--maps", "256", "--epochs", "1", "--again")
        steps += [("tune", "adaptive", (*tuned, *several), TUNED * listed)]
        # Chapters compare with them, and the page on true causes is of nothing else.
        steps += [("drawn scenes", "", ("evaluate", "--profile", "scenes", "--again", *several), 8.0)]
    parameters = ("-p", "profile", name) if profile.needs_data else ()
    steps += [("chapters", "", ("run", *parameters), CHAPTER * len(chapters)), ("ledger", "", ("ledger", *on), 0.1)]
    program = (sys.executable, "-m", "capxai_core.cli")
    return [Step(kind, what, (*program, *command), minutes) for kind, what, command, minutes in steps]


def reproduce(steps: Sequence[Step], record: Path, data: Path | None = None) -> None:
    """Run the steps in order. record: JSON file with the seconds spent on each, in all runs, and whether it was done.

    Every step is called again in every run: that it was done only says how long to wait for it, not at all where it
    goes on from what it has kept, and as long as it last took where it begins anew.
    `CapxaiError` names the step that failed; `KeyboardInterrupt` where it was interrupted.
    """
    console = Console(stderr=True)
    spent: dict[str, dict[str, float]] = {}
    with contextlib.suppress(OSError, ValueError):  # none yet, or damaged: only the times spent are lost
        spent = json.loads(record.read_text())
    environment = dict(os.environ) | ({"CAPXAI_DATA": str(data)} if data else {})
    for i, step in enumerate(steps):
        console.print(overview(steps, spent, i))
        own, started = spent.setdefault(step.name, {"seconds": 0.0, "done": False}), monotonic()
        process = subprocess.Popen(step.command, env=environment)
        try:
            code = process.wait()
        except (KeyboardInterrupt, SystemExit) as stopped:
            code = INTERRUPTED
            if isinstance(stopped, SystemExit):  # unlike a terminal's interrupt, it reached this process alone
                process.terminate()
            process.wait()
        took = monotonic() - started + (0 if step.kind in ANEW else own["seconds"])
        own.update(seconds=took, done=own["done"] or code == 0)
        write_facts(spent, record)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if code:
            told = f"step '{step.name}' failed (exit code {code}); mend what it says above, then run the same command"
            raise CapxaiError(f"{told} again: it goes on from there")


def left(step: Step, steps: Sequence[Step], spent: dict[str, dict[str, float]]) -> float:
    """Seconds that a step will yet take: as long in all as another of its kind, or as the first guess says."""
    own, anew = spent.get(step.name, {"seconds": 0.0, "done": False}), step.kind in ANEW
    if own["done"]:
        return own["seconds"] if anew else 0.0
    like = [spent[s.name]["seconds"] for s in steps if s.kind == step.kind and spent.get(s.name, own)["done"]]
    return max(0.0, (max(like) if like else step.minutes * 60) - (0.0 if anew else own["seconds"]))


def overview(steps: Sequence[Step], spent: dict[str, dict[str, float]], now: int) -> Table:
    """The steps with the time spent on each and about left; now: the one that begins."""
    table = Table(title="about " + duration(sum(left(step, steps, spent) for step in steps[now:])) + " left")
    for column in ("", "step", "spent", "left, about"):
        table.add_column(column)
    for i, step in enumerate(steps):
        seconds, rest = spent.get(step.name, {"seconds": 0.0})["seconds"], left(step, steps, spent)
        mark = "✓" if i < now else "▶" if i == now else ""
        table.add_row(mark, step.name, duration(seconds) if seconds else "", duration(rest) if i >= now else "")
    return table


def duration(seconds: float) -> str:
    """`2 h 05 min`, `7 min`, `12 s`."""
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min" if minutes else f"{seconds:.0f} s"


def reproduce_profile(name: str, data: Path | None = None, jobs: int | None = None) -> None:
    """Check, train, judge the captions, evaluate, photographs, tune, chapters, ledger; see `reproduce`."""
    root = data_root(data).resolve() if find_profile(name).needs_data else None
    reproduce(steps_of(name, jobs), Path("runs") / name / "reproduce.json", root)

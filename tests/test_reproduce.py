"""A profile whole: the steps in order, interrupted and gone on with, and what is told of the time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import capxai_core as cx
from capxai_core.pipeline.reproduce import Step, duration, left, overview, reproduce, steps_of

WRITE = "import sys, pathlib; log = pathlib.Path({log!r}); log.write_text(log.read_text() + {word!r}); {then}"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log"
    path.write_text("")
    return path


def step(log, kind, what="", then="", minutes=1.0):
    program = WRITE.format(log=str(log), word=f"{kind}{what} ", then=then)
    return Step(kind, what, (sys.executable, "-c", program), minutes)


def test_steps_run_in_order_and_an_interrupted_run_goes_on(tmp_path, log):
    once = "sys.exit(130 if log.read_text().count('train') < 2 else 0)"
    steps = [step(log, "check"), step(log, "train", then=once), step(log, "ledger")]
    record = tmp_path / "runs" / "reproduce.json"
    with pytest.raises(KeyboardInterrupt):
        reproduce(steps, record)
    assert log.read_text() == "check train "
    before = json.loads(record.read_text())
    assert [before[name]["done"] for name in ("check", "train")] == [True, False]
    reproduce(steps, record)
    assert log.read_text() == "check train check train ledger "
    after = json.loads(record.read_text())
    assert all(after[s.name]["done"] for s in steps) and after["train"]["seconds"] > before["train"]["seconds"] > 0


def test_what_begins_anew_in_every_run_is_waited_for_again():
    steps = [Step("quality", "test", (), 3.0), Step("evaluate", "adaptive", (), 60.0)]
    spent = {step.name: {"seconds": 50.0, "done": True} for step in steps}
    assert [left(step, steps, spent) for step in steps] == [50.0, 0.0]
    spent = {step.name: {"seconds": 50.0, "done": False} for step in steps}  # interrupted
    assert [left(step, steps, spent) for step in steps] == [180.0, 3550.0]


def test_a_step_that_fails_ends_the_run_and_is_named(tmp_path, log):
    steps = [step(log, "train", "adaptive", "sys.exit(2)"), step(log, "ledger")]
    with pytest.raises(cx.CapxaiError, match=r"step 'train adaptive' failed \(exit code 2\).*it goes on from there"):
        reproduce(steps, tmp_path / "reproduce.json")
    assert log.read_text() == "trainadaptive "


TERMINATED = """
import sys
from pathlib import Path
from capxai_core import cli
from capxai_core.pipeline.reproduce import Step, reproduce

WAITS = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"

@cli.app.command()
def whole():
    reproduce([Step("train", "", (sys.executable, "-c", WAITS), 1.0)], Path("reproduce.json"))

sys.argv = ["capxai", "whole"]
cli.main()
"""


def test_a_run_that_a_cluster_ends_ends_its_step_too(tmp_path):
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", TERMINATED], cwd=tmp_path, text=True, **pipes) as run:
        inner = int(run.stdout.readline())
        run.terminate()
        assert run.wait() == 130 and "run the same command again" in run.stderr.read()
        with pytest.raises(ProcessLookupError):
            os.kill(inner, 0)
    assert json.loads((tmp_path / "reproduce.json").read_text())["train"]["done"] is False


def test_steps_find_the_data_folder(tmp_path, log):
    then = "import os; log.write_text(os.environ['CAPXAI_DATA'])"
    reproduce([step(log, "check", then=then)], tmp_path / "reproduce.json", tmp_path)
    assert log.read_text() == str(tmp_path)


def test_time_left_is_guessed_then_known_from_a_step_of_the_same_kind(log):
    steps = [step(log, "train", "a", minutes=10), step(log, "train", "b", minutes=10), step(log, "ledger", minutes=1)]

    def lefts(**spent):
        told = {name.replace("_", " "): {"seconds": s, "done": done} for name, (s, done) in spent.items()}
        return [left(s, steps, told) for s in steps]

    assert lefts() == [600, 600, 60]
    assert lefts(train_a=(200, False)) == [400, 600, 60]
    assert lefts(train_a=(1500, True)) == [0, 1500, 60]
    assert lefts(train_a=(1500, True), train_b=(1600, False)) == [0, 0, 60]
    assert overview(steps, {"train a": {"seconds": 1500.0, "done": True}}, 1).title == "about 26 min left"
    assert [duration(s) for s in (12.3, 100, 3600 * 5 + 240)] == ["12 s", "2 min", "5 h 04 min"]


def test_a_profile_of_photographs_is_checked_trained_evaluated_shown_and_judged(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    steps = steps_of("flickr8k", jobs=3)
    assert [s.name for s in steps] == [
        "check data",
        "train adaptive",
        "train grid_td",
        "reward adaptive_recall",
        "reward grid_td_cider",
        "reward grid_td_recall",
        "quality adaptive val",
        "quality adaptive test",
        "quality grid_td val",
        "quality grid_td test",
        "quality adaptive_recall val",
        "quality adaptive_recall test",
        "quality grid_td_cider val",
        "quality grid_td_cider test",
        "quality grid_td_recall val",
        "quality grid_td_recall test",
        "evaluate adaptive",
        "evaluate grid_td",
        "evaluate once adaptive_recall",
        "evaluate once grid_td_cider",
        "evaluate once grid_td_recall",
        "photographs adaptive",
        "photographs grid_td",
        "photographs adaptive_recall",
        "photographs grid_td_cider",
        "photographs grid_td_recall",
        "tune adaptive",
        "drawn scenes",
        "chapters",
        "ledger",
    ]
    told = {s.name: " ".join(s.command) for s in steps}
    evaluation = "evaluate --profile flickr8k --model adaptive --n 1000 --subset 200 --bfloat16 --again --jobs 3"
    assert told["evaluate adaptive"].endswith(evaluation)
    assert told["reward grid_td_cider"].endswith("train --profile flickr8k --model grid_td --reward cider --again")
    assert told["quality grid_td_cider val"].endswith("quality --model flickr8k/grid_td_cider --split val")
    compared = "--model flickr8k/grid_td_cider --split test --against flickr8k/grid_td"
    assert told["quality grid_td_cider test"].endswith(compared)
    tuned = "tune --profile flickr8k --model adaptive --variants 1 --maps 256 --epochs 1 --again --jobs 3"
    assert told["tune adaptive"].endswith(tuned)
    assert told["chapters"].endswith("run -p profile flickr8k")
    assert [s.kind for s in steps_of("scenes")] == ["check", "evaluate", "evaluate", "chapters", "ledger"]


def test_the_commands_of_the_steps_exist(monkeypatch):
    import typer.main

    from capxai_core.cli import app

    monkeypatch.chdir(Path(__file__).parents[1])
    for profile in ("scenes", "coco2017"):
        for words in (list(s.command[3:]) for s in steps_of(profile, jobs=2)):
            command = typer.main.get_command(app)
            while hasattr(command, "commands"):
                command = command.commands[words.pop(0)]
            command.make_context("capxai", words)  # raises for an unknown option


def test_what_is_wrong_is_told_before_anything_runs(tmp_path, monkeypatch):
    from capxai_core.pipeline.reproduce import reproduce_profile

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CAPXAI_DATA", raising=False)
    for name, data, message in [
        ("imagenet", None, "unknown profile"),
        ("flickr8k", None, "set CAPXAI_DATA"),
        ("flickr8k", tmp_path, "no chapters here; run this in a clone"),
    ]:
        with pytest.raises(cx.CapxaiError, match=message):
            reproduce_profile(name, data)
    assert not list(tmp_path.iterdir())

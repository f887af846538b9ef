"""What all tests share: the browser, and the closing lines that name what did not run."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

if "PYTEST_XDIST_WORKER" in os.environ:  # processes share the cores already; read when torch is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("same", derandomize=True)
if os.environ.get("CAPXAI_REQUIRE_ALL"):  # where a red run costs most, each tries the same examples
    settings.load_profile("same")

LONG = ("test_suite.py", "test_tuning.py", "test_quality.py", "test_own_captioner.py")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND"]


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """A headless Chromium that can reach no host."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("no Chromium was found: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def site(browser: "Browser") -> Path:
    """The folder of the built book; CI builds it before it tests."""
    folder = Path(__file__).parents[1] / "_build" / "html"
    if not (folder / "index.html").exists():
        pytest.skip("the book is not built: make book")
    return folder


@pytest.fixture
def quick_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """METEOR and F_BERT, whose programs take seconds to start, cannot be had; test_caption_metrics is about them."""
    from capxai_core.evaluate import captions

    def lacking(*_: object) -> str:
        raise captions.NotComputed("the test does without")

    monkeypatch.setattr(captions, "_path_with_java", lacking)
    monkeypatch.setitem(captions.METRICS, (captions.F_BERT,), lacking)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes first, or one process would end the run alone."""
    items.sort(key=lambda item: item.path.name not in LONG)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was not run and how to get it."""
    skipped = terminalreporter.stats.get("skipped", [])
    for reason, n in Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped).items():
        terminalreporter.write_line(f"NOT RUN: {n} test{'s' * (n > 1)}, because {reason}", yellow=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where all tests must run, one that did not is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CAPXAI_REQUIRE_ALL") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

"""Time the built book's pages: `make pages` prints when each can be read, when its first view can be used, its size.

Read from disk by a fresh Chromium that reaches no host. In milliseconds from the request; a view is usable when its
map is painted and answers to its words. Asked for: 2 seconds, 2.5 MB.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.table import Table

FLAGS = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
PAINTED = "() => performance.getEntriesByType('paint').at(-1)?.startTime ?? 0"
USABLE = "() => document.querySelector('.capxai :is(canvas, .masking, .curve)') && performance.now()"


def main() -> None:
    """Print a row for each page of the book."""
    pages = sorted((Path(__file__).parents[1] / "_build" / "html" / "book").glob("*.html"))
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not pages or browser is None:
        sys.exit("this needs the built book (make book) and Chromium (apt-get install chromium)")
    table = Table("page", "kB", "readable, ms", "first view, ms")
    with sync_playwright() as playwright:
        for page in pages:
            running = playwright.chromium.launch(executable_path=browser, args=FLAGS)
            tab = running.new_page()
            tab.goto(page.as_uri(), wait_until="commit")
            views = "capxai-view" in page.read_text()
            usable = tab.wait_for_function(USABLE, polling=20).json_value() if views else None
            tab.wait_for_load_state()
            first = "–" if usable is None else f"{usable:.0f}"
            table.add_row(page.stem, f"{page.stat().st_size / 1e3:.0f}", f"{tab.evaluate(PAINTED):.0f}", first)
            running.close()
    Console().print(table)


if __name__ == "__main__":
    main()

"""Speed of the review page in a headless Chromium: 20,000 reports opened, searched, and stepped through by keys.

With --write the figures are stored in results.json.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from selip_contracts.database_file import read_store
from selip_extract.pages.review_page import review_page
from tests.benchmarks.figures import Figure, keep, machine, show
from tests.browser import Page, chromium
from tests.extract.databases import read_with_rules

REPORTS = 20_000
REPEATED = 20
# Each measurement includes the layout that the change causes.
SEARCHING = """const field = byId("filters").elements.search;
field.value = field.value === "左侧" ? "左侧额" : "左侧";
field.dispatchEvent(new Event("input", { bubbles: true }));
document.body.getBoundingClientRect();"""
CLEARING = "filterBy({});"
PRESSING = """document.body.dispatchEvent(new KeyboardEvent("keydown", { key: arguments[0], bubbles: true }));
document.body.getBoundingClientRect();"""


def figures(folder: Path) -> Iterator[Figure]:
    """Time to write the page, and the processor's time in the browser: other programs do not change it."""
    database = read_with_rules(folder, REPORTS)
    before = time.process_time()
    with read_store(database) as connection:
        page = review_page(connection, database.name, 1, REPORTS)
    yield Figure(f"making the page of {REPORTS:,} reports", time.process_time() - before, "s")
    path = folder / "review.html"
    path.write_text(page, encoding="utf-8")
    yield Figure("its size", path.stat().st_size / 1e6, "MB")
    with chromium(folder) as browser:
        browser.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        browser.open(path)
        yield Figure("opening it", _busy(browser), "ms", "under 1,000")
        yield Figure("a key in the search", _each(browser, SEARCHING), "ms", "under 100")
        browser.run(CLEARING)
        yield Figure("the next report (j)", _each(browser, PRESSING, "j"), "ms", "under 100")
        yield Figure("checked, and the next report (space)", _each(browser, PRESSING, " "), "ms", "under 100")


def _each(browser: Page, script: str, *values: str) -> float:
    before = _busy(browser)
    for _ in range(REPEATED):
        browser.run(script, *values)
    return (_busy(browser) - before) / REPEATED


def _busy(browser: Page) -> float:
    """Milliseconds that the page's thread has worked."""
    metrics = browser.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")) * 1000


def main() -> None:
    """Measure and print the figures; with --write, store them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the figures in results.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = show(f"The review page ({machine()})", figures(Path(folder)))
    if arguments.write:
        keep("review", measured)


if __name__ == "__main__":
    main()

"""Speed of the review page in a headless Chromium on this machine: 2,000 reports opened, filtered, and stepped through.

With --write the figures are stored in results.json.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from selip_contracts.database_file import read_store
from selip_extract.pages.review_page import review_page
from tests.benchmarks.figures import Figure, keep, machine, show
from tests.browser import Page, chromium
from tests.extract.databases import read_with_rules

REPORTS = 2_000
REPEATED = 5
LOADING = "return performance.getEntriesByType('navigation')[0].duration"
# Each measurement includes the layout that the change causes.
FILTERING = """const start = performance.now();
filterBy({sequence: "DWI", site: "大脑半球", signal: "高"});
document.body.getBoundingClientRect();
const took = performance.now() - start;
filterBy({});
return took;"""
STEPPING = """const start = performance.now();
for (let i = 0; i < 20; i++) { step(1); document.body.getBoundingClientRect(); }
return (performance.now() - start) / 20;"""


def figures(folder: Path) -> Iterator[Figure]:
    """Time to write the page, and times in the browser."""
    database = read_with_rules(folder, REPORTS)
    before = time.perf_counter()
    with read_store(database) as connection:
        page = review_page(connection, database.name, 1, REPORTS)
    yield Figure(f"making the page of {REPORTS:,} reports", time.perf_counter() - before, "s")
    path = folder / "review.html"
    path.write_text(page, encoding="utf-8")
    yield Figure("its size", path.stat().st_size / 1e6, "MB")
    with chromium(folder) as browser:
        measured = [_once(browser.open(path)) for _ in range(REPEATED)]
    for name, took in zip(("opening it", "filtering", "the next report"), zip(*measured, strict=True), strict=True):
        yield Figure(name, median(took), "ms", "under 1,000")


def _once(page: Page) -> tuple[float, float, float]:
    return page.run(LOADING), page.run(FILTERING), page.run(STEPPING)


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

"""The extraction by one process, by two, and on a Ray cluster of two nodes of one processor, one after the other.

Figures are of the whole command, with the start of its workers; all write the same rows. Each node of Ray has an object
store of 80 MiB. With --write the figures are stored in results.json.
"""

import argparse
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from selip_contracts.database_file import read_store
from selip_extract.pseudo_reports.generate import pseudo_reports
from tests.benchmarks.bench_extract import Finished, command, write_csv
from tests.benchmarks.figures import Figure, keep, machine, show
from tests.shared.execution.ray_nodes import loopback_cluster, nodes_of_one_cpu

TABLES = {"extractions": "* EXCLUDE (seconds)", "finding_rows": "*", "general_finding_rows": "*", "review_rows": "*"}
SEED = 34_000_000
WANTED = {"rules": "≥ 1.7", "both": "≥ 1.5"}


def finished(texts: Path, *options: str) -> Finished:
    """The command on an empty database."""
    texts.with_suffix(".command.duckdb").unlink(missing_ok=True)
    return command(texts, *options)


def rows(texts: Path) -> list[Any]:
    """Number and hash of the rows that the last command has written to each table."""
    with read_store(texts.with_suffix(".command.duckdb")) as connection:
        return [
            connection.execute(f"SELECT count(*), sum(hash(r)) FROM (SELECT {columns} FROM {table}) AS r").fetchone()
            for table, columns in TABLES.items()
        ]


def compared(texts: Path, extractor: str, count: int) -> Iterator[Figure]:
    """One extractor with each kind of workers."""
    by = ("--extractor", extractor)
    one = finished(texts, *by, "--workers", "1")
    expected = rows(texts)
    two = finished(texts, *by, "--workers", "2")
    assert rows(texts) == expected
    with loopback_cluster() as cluster, nodes_of_one_cpu(cluster, 2):
        on_ray = finished(texts, *by, "--ray", cluster.address)
    assert rows(texts) == expected
    name = f"{extractor}, {count:,} reports"
    yield Figure(f"{name}, one process", count / one.seconds, "reports/s")
    yield Figure(f"{name}, two processes", count / two.seconds, "reports/s")
    yield Figure(f"{name}, two processes against one", one.seconds / two.seconds, "times", WANTED[extractor])
    yield Figure(f"{name}, two nodes of Ray against two processes", two.seconds / on_ray.seconds, "times", "≥ 0.8")
    for workers, run in (("two processes", two), ("two nodes of Ray", on_ray)):
        each = 1e6 * run.processor_seconds / count
        yield Figure(f"{name}, {workers}: processor time of the process that writes", each, "µs/report")
        yield Figure(f"{name}, {workers}: memory of the process that writes", run.peak_megabytes, "MB")


def measure(folder: Path, counts: dict[str, int]) -> Iterator[Figure]:
    """Both extractors on pseudo-reports."""
    reports = [(r.report_id, r.findings_text) for r in pseudo_reports(max(counts.values()), SEED)]
    for extractor, count in counts.items():
        yield from compared(write_csv(folder / f"{extractor}.csv", islice(reports, count)), extractor, count)


def main() -> None:
    """Measure and print the figures; with --write, store them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=20_000, help="reports for the rules")
    parser.add_argument("--both", type=int, default=3_000, help="reports for the default")
    parser.add_argument("--write", action="store_true", help="store the figures in results.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder), {"rules": options.rules, "both": options.both})
        found = show(f"workers on {machine()}", measured)
    if options.write:
        keep("workers", found)


if __name__ == "__main__":
    main()

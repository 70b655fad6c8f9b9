"""Speed of the database on this machine: appending, the queries of docs/findings.md, memory and size of the file.

With --write the figures are stored in results.json. The baseline ("floor") appends the
same prepared findings, without the lists of sizes and spans, with DuckDB's own appender in transactions of equal size.
"""

import argparse
import random
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import duckdb

from selip_contracts.database_file import OLDEST_DUCKDB, read_store
from selip_extract.database.columns import finding_columns
from selip_extract.database.store import MAX_LOG_BYTES, MEMORY_LIMIT, Store
from selip_extract.extraction import Extraction
from selip_extract.extractors.read_batch import collecting_rarely, read_batch
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.pipeline import CONCURRENT_BATCHES
from selip_extract.pseudo_reports.writing.report import write_study
from selip_extract.reports.report import Report
from tests.benchmarks.figures import Figure, keep, machine, show

QUERIES = Path(__file__).parents[2] / "docs" / "findings.md"
SEED = 32_000_000
DIFFERENT_REPORTS = 2_048
FLOOR_ROWS = 300_000
REPEATED = 5


class Took(NamedTuple):
    """Rows written, wall-clock seconds, and processor seconds of all threads."""

    rows: int
    wall: float
    cpu: float


def extractions() -> list[Extraction]:
    """The rules' extractions of pseudo-reports."""
    texts = [write_study(random.Random(f"{SEED}/{number}")).text for number in range(DIFFERENT_REPORTS)]
    return read_batch(RuleExtractor(), [Report(str(row), text, row) for row, text in enumerate(texts)])


def row_count(extraction: Extraction) -> int:
    """Number of rows in all tables."""
    study = extraction.study
    found = len(study.findings) + len(study.negatives) + len(study.general) if study else 0
    return 1 + found + len(extraction.review)


def timed(write: Callable[[Sequence[Extraction]], None], batches: Iterator[list[Extraction]]) -> Took:
    """Time of writing all batches, without making them."""
    rows, wall, cpu = 0, 0.0, 0.0
    with collecting_rarely():
        for batch in batches:
            rows += sum(map(row_count, batch))
            wall_before, cpu_before = time.perf_counter(), time.process_time()
            write(batch)
            wall += time.perf_counter() - wall_before
            cpu += time.process_time() - cpu_before
    return Took(rows, wall, cpu)


def batches(pool: Sequence[Extraction], reports: int, size: int) -> Iterator[list[Extraction]]:
    """The extractions of the pool repeatedly, each with a unique id."""
    numbered = (replace(e, report_id=f"r{number:08}") for number, e in zip(range(reports), cycle(pool), strict=False))
    while batch := list(islice(numbered, size)):
        yield batch


def floor(folder: Path, pool: Sequence[Extraction], size: int) -> Took:
    """Append findings without lists with DuckDB's bare appender."""
    rows, wall, cpu = 0, 0.0, 0.0
    with (
        duckdb.connect(
            folder / "floor.duckdb",
            config={"storage_compatibility_version": OLDEST_DUCKDB, "memory_limit": MEMORY_LIMIT},
        ) as connection,
        Store(folder / "empty.duckdb") as store,
    ):
        ((statement,),) = store.connection.execute(
            "SELECT sql FROM duckdb_tables() WHERE table_name = 'finding_rows'"
        ).fetchall()
        connection.execute("SET wal_autocheckpoint = ?", [f"{MAX_LOG_BYTES} bytes"])
        connection.execute(statement)
        connection.execute("ALTER TABLE finding_rows DROP COLUMN size_mm")
        connection.execute("ALTER TABLE finding_rows DROP COLUMN evidence_spans")
        for batch in batches(pool, sys.maxsize, size):
            columns = {**finding_columns(1, batch)}
            del columns["size_mm"], columns["evidence_spans"]
            values = list(zip(*(column.tolist() for column in columns.values()), strict=True))
            wall_before, cpu_before = time.perf_counter(), time.process_time()
            connection.begin()
            with connection.appender("finding_rows", columns=list(columns)) as appender:
                appender.append_rows(values)
            connection.commit()
            wall += time.perf_counter() - wall_before
            cpu += time.process_time() - cpu_before
            rows += len(values)
            if rows >= FLOOR_ROWS:
                return Took(rows, wall, cpu)
    raise AssertionError("the pool is empty")


def queries() -> list[tuple[str, str]]:
    """The example queries of the document, each with the comment above it."""
    return re.findall(r"^-- (.+)\n((?:[^-`\n].*\n)+)", QUERIES.read_text(encoding="utf-8"), re.MULTILINE)


def further_queries(run_id: int) -> list[tuple[str, str]]:
    """Queries of the program itself and of the views."""
    return [
        ("findings by sequence", "SELECT modality, count(*) FROM findings WHERE present GROUP BY 1"),
        ("negatives of one sequence", "SELECT count(*) FROM negatives WHERE modality = 'DWI'"),
        ("general findings by change", "SELECT change, count(*) FROM general_findings GROUP BY 1"),
        ("findings of one report", "SELECT * FROM findings WHERE report_id = 'r00000123'"),
        ("pending reports", f"SELECT count(*) FROM reports ANTI JOIN (FROM extractions WHERE run_id = {run_id}) "
                            "USING (report_id)"),
    ]  # fmt: skip


def query_seconds(connection: duckdb.DuckDBPyConnection, query: str) -> float:
    """Median over some repetitions, without transfer of the result to Python."""
    seconds = []
    for _ in range(REPEATED):
        started = time.perf_counter()
        connection.execute(f"CREATE OR REPLACE TEMP TABLE answer AS {query.rstrip().removesuffix(';')}")
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[REPEATED // 2]


def peak_megabytes() -> float:
    """Peak memory of this process so far, in MB."""
    # ru_maxrss is in bytes on macOS and in kilobytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / (1024 if sys.platform == "darwin" else 1)


def measure(folder: Path, reports: int, size: int) -> Iterator[Figure]:
    """All figures, on a store of `reports` reports written in batches of `size`."""
    pool = [e for e in extractions() if e.study]
    found = sum(len(e.study.findings) + len(e.study.negatives) for e in pool if e.study) / len(pool)
    yield Figure("findings and negatives a report", found, "", "≥ 10")
    bare = floor(folder, pool, size)
    yield Figure("floor: bare appender, processor", bare.rows / bare.cpu, "rows/s")
    yield Figure("floor: bare appender, clock", bare.rows / bare.wall, "rows/s")
    path = folder / "selip.duckdb"
    with Store(path) as store:
        started = time.perf_counter()
        store.add_reports((Report(f"r{n:08}", f"{n} 双侧大脑半球对称。", n) for n in range(reports)), "bench.csv")
        yield Figure("reports added, clock", reports / (time.perf_counter() - started), "rows/s")
        run_id = store.begin_run({"extractor": "rules", "code_version": "bench"})
        tenth = reports // 10
        every = batches(pool, reports, size)
        first = timed(lambda batch: store.write(run_id, batch), islice(every, tenth // size))
        yield Figure("memory after a tenth", peak_megabytes(), "MB")
        rest = timed(lambda batch: store.write(run_id, batch), every)
        rows, wall, cpu = (a + b for a, b in zip(first, rest, strict=True))
        yield Figure("rows of all tables", rows, "rows")
        yield Figure("appended, processor", rows / cpu, "rows/s", "≥ 200,000")
        yield Figure("appended, clock", rows / wall, "rows/s", "≥ 200,000")
        yield Figure("appended, the first tenth, processor", first.rows / first.cpu, "rows/s")
        yield Figure("against the floor, processor", rows / cpu / (bare.rows / bare.cpu), "times")
        yield Figure("memory in the end", peak_megabytes(), "MB", "no growth with the file")
        started = time.perf_counter()
        store.finish_run(run_id, seconds=1.0, reports=reports)
        yield Figure("run finished", time.perf_counter() - started, "s")
    with read_store(path) as connection:
        for name, query in (*queries(), *further_queries(run_id)):
            yield Figure(name, query_seconds(connection, query), "s", "< 0.2")
    yield Figure("size of the file", path.stat().st_size / 1e6, "MB")


def main() -> None:
    """Measure and print the figures; with --write, store them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=1_000_000)
    parser.add_argument(
        "--batch",
        type=int,
        default=RuleExtractor.batch_size // CONCURRENT_BATCHES,
        help="reports per transaction; by default as with --extractor rules",
    )
    parser.add_argument("--write", action="store_true", help="store the figures in results.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = show(f"the database on {machine()}", measure(Path(folder), options.reports, options.batch))
    if options.write:
        keep("store", found)


if __name__ == "__main__":
    main()

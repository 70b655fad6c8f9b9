"""Reports through an extractor into the database, batch by batch: nothing written is lost, nothing is read twice."""

import hashlib
import json
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from selip_contracts.database_file import read_store
from selip_contracts.deidentified import DEIDENTIFIED
from selip_contracts.findings import AnnotatedReport, Study
from selip_contracts.vocabulary import SITES
from selip_extract.database.columns import BatchRows
from selip_extract.database.store import Added, Store
from selip_extract.evaluation.run_studies import RunStudies, run_studies
from selip_extract.extraction import NO_USAGE, Usage
from selip_extract.extractors.base import Extractor
from selip_extract.extractors.read_batch import batch_read, collecting_rarely
from selip_extract.extractors.workers import ExtractorWorkers
from selip_extract.reports.report import Report
from selip_extract.reports.report_table import open_reports
from selip_shared.execution.base import in_order
from selip_shared.execution.progress import progress
from selip_shared.execution.stop_signals import deferred_stop
from selip_shared.provenance import code_hash

if TYPE_CHECKING:
    from selip_extract.deidentification.deidentify import Deidentifier

# The reports in work are split into this number of batches: while one waits for its last answers, the next keeps the
# engine busy.
CONCURRENT_BATCHES = 2
# A run whose first reports all fail, so many or more, ends with the reason.
MIN_FAILURES = 32
# Batches are cut from windows of this number of batches, sorted by length: little padding, and constant memory.
WINDOW_BATCHES = 16
HASH_CHARACTERS = 12


@dataclass(frozen=True)
class RunOptions:
    """The number of reports in work at the same time (None: the extractor's own), and whether failures are read again.

    With a `deidentifier` every text is masked before it is stored or read.
    """

    batch_size: int | None = None
    retry_failed: bool = False
    deidentifier: "Deidentifier | None" = None


DEFAULT_OPTIONS = RunOptions()


@dataclass(frozen=True)
class ExtractionOutcome:
    """The outcome of one call of `extract`: rows added, reports read in `seconds`, and reports that remain unread."""

    run_id: int
    added: Added
    read: int
    seconds: float
    remaining: int
    interrupted: bool
    usage: Usage


def extract(
    reports: Iterable[Report],
    store: Store,
    extractor: Extractor | ExtractorWorkers,
    options: RunOptions = DEFAULT_OPTIONS,
) -> ExtractionOutcome:
    """Add the reports to the database and read those that a run of this configuration has not read yet.

    Every report ends with a status. Ctrl-C stops after the batches in work; the next call continues there.
    """
    deidentifier = options.deidentifier
    key_mark = None if deidentifier is None else deidentifier.key_mark
    store.require_key(key_mark)
    # The run comes first, since it records whether its reports are masked.
    run_id = store.begin_run(configuration(extractor, key_mark))
    added = store.add_reports(reports if deidentifier is None else deidentifier.reports(reports))
    if options.retry_failed:
        store.forget_failures(run_id)
    pending = store.pending_count(run_id)
    read, usage = 0, NO_USAGE
    batch_size = options.batch_size or extractor.batch_size
    batches = _batches(store, run_id, max(1, batch_size // CONCURRENT_BATCHES))
    started = time.perf_counter()
    try:
        with collecting_rarely(), progress("reports", pending) as advance, deferred_stop(signal.SIGINT) as stop:
            read_batches = extractor.rows if isinstance(extractor, ExtractorWorkers) else partial(_rows, extractor)
            for rows in read_batches(run_id, takewhile(lambda _: not stop.number, batches)):
                store.write_rows(rows)
                read += rows.reports
                usage += rows.usage
                advance(rows.reports)
                if read - rows.reports < MIN_FAILURES <= read:
                    store.require_success(run_id)
    finally:
        seconds = time.perf_counter() - started
        store.finish_run(run_id, seconds=seconds, reports=read, usage=usage)
    return ExtractionOutcome(run_id, added, read, seconds, pending - read, bool(stop.number) and read < pending, usage)


def extract_annotated(path: Path, make: Callable[[], Extractor], annotated: Sequence[AnnotatedReport]) -> RunStudies:
    """Read the reports of an annotated file with a new extractor, in a temporary database, to score its studies."""
    table = open_reports(path)
    with TemporaryDirectory() as folder:
        db = Path(folder) / "score.duckdb"
        with Store(db) as store, closing(make()) as extractor:
            outcome = extract(table, store, extractor)
        with read_store(db) as connection:
            return run_studies(connection, outcome.run_id, annotated)


def _rows(extractor: Extractor, run_id: int, batches: Iterable[Sequence[Report]]) -> Iterator[BatchRows]:
    """The rows of the batches, in order: while one is written the next is in work."""
    with ThreadPoolExecutor(CONCURRENT_BATCHES) as pool:

        def submit(batch: Sequence[Report]) -> Future[BatchRows]:
            return pool.submit(batch_read, extractor, run_id, batch)

        yield from in_order(submit, batches, CONCURRENT_BATCHES)


def configuration(extractor: Extractor | ExtractorWorkers, key_mark: str | None = None) -> dict[str, str]:
    """What determines the findings of a run: a change of any value begins a new run."""
    return {
        **({} if key_mark is None else {DEIDENTIFIED: key_mark}),
        "extractor": extractor.name,
        "code_version": f"{version('selip')}+{code_hash(['selip_contracts', 'selip_extract'])[:HASH_CHARACTERS]}",
        "schema_version": schema_version(),
        **extractor.fingerprint(),
    }


def schema_version() -> str:
    """A short hash of the finding schema and the vocabulary."""
    sites = [asdict(site) for site in SITES.values()]
    described = json.dumps([Study.model_json_schema(), sites], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()[:HASH_CHARACTERS]


def _batches(store: Store, run_id: int, batch_size: int) -> Iterator[Sequence[Report]]:
    """The pending reports; within a window the short ones come first.

    Reports that are already read leave their batch only after the batches are cut: a batch has the same reports when a
    run continues, and the last digits of a model's probabilities depend on their lengths.
    """
    for window, pending in store.pending(run_id, batch_size * WINDOW_BATCHES):
        by_length = sorted(window, key=lambda report: len(report.text))
        for start in range(0, len(by_length), batch_size):
            if batch := [report for report in by_length[start : start + batch_size] if report.report_id in pending]:
                yield batch

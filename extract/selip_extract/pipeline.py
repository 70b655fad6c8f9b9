"""Reports through an extractor into the database, batch by batch: what is written stays, and nothing is read twice."""

import gc
import hashlib
import json
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import takewhile

from selip_contracts.deidentified import DEIDENTIFIED
from selip_contracts.findings import Study
from selip_contracts.vocabulary import SITES
from selip_extract.database.store import Added, Store
from selip_extract.deidentification.deidentify import Deidentifier
from selip_extract.extraction import NO_USAGE, Extraction, Usage
from selip_extract.extractors.base import Extractor
from selip_extract.extractors.read_batch import read_batch
from selip_extract.reports.report import Report
from selip_extract.reports.report_table import ReportTable
from selip_shared.progress import progress
from selip_shared.provenance import code_hash
from selip_shared.stop_signals import deferred_stop

# So many of equal size share the reports in work: while one waits for its last answers the next keeps the engine busy.
BATCHES_IN_WORK = 2
# So many batches are sorted by length together: a batch of like lengths wastes no padding, and memory stays flat.
BATCHES_SORTED_TOGETHER = 16
HASH_CHARACTERS = 12
# Findings are many small objects in no cycles; at Python's usual 700 the search for cycles costs a third of the rules.
OBJECTS_BETWEEN_COLLECTIONS = 50_000


@dataclass(frozen=True)
class RunOptions:
    """How many reports are in work at once (None: what suits the extractor), and whether failures are read again.

    With a `deidentifier` nothing is stored or read before it has masked it.
    """

    batch_size: int | None = None
    retry_failed: bool = False
    deidentifier: Deidentifier | None = None


DEFAULT_OPTIONS = RunOptions()


@dataclass(frozen=True)
class ExtractionOutcome:
    """One sitting: what became of the rows, `read` reports in `seconds`, and how many this run still has to read."""

    run_id: int
    added: Added
    read: int
    seconds: float
    remaining: int
    interrupted: bool
    usage: Usage


def extract(
    table: ReportTable, store: Store, extractor: Extractor, options: RunOptions = DEFAULT_OPTIONS
) -> ExtractionOutcome:
    """Add the reports to the database and read those that a run of this configuration has not read yet.

    Every report ends with a status. Ctrl-C ends the sitting after the batches in work; the next one goes on there.
    """
    deidentifier = options.deidentifier
    key_mark = None if deidentifier is None else deidentifier.key_mark
    store.require_key(key_mark)
    # The run comes first: whether its reports are masked is on record before there is one.
    run_id = store.begin_run(configuration(extractor, key_mark))
    added = store.add_reports(table if deidentifier is None else deidentifier.reports(table), str(table.path))
    if options.retry_failed:
        store.forget_failures(run_id)
    pending = store.pending_count(run_id)
    read, usage = 0, NO_USAGE
    batch_size = options.batch_size or extractor.batch_size
    batches = _batches(store, run_id, max(1, batch_size // BATCHES_IN_WORK))
    started = time.perf_counter()
    try:
        with collecting_seldom(), progress("reports", pending) as advance, deferred_stop(signal.SIGINT) as stop:
            for extractions in _read_ahead(extractor, takewhile(lambda _: not stop.number, batches)):
                store.write(run_id, extractions)
                read += len(extractions)
                usage = sum((e.usage for e in extractions), usage)
                advance(len(extractions))
    finally:
        seconds = time.perf_counter() - started
        store.finish_run(run_id, seconds=seconds, reports=read, usage=usage)
    return ExtractionOutcome(run_id, added, read, seconds, pending - read, bool(stop.number) and read < pending, usage)


def _read_ahead(extractor: Extractor, batches: Iterable[Sequence[Report]]) -> Iterator[list[Extraction]]:
    """The batches read, in order: while one is written the next is in work, and memory holds no more than these."""
    with ThreadPoolExecutor(BATCHES_IN_WORK) as pool:
        waiting: deque[Future[list[Extraction]]] = deque()
        try:
            for batch in batches:
                waiting.append(pool.submit(read_batch, extractor, batch))
                if len(waiting) == BATCHES_IN_WORK:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Let Python look for cycles of objects seldom."""
    usual = gc.get_threshold()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def configuration(extractor: Extractor, key_mark: str | None = None) -> dict[str, str]:
    """What decides the findings of a run: another value of any of it begins another run."""
    return {
        **({} if key_mark is None else {DEIDENTIFIED: key_mark}),
        "reader": extractor.name,
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

    What a run has read already is left out of the batches after they are cut: a batch keeps its reports, on whose
    lengths the last digits of a model's numbers depend, whenever a run goes on.
    """
    for window, pending in store.pending(run_id, batch_size * BATCHES_SORTED_TOGETHER):
        by_length = sorted(window, key=lambda report: len(report.text))
        for start in range(0, len(by_length), batch_size):
            if batch := [report for report in by_length[start : start + batch_size] if report.report_id in pending]:
                yield batch

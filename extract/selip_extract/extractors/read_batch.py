"""One batch of reports through an extractor: every report gets a status, even if the extractor fails on its text."""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from selip_extract.database.columns import BatchRows, batch_rows
from selip_extract.extraction import Extraction, Review, Status
from selip_extract.extractors.base import Extractor, Reading
from selip_extract.language.understanding.report_kind import other_kind
from selip_extract.reports.report import Report
from selip_shared.errors import SelipError

# The findings of a head MRI have some hundred characters, those of a long follow-up a few thousand. A longer text is a
# whole record in one cell, and the memory of a model that reads it grows with the square of its length.
MAX_CHARACTERS = 20_000


# Findings are many small objects without cycles: at Python's usual threshold of 700 the garbage collector takes a third
# of the time of the rules.
GC_THRESHOLD = 50_000


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Run Python's garbage collector rarely."""
    usual = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def batch_read(extractor: Extractor, run_id: int, reports: Sequence[Report]) -> BatchRows:
    """The rows that a run adds for a batch of reports."""
    return batch_rows(run_id, read_batch(extractor, reports))


def read_batch(extractor: Extractor, reports: Sequence[Report]) -> list[Extraction]:
    """One extraction for each report, in order; if the extractor fails on one report the others are still read."""
    unreadable = [_unreadable(report.text) for report in reports]
    readable = [report for report, status in zip(reports, unreadable, strict=True) if status is None]
    started = time.perf_counter()
    readings = iter(_read(extractor, readable))
    seconds = (time.perf_counter() - started) / max(len(readable), 1)
    return [
        _extraction(report, next(readings), seconds) if status is None else _failed(report, Reading.failed(status))
        for report, status in zip(reports, unreadable, strict=True)
    ]


def _unreadable(text: str) -> Status | None:
    if len(text) > MAX_CHARACTERS:
        return "too_long"
    return other_kind(text) if any(character.isalnum() for character in text) else "empty"


def _read(extractor: Extractor, reports: Sequence[Report]) -> list[Reading | Exception]:
    """One reading or exception for each report; after an exception both halves are read, down to the failing report."""
    if not reports:
        return []
    try:
        readings = extractor.read([report.text for report in reports])
        assert len(readings) == len(reports), f"{extractor.name}: {len(readings)} readings of {len(reports)} texts"
        return list(readings)
    except SelipError:
        raise
    except Exception as failure:
        if len(reports) == 1:
            return [failure]
        middle = len(reports) // 2
        return _read(extractor, reports[:middle]) + _read(extractor, reports[middle:])


def _extraction(report: Report, reading: Reading | Exception, seconds: float) -> Extraction:
    if isinstance(reading, Exception):
        # Only the class: the message of an exception may quote the report.
        return _failed(report, Reading.failed("error", type(reading).__name__), seconds)
    if reading.status != "ok":
        return _failed(report, reading, seconds)
    return Extraction(
        report.report_id, "ok", reading.study, reading.review, seconds, reading.reply, reading.note, reading.usage
    )


def _failed(report: Report, reading: Reading, seconds: float = 0.0) -> Extraction:
    """A report without a study; unless it is empty, its beginning is marked for review."""
    review = reading.review
    if reading.status != "empty":
        review = (*review, Review.beginning("failed", report.text))
    return Extraction(
        report.report_id, reading.status, None, review, seconds, reading.reply, reading.note, reading.usage
    )

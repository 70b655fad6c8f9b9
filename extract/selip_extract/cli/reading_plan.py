"""What is said before the reading begins: the tables as they are read, and how long it will take."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice

from rich.console import Console

from selip_extract.extractors.base import Extractor
from selip_extract.extractors.read_batch import read_batch
from selip_extract.extractors.workers import ExtractorWorkers
from selip_extract.reports.report import Report
from selip_extract.reports.report_table import ReportTable
from selip_shared.messages.translation import translated

MAX_SHOWN_TABLES = 8
MAX_PREVIEW_CHARACTERS = 60
SAMPLE_REPORTS = 16
MIN_REPORTS_FOR_ESTIMATE = 200


def print_tables(
    console: Console, tables: Sequence[ReportTable], shown: Callable[[Iterable[Report]], Iterable[Report]] = iter
) -> None:
    """Print the format, encoding and columns of each table, its first rows as they are read, and what to know of it.

    `shown` is what may be seen of the first rows: masked ones where the reports are de-identified.
    """
    for table in tables[:MAX_SHOWN_TABLES]:
        _print_table(console, table, shown(table.preview))
    if len(tables) > 1:
        more = translated(f" (the first {MAX_SHOWN_TABLES} are shown)") if len(tables) > MAX_SHOWN_TABLES else ""
        say(console, f"{len(tables):,} tables with {sum(table.total for table in tables):,} reports{more}")


def _print_table(console: Console, table: ReportTable, preview: Iterable[Report]) -> None:
    form = ", ".join(part for part in (table.format, table.encoding) if part)
    ids = translated(f"ids in {table.id_column}") if table.id_column is not None else translated("rows numbered")
    parts = [translated(f"texts in {table.text_column}"), ids]
    if table.patient_columns:
        parts.append(translated(f"patients in {', '.join(table.patient_columns)}"))
    if table.date_column is not None:
        parts.append(translated(f"dates in {table.date_column}"))
    say(console, f"{table.name}: {form}; {', '.join(parts)}; {table.total:,} reports")
    for report in preview:
        text = " ".join(report.text.split())
        shown = text[:MAX_PREVIEW_CHARACTERS] + ("…" if len(text) > MAX_PREVIEW_CHARACTERS else "")
        date = None if report.date is None else report.date.isoformat(" ", "minutes").removesuffix(" 00:00")
        say(console, "  " + " | ".join(part for part in (report.report_id, report.patient_id, date, shown) if part))
    for note in table.notes:
        say(console, f"  {note}")


def print_time(
    console: Console, tables: Iterable[ReportTable], extractor: Extractor | ExtractorWorkers, reports: int
) -> None:
    """Print how long so many reports will take, measured on the first of them; nothing where these are few."""
    if reports < MIN_REPORTS_FOR_ESTIMATE:
        return
    sample: list[Report] = list(islice(chain.from_iterable(tables), SAMPLE_REPORTS))
    workers = extractor.count if isinstance(extractor, ExtractorWorkers) else 1
    _read(extractor, [sample[:1]] * workers)  # what is loaded at the first report is not part of the speed
    started = time.perf_counter()
    _read(extractor, [sample])
    speed = workers * len(sample) / max(time.perf_counter() - started, 1e-6)
    say(console, f"{reports:,} reports take about {duration(reports / speed)}, by the first {len(sample)} of them")


def _read(extractor: Extractor | ExtractorWorkers, batches: Sequence[Sequence[Report]]) -> None:
    if isinstance(extractor, ExtractorWorkers):
        deque(extractor.rows(0, batches), maxlen=0)
    else:
        for batch in batches:
            read_batch(extractor, batch)


def duration(seconds: float) -> str:
    """So many hours, minutes or seconds."""
    if seconds < 90:
        return translated(f"{max(seconds, 1):,.0f} seconds")
    return translated(f"{seconds / 3600:,.1f} hours" if seconds >= 3600 else f"{seconds / 60:,.0f} minutes")


def say(console: Console, line: str) -> None:
    """Print one line without markup or wrapping."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)

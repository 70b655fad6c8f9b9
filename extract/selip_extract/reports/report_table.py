"""Reports as a hospital exports them: tables of any format, row by row.

The content of a file decides its format, not the extension of its name. Opening reads a table once, for its encoding
and its number of rows. Each iteration then streams, so that memory does not grow with the file; only a workbook keeps a
sheet in memory.

Every row below the heading is a report. An empty line, and a sheet row without a filled cell, is no row; a line of
separators is a row with an empty text. Ids may repeat.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from selip_extract.reports.cells import TableRow, cell_date, cell_text, findings_and_impression, id_text, printable
from selip_extract.reports.columns import Columns, Wanted, find_columns, heading_key
from selip_extract.reports.report import Report
from selip_extract.reports.row_faults import RowFaults
from selip_extract.reports.sources import Source, damaged_archive, sources
from selip_extract.reports.sql_tables import (
    PARQUET_SIGNATURE,
    SQLITE_SIGNATURE,
    is_duckdb,
    parquet_table,
    query_table,
)
from selip_extract.reports.table import Table
from selip_extract.reports.text_files import are_texts, text_files_table
from selip_extract.reports.text_tables import text_table
from selip_extract.reports.workbooks import is_workbook, workbook_tables
from selip_shared.errors import SelipError

OTHER_FORMATS = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"{\\rtf", "an RTF document"),
)
SAVE_AS_TABLE = "save the table as .xlsx or as CSV and give that file"
PREVIEW_ROWS = 3
ANNOTATED_TEXT = heading_key("findings_text")
"""The column of an annotated file, whose texts are findings and nothing else."""
FIND_COLUMNS = Wanted()


@dataclass(frozen=True)
class ReportTable:
    """The reports of a table; each iteration begins at the first row.

    `format`, `encoding` (None where the format has its own) and `notes` are for messages. `id_column` is None if the
    rows are numbered. `total` is the number of reports, `preview` the first of them.
    """

    name: str
    format: str
    encoding: str | None
    text_column: str
    id_column: str | None
    patient_columns: tuple[str, ...]
    date_column: str | None
    notes: tuple[str, ...]
    total: int
    preview: tuple[Report, ...]
    _read: Callable[[], Iterator[Report]] = field(repr=False, compare=False)

    def __iter__(self) -> Iterator[Report]:
        """The reports in the order of the file."""
        return self._read()


def open_reports(path: Path, text_column: str | None = None, id_column: str | None = None) -> ReportTable:
    """The one table of a file: see `open_tables`; SelipError where it holds several."""
    first, *others = open_tables([str(path)], Wanted(text_column, id_column))
    if others:
        raise SelipError(f"{path} holds {1 + len(others)} tables: give the file of one.")
    return first


def open_tables(arguments: Sequence[str], wanted: Wanted = FIND_COLUMNS) -> list[ReportTable]:
    """The tables that the user names: files, globs, folders, archives, - for standard input.

    Finds the format of each, its heading and its columns, and counts its rows. Raises SelipError if one does not exist,
    holds no table, is damaged, or its columns are ambiguous.
    """
    return [_report_table(table, wanted) for argument in arguments for table in _tables(argument, wanted)]


def open_query(path: Path, query: str, wanted: Wanted = FIND_COLUMNS) -> ReportTable:
    """The answer of a query of a DuckDB or SQLite file as a table of reports."""
    return _report_table(query_table(path, query), wanted)


def _tables(argument: str, wanted: Wanted) -> list[Table]:
    with _unreadable(argument), damaged_archive(argument):
        found = sources(argument)
        if are_texts(found, wanted):
            return [text_files_table(argument, found)]
        return [table for source in found for table in _tables_of(source, wanted)]


def _tables_of(source: Source, wanted: Wanted) -> list[Table]:
    head = source.head()
    if not head:
        raise SelipError(f"{source.name} is empty: export the reports again.")
    if head.startswith(PARQUET_SIGNATURE):
        if source.path is None:
            raise SelipError(f"{source.name} is a Parquet file, which has to lie on the disk: give the file itself.")
        return [parquet_table(source.path)]
    if is_workbook(head):
        return workbook_tables(source, wanted)
    if is_duckdb(head) or head.startswith(SQLITE_SIGNATURE):
        raise SelipError(f"{source.name} is a database: give --from {source.name} --query 'SELECT …'.")
    for signature, what in OTHER_FORMATS:
        if head.startswith(signature):
            raise SelipError(f"{source.name} is {what} and no table of reports: {SAVE_AS_TABLE}.")
    return [text_table(source, wanted)]


def _report_table(table: Table, wanted: Wanted) -> ReportTable:
    columns = find_columns(table.columns, wanted)
    faults = RowFaults(table, columns)

    def numbered_rows() -> Iterator[tuple[int, TableRow]]:
        """The rows without those that repeat the heading, as on each page of a printed table."""
        heading = table.columns[columns.text]
        number = 0
        for row in table.rows():
            if isinstance(row, str) or columns.text >= len(row) or row[columns.text] != heading:
                number += 1
                yield number, row

    def read() -> Iterator[Report]:
        for number, row in numbered_rows():
            yield _report(row, number, table, columns)

    with _unreadable(table.name), damaged_archive(table.name):
        for number, row in numbered_rows():
            faults.count(number, row)
        preview = tuple(islice(read(), PREVIEW_ROWS))
    return ReportTable(
        name=table.name,
        format=table.format,
        encoding=table.encoding,
        text_column=table.columns[columns.text],
        id_column=None if columns.id is None else table.columns[columns.id],
        patient_columns=tuple(table.columns[index] for index in columns.patient),
        date_column=None if columns.date is None else table.columns[columns.date],
        notes=(*table.notes, *faults.notes()),
        total=faults.rows,
        preview=preview,
        _read=read,
    )


def _report(row: TableRow, number: int, table: Table, columns: Columns) -> Report:
    if isinstance(row, str):
        return Report(f"row-{number}", printable(row), number, table.name, numbered=True)
    surplus = max(len(row) - len(table.columns), 0)
    text = table.separator.join(map(cell_text, row[columns.text : columns.text + 1 + surplus]))

    def cell(index: int | None) -> object:
        """The cell of a column; those behind the text have moved by its surplus."""
        if index is None:
            return None
        index += surplus if index > columns.text else 0
        return row[index] if index < len(row) else None

    report_id = id_text(cell(columns.id))
    impression = cell_text(cell(columns.impression)).strip() or None
    if heading_key(table.columns[columns.text]) != ANNOTATED_TEXT:
        text, behind = findings_and_impression(text)
        impression = impression or behind
    kept = {table.columns[index]: cell_text(cell(index)).strip() for index in columns.kept}
    return Report(
        report_id or f"row-{number}",
        text,
        number,
        table.name,
        patient_id=next((found for index in columns.patient if (found := id_text(cell(index)))), None),
        impression=impression,
        date=cell_date(cell(columns.date)),
        kept=json.dumps(kept, ensure_ascii=False) if kept else None,
        numbered=not report_id,
    )


@contextmanager
def _unreadable(name: str) -> Iterator[None]:
    """SelipError where the disk does not give the file."""
    try:
        yield
    except OSError as error:
        raise SelipError(f"{name} cannot be read ({error.strerror or error}): check its permissions.") from error

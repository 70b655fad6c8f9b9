"""Reports as a hospital exports them: text tables, Excel, Parquet and JSON lines, row by row.

The content of a file decides its format, not the extension of its name. Opening reads the whole file once, for its
encoding and its number of rows. Each iteration then streams, so that memory does not grow with the file; only a
workbook keeps all its texts in one table in memory.

Every row below the heading is a report. An empty line, and a sheet row without a filled cell, is no row; a line of
separators is a row with an empty text. Ids may repeat.
"""

import json
import math
import mmap
import re
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, TextIO
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

import duckdb
import openpyxl
from openpyxl.utils.escape import unescape

from selip_extract.reports.columns import KNOWN_HEADINGS, find_id_column, find_text_column, heading_key, listed
from selip_extract.reports.delimited_rows import delimited_rows, sniff_delimiter
from selip_extract.reports.report import Report
from selip_shared.errors import SelipError
from selip_shared.text_encoding import TextEncoding, detect_encoding

DELIMITED_FORMATS = {",": "CSV", "\t": "TSV", ";": "CSV with semicolons", "|": "CSV with vertical bars"}
SIGNATURES = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"{\\rtf", "an RTF document"),
    (b"SQLite format 3", "an SQLite database"),
)
DUCKDB_SIGNATURE, DUCKDB_SIGNATURE_OFFSET = b"DUCK", 8
ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
OLE_SIGNATURE = b"\xd0\xcf\x11\xe0"
ENCRYPTED_OLE_STREAM = "EncryptedPackage".encode("utf-16-le")
WORKBOOK_DAMAGE = (BadZipFile, zlib.error, ParseError, LookupError, ValueError, TypeError, AttributeError, EOFError)
SAVE_AS_TABLE = "save the table as .xlsx or as CSV and give that file"
JSON_SAMPLE_LINES = 100
PARQUET_BATCH_SIZE = 1000
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
EXCEL_QUOTED_ID = re.compile(r'="(.*)"')

Cells = Sequence[object]
TableRow = Cells | str  # a string is a row that could not be split into cells: all of it is the text


@dataclass(frozen=True)
class _Table:
    """A table before the columns of text and id are found."""

    format: str
    encoding: TextEncoding | None
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[TableRow]]
    separator: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportTable:
    """The reports of a file; each iteration begins at the first row.

    `format`, `encoding` (None where the format has its own) and `notes` are for messages. `id_column` is None if the
    rows are numbered. `total` is the number of reports.
    """

    path: Path
    format: str
    encoding: str | None
    text_column: str
    id_column: str | None
    notes: tuple[str, ...]
    total: int
    _read: Callable[[], Iterator[Report]] = field(repr=False, compare=False)

    def __iter__(self) -> Iterator[Report]:
        """The reports in the order of the file."""
        return self._read()


def open_reports(path: Path, text_column: str | None = None, id_column: str | None = None) -> ReportTable:
    """Find the format of the file and the columns of text and id, and count the rows.

    Raises SelipError if there is no such file, it holds no table, it is damaged, or the columns are ambiguous.
    """
    try:
        _require_file(path)
        table = _open_table(path, text_column, id_column)
        text_index = find_text_column(table.columns, text_column)
        id_index = find_id_column(table.columns, id_column)

        def read() -> Iterator[Report]:
            for number, row in enumerate(table.rows(), start=1):
                yield _report(row, number, table, text_index, id_index)

        total, notes = _count_rows(table, id_index)
    except OSError as error:
        raise SelipError(f"{path} cannot be read ({error.strerror or error}): check its permissions.") from error
    return ReportTable(
        path=path,
        format=table.format,
        encoding=table.encoding.name if table.encoding else None,
        text_column=table.columns[text_index],
        id_column=None if id_index is None else table.columns[id_index],
        notes=table.notes + notes,
        total=total,
        _read=read,
    )


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise SelipError(f"{path} is a folder: give one file of reports in it.")
    if not path.exists():
        raise SelipError(f"{path} does not exist: check the name and the folder.")
    if not path.is_file():
        raise SelipError(f"{path} is not a regular file: write the reports to a file and give that.")
    if path.stat().st_size == 0:
        raise SelipError(f"{path} is empty: export the reports again.")


def _open_table(path: Path, text_column: str | None, id_column: str | None) -> _Table:
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"PAR1"):
        return _parquet_table(path)
    if head.startswith(ZIP_SIGNATURES):
        return _excel_table(path, text_column)
    if head.startswith(OLE_SIGNATURE):
        raise SelipError(_refusal_of_ole(path))
    if head[DUCKDB_SIGNATURE_OFFSET:].startswith(DUCKDB_SIGNATURE):
        raise SelipError(f"{path} is a DuckDB database and no table of reports: {SAVE_AS_TABLE}.")
    for signature, what in SIGNATURES:
        if head.startswith(signature):
            raise SelipError(f"{path} is {what} and no table of reports: {SAVE_AS_TABLE}.")
    encoding = detect_encoding(path)
    if encoding is None:
        raise SelipError(
            f"{path} is no text in UTF-8, GB18030 or UTF-16 and no Excel or Parquet file: {SAVE_AS_TABLE}."
        )
    return _text_table(path, encoding, text_column, id_column)


def _refusal_of_ole(path: Path) -> str:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        encrypted = content.find(ENCRYPTED_OLE_STREAM) >= 0
    if encrypted:
        return f"{path} is protected by a password: save it in Excel without one."
    return f"{path} is in the old binary format of Excel or Word: {SAVE_AS_TABLE}."


# --- text -------------------------------------------------------------------------------------------------------


def _text_table(path: Path, encoding: TextEncoding, text_column: str | None, id_column: str | None) -> _Table:
    with _open_text(path, encoding) as file:
        first = next((line for line in file if line.strip("\0 \t\r\n")), "").lstrip()
    if not first:
        raise SelipError(f"{path} holds nothing but blank lines: export the reports again.")
    if re.match(r"<(!doctype|html|\?xml|table|head|meta|style)", first, re.IGNORECASE):
        raise SelipError(f"{path} is a web page or XML: open it in Excel and {SAVE_AS_TABLE}.")
    if first.startswith(("{", "[")):
        return _json_table(path, encoding)
    return _delimited_table(path, encoding, text_column, id_column)


def _open_text(path: Path, encoding: TextEncoding, newline: str = "") -> TextIO:
    return path.open(encoding=encoding.codec, errors="replace", newline=newline)


def _encoding_notes(encoding: TextEncoding) -> tuple[str, ...]:
    if not encoding.unreadable:
        return ()
    return (f"Characters that cannot be read in {encoding.name}: {encoding.unreadable}; they are shown as \ufffd.",)


def _delimited_table(path: Path, encoding: TextEncoding, text_column: str | None, id_column: str | None) -> _Table:
    wanted = {heading_key(name) for name in (text_column, id_column) if name is not None}
    with _open_text(path, encoding) as file:
        delimiter = sniff_delimiter(file, KNOWN_HEADINGS | wanted)
    with _open_text(path, encoding) as file:
        columns = _headings(next(delimited_rows(file, delimiter)))

    def rows() -> Iterator[TableRow]:
        with _open_text(path, encoding) as file:
            for cells in islice(delimited_rows(file, delimiter), 1, None):
                while len(cells) > len(columns) and not cells[-1].strip():
                    cells.pop()
                yield cells

    format_name = DELIMITED_FORMATS[delimiter] if len(columns) > 1 else "CSV"
    return _Table(format_name, encoding, columns, rows, delimiter, _encoding_notes(encoding))


def _json_table(path: Path, encoding: TextEncoding) -> _Table:
    def lines() -> Iterator[str]:
        with _open_text(path, encoding, newline="\n") as file:
            for line in file:
                if stripped := line.strip("\0 \t\r\n"):
                    yield stripped

    sample = [record for line in islice(lines(), JSON_SAMPLE_LINES) if (record := _json_object(line)) is not None]
    if not sample:
        raise SelipError(f'{path} is not JSON lines: write one object a line, as {{"id": …, "text": …}}.')
    keys = dict.fromkeys(
        key for record in sample for key, value in record.items() if not isinstance(value, dict | list)
    )

    def rows() -> Iterator[TableRow]:
        for line in lines():
            record = _json_object(line)
            yield line if record is None else [record.get(key) for key in keys]

    return _Table("JSON lines", encoding, _headings(list(keys)), rows, notes=_encoding_notes(encoding))


def _json_object(line: str) -> dict[str, object] | None:
    try:
        value = json.loads(line, strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# --- Excel and Parquet ------------------------------------------------------------------------------------------


def _excel_table(path: Path, text_column: str | None) -> _Table:
    headings = {
        sheet: _headings(first) for sheet in _sheet_names(path) if (first := next(_sheet_rows(path, sheet), ()))
    }
    if not headings:
        raise SelipError(f"{path} is a workbook with nothing in it: export the reports again.")
    known = KNOWN_HEADINGS if text_column is None else {heading_key(text_column)}
    fits = {sheet: sum(heading_key(name) in known for name in names) for sheet, names in headings.items()}
    chosen = max(headings, key=lambda sheet: fits[sheet])
    columns = headings[chosen]

    def rows() -> Iterator[TableRow]:
        for cells in islice(_sheet_rows(path, chosen), 1, None):
            yield [*cells, *[None] * len(columns)][: len(columns)]

    others = [sheet for sheet in headings if sheet != chosen]
    notes = (f"Only the sheet {chosen} is read, not {listed(others)}.",) if others else ()
    return _Table("Excel", None, columns, rows, notes=notes)


def _sheet_names(path: Path) -> list[str]:
    with _workbook(path) as workbook:
        return [sheet.title for sheet in workbook.worksheets]


def _sheet_rows(path: Path, sheet: str) -> Iterator[Cells]:
    """The rows of a sheet that have a filled cell, up to the last filled cell."""
    with _workbook(path) as workbook:
        worksheet = workbook[sheet]
        worksheet.reset_dimensions()  # the size stated in the file is often wrong
        rows = worksheet.iter_rows(values_only=True)
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # dates out of range
                cells = next(rows, None)
            if cells is None:
                return
            if any(cell is not None and cell != "" for cell in cells):
                yield [unescape(cell) if isinstance(cell, str) and "_x" in cell else cell for cell in cells]


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    sentence = f"{path} is a damaged workbook or none of Excel: open it and {SAVE_AS_TABLE}."
    # openpyxl judges a path by its extension; an open file has none
    with _damage_as(WORKBOOK_DAMAGE, sentence), path.open("rb") as file:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and validations that openpyxl does not know
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=True)
        yield workbook


@contextmanager
def _damage_as(damage: tuple[type[Exception], ...], sentence: str) -> Iterator[None]:
    try:
        yield
    except damage as error:
        raise SelipError(sentence) from error


def _parquet_table(path: Path) -> _Table:
    literal_path = re.sub(r"([*?\[])", r"[\1]", str(path))
    source = "read_parquet(?, hive_partitioning = false)"
    sentence = f"{path} is a damaged or encrypted Parquet file: write it again."

    def rows() -> Iterator[TableRow]:
        with _damage_as((duckdb.Error,), sentence), duckdb.connect(config={"threads": 1}) as connection:
            cursor = connection.execute(f"SELECT * FROM {source}", [literal_path])
            while block := cursor.fetchmany(PARQUET_BATCH_SIZE):
                yield from block

    with _damage_as((duckdb.Error,), sentence), duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}", [literal_path]).fetchall()
    return _Table("Parquet", None, _headings([name for name, *_ in described]), rows)


# --- rows to reports --------------------------------------------------------------------------------------------


def _report(row: TableRow, number: int, table: _Table, text_index: int, id_index: int | None) -> Report:
    if isinstance(row, str):
        return Report(f"row-{number}", _printable(row), number)
    surplus = max(len(row) - len(table.columns), 0)
    text = table.separator.join(map(_cell_text, row[text_index : text_index + 1 + surplus]))
    if id_index is not None and id_index > text_index:
        id_index += surplus
    report_id = _id_text(row[id_index]) if id_index is not None and id_index < len(row) else ""
    return Report(report_id or f"row-{number}", text, number)


def _headings(cells: Cells) -> tuple[str, ...]:
    return tuple(_cell_text(cell).strip() for cell in cells)


def _id_text(cell: object) -> str:
    text = _cell_text(cell).strip()
    quoted = EXCEL_QUOTED_ID.fullmatch(text)
    return quoted[1].strip() if quoted else text


def _cell_text(cell: object) -> str:
    match cell:
        case None:
            return ""
        case str():
            return _printable(cell)
        case bytes():
            return _printable(cell.decode("utf-8", errors="replace"))
        case float() | Decimal() if math.isfinite(cell) and cell == int(cell):
            return str(int(cell))
        case dict() | list():
            return _printable(json.dumps(cell, ensure_ascii=False, default=str))
        case _:
            return _printable(str(cell))


def _printable(text: str) -> str:
    """The text without NUL; other characters that cannot be shown or stored are a space or \ufffd."""
    if not UNPRINTABLE.search(text):
        return text
    return UNPRINTABLE.sub(_replacement, text)


def _replacement(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\0":
        return ""
    return " " if character <= "\x7f" else "\ufffd"


def _count_rows(table: _Table, id_index: int | None) -> tuple[int, tuple[str, ...]]:
    """The number of rows, and notes on them for the user."""
    total = not_split = short = long = without_id = 0
    for row in table.rows():
        total += 1
        if isinstance(row, str):
            not_split += 1
        else:
            short += len(row) < len(table.columns)
            long += len(row) > len(table.columns)
            without_id += id_index is not None and (id_index >= len(row) or not _id_text(row[id_index]))
    statements = (
        (not total, "There is no row below the heading."),
        (id_index is None, "No column holds an id: reports are named after their row, row-1, row-2, …"),
        (without_id, f"Rows without an id: {without_id}; they are named after their row, as row-7."),
        (short, f"Rows with fewer cells than the heading: {short}; missing cells are empty."),
        (long, f"Rows with more cells than the heading: {long}; the surplus is added to the text."),
        (not_split, f"Lines that are no JSON object: {not_split}; the whole line is the text."),
    )
    return total, tuple(statement for applies, statement in statements if applies)

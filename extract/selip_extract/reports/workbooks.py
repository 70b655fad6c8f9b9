"""Workbooks: .xlsx (strict ones too), .xlsm, .xlsb, .xls and .ods, read by calamine."""

import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetVisibleEnum

from selip_extract.reports.cells import TableRow
from selip_extract.reports.columns import Wanted, heading_key, known_headings, listed, text_rank
from selip_extract.reports.sources import ZIP_SIGNATURES, Source
from selip_extract.reports.table import Table, below_heading
from selip_shared.errors import SelipError

OLE_SIGNATURE = b"\xd0\xcf\x11\xe0"
ENCRYPTED_OLE_STREAM = "EncryptedPackage".encode("utf-16-le")
ZERO_FORMAT = re.compile(rb'formatCode="0{2,}"')
FORMAT_SAMPLE_ROWS = 200


class Sheet(NamedTuple):
    """A sheet with its table, and whether the workbook shows it."""

    name: str
    table: Table
    visible: bool


def is_workbook(head: bytes) -> bool:
    """Whether a file that begins so may be a workbook."""
    return head.startswith((*ZIP_SIGNATURES, OLE_SIGNATURE))


def workbook_tables(source: Source, wanted: Wanted) -> list[Table]:
    """The tables of a workbook: the sheet that the user names, else the one with the best heading and all of its shape.

    SelipError where there is no such sheet, or the workbook is damaged, empty or protected.
    """
    sheets = _sheets(source, wanted)
    if not sheets:
        raise SelipError(f"{source.name} is a workbook with nothing in it: export the reports again.")
    if wanted.sheet is not None:
        chosen = [sheet for sheet in sheets if sheet.name == wanted.sheet]
        if not chosen:
            names = listed([sheet.name for sheet in sheets])
            raise SelipError(f"{source.name} has no sheet {wanted.sheet} with rows: give --sheet one of these: {names}")
        return [chosen[0].table]
    visible = [sheet for sheet in sheets if sheet.visible] or sheets
    best = min(visible, key=lambda sheet: _fit(sheet.table, wanted))
    chosen = [sheet for sheet in visible if sheet.table.columns == best.table.columns]
    others = [sheet.name for sheet in sheets if sheet not in chosen]
    if others:
        read = listed([sheet.name for sheet in chosen])
        table = chosen[0].table.with_note(
            f"Sheets that are read: {read}; not read: {listed(others)}, which --sheet names."
        )
        chosen[0] = chosen[0]._replace(table=table)
    if len(chosen) == 1:
        return [chosen[0].table.named(source.name)]
    return [sheet.table for sheet in chosen]


def _fit(table: Table, wanted: Wanted) -> tuple[bool, int, int]:
    """The better the heading, the smaller."""
    rank = text_rank(table.columns, wanted.text_column)
    known = sum(heading_key(name) in known_headings() for name in table.columns)
    return rank is None, rank or 0, -known


def _sheets(source: Source, wanted: Wanted) -> list[Sheet]:
    """The sheets that have a filled cell."""
    with _workbook(source) as workbook:
        listed_sheets = [(s.name, s.visible == SheetVisibleEnum.Visible) for s in workbook.sheets_metadata]
        filled = [(name, visible) for name, visible in listed_sheets if workbook.get_sheet_by_name(name).height]
    widths = _zero_formats(source) if filled else {}
    sheets = []
    for name, visible in filled:
        table = _sheet_table(source, name, widths.get(name, {}))
        if (headed := below_heading(table, wanted)).columns:
            sheets.append(Sheet(name, _as_wide_as_heading(headed), visible))
    return sheets


def _as_wide_as_heading(table: Table) -> Table:
    width = len(table.columns)

    def rows() -> Iterator[TableRow]:
        for cells in table.rows():
            yield [*cells, *[None] * width][:width]

    return replace(table, rows=rows)


def _sheet_table(source: Source, sheet: str, widths: Mapping[int, int]) -> Table:
    def rows() -> Iterator[TableRow]:
        with _workbook(source) as workbook:
            for cells in _filled_rows(workbook.get_sheet_by_name(sheet)):
                for column, width in widths.items():
                    if column < len(cells) and isinstance(cells[column], float):
                        cells[column] = f"{cells[column]:.0f}".zfill(width)
                yield cells

    return Table(f"{source.name} [{sheet}]", _format(source), (), rows)


def _format(source: Source) -> str:
    if source.head().startswith(OLE_SIGNATURE):
        return "Excel 97"
    with source.open() as file, zipfile.ZipFile(file) as archive:
        return "OpenDocument" if "mimetype" in archive.namelist() else "Excel"


def _filled_rows(sheet: CalamineSheet) -> Iterator[list[object]]:
    """The rows that have a filled cell; each cell of a merged range has the value of its first."""
    merged: dict[int, list[tuple[int, int, int]]] = {}
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        for row in range(top, bottom + 1):
            merged.setdefault(row, []).append((top, left, right))
    firsts: dict[tuple[int, int], object] = {}
    for number, read in enumerate(sheet.iter_rows()):
        cells: list[object] = list(read)
        for top, left, right in merged.get(number, ()):
            if left < len(cells):
                value = firsts.setdefault((top, left), cells[left])
                cells[left : right + 1] = [value] * len(cells[left : right + 1])
        if any(cell is not None and cell != "" for cell in cells):
            yield cells


@contextmanager
def _workbook(source: Source) -> Iterator[CalamineWorkbook]:
    try:
        with source.open() as file:
            workbook = CalamineWorkbook.from_filelike(file)
            yield workbook
    except PasswordError as error:
        raise SelipError(f"{source.name} is protected by a password: save it in Excel without one.") from error
    except CalamineError as error:
        raise SelipError(_why_not_read(source)) from error


def _why_not_read(source: Source) -> str:
    with source.open() as file:
        if source.head().startswith(OLE_SIGNATURE) and ENCRYPTED_OLE_STREAM in file.read():
            return f"{source.name} is protected by a password: save it in Excel without one."
    return (
        f"{source.name} is a damaged workbook or none of Excel: open it and save the table as .xlsx or as CSV "
        "and give that file."
    )


def _zero_formats(source: Source) -> dict[str, dict[int, int]]:
    """By sheet the columns whose numbers are shown with zeros before them (format 00000000), and how many digits.

    calamine reads no formats, openpyxl does, but not those of strict files.
    """
    import openpyxl  # which takes longer to load than the rest of the command, for a few workbooks

    try:
        with source.open() as file, zipfile.ZipFile(file) as archive:
            if not ZERO_FORMAT.search(archive.read("xl/styles.xml")):
                return {}
        with source.open() as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and validations that openpyxl does not know
            workbook = openpyxl.load_workbook(file, read_only=True)
            return {sheet.title: _zero_columns(sheet) for sheet in workbook.worksheets}
    except (KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile):
        return {}  # no workbook that openpyxl knows: its numbers are read as they are


def _zero_columns(sheet: Any) -> dict[int, int]:
    columns: dict[int, int] = {}
    for row in islice(sheet.iter_rows(), FORMAT_SAMPLE_ROWS):
        for index, cell in enumerate(row):
            if isinstance(cell.value, int | float) and re.fullmatch("0{2,}", cell.number_format):
                columns[index] = max(columns.get(index, 0), len(cell.number_format))
    return columns

"""Tables as a workbook for Excel: a sheet a table, readable headings, ids as text; workbook.toml has the words."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from pydantic import BaseModel, ConfigDict

from selip_shared.execution.progress import progress
from selip_shared.toml_files import read_toml

WORDS = Path(__file__).with_name("workbook.toml")
MAX_ROWS = 1_000_000
"""Rows of a sheet; Excel takes 1,048,576. Further ones are in another sheet."""
MAX_CELL_CHARACTERS = 32_000
"""Excel takes 32,767 characters."""
CUT = "……（过长，已截断）"
BATCH_SIZE = 1000
WIDTHS = {"evidence": 40, "text": 60, "passage": 40}
WIDTH = 14
KEPT = "kept"

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class SheetWords(BaseModel):
    """The name of a sheet, and the headings of its columns in their order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sheet: str
    columns: dict[str, str]


class WorkbookWords(BaseModel):
    """The content of workbook.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    findings: SheetWords
    general_findings: SheetWords
    reports: SheetWords
    review: SheetWords
    query: SheetWords
    values: dict[str, dict[str, str]]


@cache
def words() -> WorkbookWords:
    """The words of the workbook."""
    return read_toml(WORDS, WorkbookWords)


def write_workbook(connection: duckdb.DuckDBPyConnection, queries: Mapping[str, str], file: BinaryIO) -> int:
    """Write the answer of each query as a sheet, by its name in workbook.toml; the number of rows of the first."""
    workbook = Workbook(write_only=True)
    counts = []
    with progress("rows") as advance:
        for name, query in queries.items():
            counts.append(0)
            for row in _rows(connection, query, getattr(words(), name)):
                if counts[-1] % MAX_ROWS == 0:
                    number = counts[-1] // MAX_ROWS + 1
                    sheet = _new_sheet(workbook, getattr(words(), name).sheet, number, row)
                sheet.append([_cell(sheet, value) for value in row.values()])
                counts[-1] += 1
                advance(1)
            if not counts[-1]:
                described = connection.execute(f"DESCRIBE {query}").fetchall()
                empty = dict.fromkeys(_headings([column for column, *_ in described], getattr(words(), name)).values())
                _new_sheet(workbook, getattr(words(), name).sheet, 1, empty)
    workbook.save(file)
    return counts[0]


def _rows(connection: duckdb.DuckDBPyConnection, query: str, sheet: SheetWords) -> Iterator[dict[str, object]]:
    """The rows by heading."""
    answer = connection.execute(query)
    columns = [name for name, *_ in answer.description or ()]
    headings = _headings(columns, sheet)
    while block := answer.fetchmany(BATCH_SIZE):
        for row in block:
            stored = dict(zip(columns, row, strict=True))
            kept = json.loads(stored[KEPT]) if stored.get(KEPT) and sheet.columns else {}
            yield {heading: _shown(column, stored[column]) for column, heading in headings.items()} | kept


def _headings(columns: Sequence[str], sheet: SheetWords) -> dict[str, str]:
    """The heading of each column that the sheet shows; those of a query are named as in the other sheets."""
    if sheet.columns:
        return {column: heading for column, heading in sheet.columns.items() if column in columns}
    known = words().reports.columns | words().general_findings.columns | words().findings.columns
    return {column: known.get(column, column) for column in columns}


def _shown(column: str, value: object) -> object:
    match value:
        case bool():
            return "是" if value else "否"
        case str():
            return words().values.get(column, {}).get(value, value)
        case list() if column == "size_mm":
            return "×".join(f"{part:g}" for part in value)
        case list():
            return "，".join(map(str, value))
        case dict():
            return json.dumps(value, ensure_ascii=False)
    return value


def _new_sheet(workbook: Workbook, name: str, number: int, row: Mapping[str, object]) -> Any:
    sheet = workbook.create_sheet(name if number == 1 else f"{name}{number}")
    sheet.freeze_panes = "A2"
    wide = {heading: WIDTHS[column] for part in _all_columns() for column, heading in part.items() if column in WIDTHS}
    for index, heading in enumerate(row, start=1):
        sheet.column_dimensions[get_column_letter(index)].width = wide.get(heading, WIDTH)
    headings = [_cell(sheet, heading) for heading in row]
    for cell in headings:
        cell.font = Font(bold=True)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.append(headings)
    return sheet


def _all_columns() -> list[dict[str, str]]:
    return [words().findings.columns, words().general_findings.columns, words().reports.columns, words().review.columns]


def _cell(sheet: Any, value: object) -> Any:
    """A cell of the sheet; every text stays text, a number in an id and what looks like a formula too."""
    if not isinstance(value, str):
        return WriteOnlyCell(sheet, value)
    text = _NOT_IN_XML.sub("", value)
    if len(text) > MAX_CELL_CHARACTERS:
        text = text[:MAX_CELL_CHARACTERS] + CUT
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    cell.number_format = "@"
    return cell

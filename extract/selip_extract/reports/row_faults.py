"""What the rows of a table lack, counted for the user, with the numbers of the first of them."""

from collections import defaultdict
from datetime import date

from selip_extract.reports.cells import TableRow, cell_date, cell_text, id_text, rounded
from selip_extract.reports.columns import Columns
from selip_extract.reports.table import Table

SHOWN_ROWS = 8
FORMATS_WITHOUT_ZEROS = ("Excel 97", "OpenDocument")
"""Formats of which it is not read how a number is shown."""


class RowFaults:
    """Counts the rows of a table and their faults."""

    def __init__(self, table: Table, columns: Columns) -> None:
        self._table = table
        self._columns = columns
        self._counts: dict[str, int] = defaultdict(int)
        self._first: dict[str, list[int]] = defaultdict(list)
        self.rows = 0

    def count(self, number: int, row: TableRow) -> None:
        """Count a row, the `number`-th below the heading."""
        self.rows += 1
        if isinstance(row, str):
            self._fault("not split", number)
            return
        if len(row) != len(self._table.columns):
            self._fault("short" if len(row) < len(self._table.columns) else "long", number)
        if self._table.unreadable and any("\ufffd" in cell for cell in row if isinstance(cell, str)):
            self._fault("unreadable", number)
        self._count_id(number, row)
        if self._columns.date is not None and self._columns.date < len(row):
            cell = row[self._columns.date]
            if cell_text(cell).strip() and cell_date(cell) is None:
                self._fault("no date", number)

    def _count_id(self, number: int, row: TableRow) -> None:
        index = self._columns.id
        if index is None:
            return
        cell = row[index] if index < len(row) else None
        if not id_text(cell):
            self._fault("without id", number)
        elif rounded(cell):
            self._fault("rounded id", number)
        elif isinstance(cell, date):
            self._fault("date as id", number)
        elif isinstance(cell, int | float) and self._table.format in FORMATS_WITHOUT_ZEROS:
            self._fault("number as id", number)

    def notes(self) -> tuple[str, ...]:
        """What the user should know of the rows."""
        name = self._table.encoding
        sentences = (
            ("unreadable", f"Characters that cannot be read in {name}: {self._table.unreadable}, shown as \ufffd"),
            ("without id", "Rows without an id, named after their row, as row-7"),
            (
                "rounded id",
                "Ids that a spreadsheet has rounded (1.23E+17), which may name several reports",
            ),
            ("date as id", "Ids that a spreadsheet has taken for dates"),
            ("number as id", "Ids that are numbers, without the zeros that a spreadsheet may show before them"),
            ("no date", f"Cells in {self._name(self._columns.date)} that are no date, left empty"),
            ("short", "Rows with fewer cells than the heading, missing cells are empty"),
            ("long", "Rows with more cells than the heading, the surplus is added to the text"),
            ("not split", "Lines that are no JSON object, the whole line is the text"),
        )
        said = [f"{sentence}: {self._named(fault)}." for fault, sentence in sentences if self._counts[fault]]
        if not self.rows:
            said.insert(0, "There is no row below the heading.")
        if self._columns.id is None:
            said.insert(0, "No column holds an id: reports are named after their row, row-1, row-2, …")
        elif self._columns.id in self._columns.patient:
            said.insert(
                0, f"No column holds a report's id: {self._name(self._columns.id)}, the patient's number, is taken."
            )
        return tuple(said)

    def _fault(self, fault: str, number: int) -> None:
        self._counts[fault] += 1
        if len(self._first[fault]) < SHOWN_ROWS:
            self._first[fault].append(number)

    def _named(self, fault: str) -> str:
        """How many rows, and which: 2 (rows 3, 7)."""
        count, first = self._counts[fault], self._first[fault]
        more = ", …" if count > len(first) else ""
        return f"{count:,} ({'row' if count == 1 else 'rows'} {', '.join(map(str, first))}{more})"

    def _name(self, index: int | None) -> str:
        return "" if index is None else self._table.columns[index]

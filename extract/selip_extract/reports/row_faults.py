"""What the rows of a table lack, counted for the user, with the numbers of the first of them."""

from collections import defaultdict
from datetime import date

from selip_extract.reports.cells import TableRow, cell_date, cell_text, id_text, rounded
from selip_extract.reports.columns import Columns
from selip_extract.reports.table import Table

SHOWN_ROWS = 8
EXCEL_CELL_CHARACTERS = 32_767
FORMATS_WITHOUT_ZEROS = ("Excel 97", "OpenDocument")
"""Formats of which it is not read how a number is shown."""
FAULT_MEANING = {
    "no rows": "There is no row below the heading.",
    "no id": "No column holds an id: reports are named after their row, row-1, row-2, …",
    "patient as id": "No column holds a report's id: {patient}, the patient's number, is taken.",
    "unreadable": "Characters that cannot be read in {encoding}: {characters}, shown as \ufffd: {count} (row {rows}).",
    "without id": "Rows without an id, named after their row, as row-7: {count} (row {rows}).",
    "rounded id": (
        "Ids that a spreadsheet has rounded (1.23E+17), which may name several reports: {count} (row {rows})."
    ),
    "date as id": "Ids that a spreadsheet has taken for dates: {count} (row {rows}).",
    "number as id": (
        "Ids that are numbers, without the zeros that a spreadsheet may show before them: {count} (row {rows})."
    ),
    "no date": "Cells in {date} that are no date, left empty: {count} (row {rows}).",
    "short": "Rows with fewer cells than the heading, missing cells are empty: {count} (row {rows}).",
    "long": "Rows with more cells than the heading, the surplus is added to the text: {count} (row {rows}).",
    "cut off": "Texts of 32,767 characters, at which Excel cuts a cell off: {count} (row {rows}).",
    "not split": "Lines that are no JSON object, the whole line is the text: {count} (row {rows}).",
}


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
        if self._columns.text < len(row) and len(str(row[self._columns.text])) == EXCEL_CELL_CHARACTERS:
            self._fault("cut off", number)
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
        faults = [] if self.rows else ["no rows"]
        if self._columns.id is None:
            faults.append("no id")
        elif self._columns.id in self._columns.patient:
            faults.append("patient as id")
        faults += [fault for fault in FAULT_MEANING if self._counts[fault]]
        return tuple(self._said(fault) for fault in faults)

    def _said(self, fault: str) -> str:
        rows = ", ".join(map(str, self._first[fault])) + (", …" if self._counts[fault] > SHOWN_ROWS else "")
        return FAULT_MEANING[fault].format(
            count=f"{self._counts[fault]:,}",
            rows=rows,
            characters=self._table.unreadable,
            encoding=self._table.encoding,
            date=self._name(self._columns.date),
            patient=self._name(self._columns.id),
        )

    def _fault(self, fault: str, number: int) -> None:
        self._counts[fault] += 1
        if len(self._first[fault]) < SHOWN_ROWS:
            self._first[fault].append(number)

    def _name(self, index: int | None) -> str:
        return "" if index is None else self._table.columns[index]

"""Tables as web pages or XML that are called .xls, as hospital systems write them for Excel."""

from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import TextIO

from selip_extract.reports.cells import TableRow
from selip_extract.reports.columns import Wanted
from selip_extract.reports.table import Table, below_heading
from selip_shared.errors import SelipError
from selip_shared.text_encoding import TextEncoding

CHUNK_CHARACTERS = 1 << 16
ROWS = ("tr", "row")
CELLS = ("td", "th", "cell")
BREAKS = ("br", "p", "div", "li")
MAX_SPAN = 1000


def markup_table(name: str, open_text: Callable[[], TextIO], encoding: TextEncoding, wanted: Wanted) -> Table:
    """The rows of a web page or of an XML spreadsheet (2003) as a table.

    SelipError where it has no row of cells.
    """

    def rows() -> Iterator[TableRow]:
        parser = _Rows()
        with open_text() as file:
            while chunk := file.read(CHUNK_CHARACTERS):
                parser.feed(chunk)
                yield from parser.taken()
        parser.close()
        yield from parser.taken()

    if next(rows(), None) is None:
        raise SelipError(f"{name} is a web page or XML without a table: open it in Excel and save it as .xlsx or CSV.")
    return below_heading(Table(name, "web page", (), rows, encoding.name, unreadable=encoding.unreadable), wanted)


class _Rows(HTMLParser):
    """Collects the rows of cells; a cell that spans rows or columns is repeated in those rows."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[TableRow] = []
        self._row: list[str] | None = None
        self._cell: list[str] | None = None
        self._spans = (1, 1)
        self._nested = 0
        self._from_above: dict[int, tuple[int, str]] = {}

    def taken(self) -> list[TableRow]:
        """The rows that are complete, which are given once."""
        rows, self._rows = self._rows, []
        return rows

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._cell is not None and tag == "table":
            self._nested += 1
        elif self._nested:
            return
        elif tag in ROWS:
            self._end_row()
            self._row = []
        elif tag in CELLS and self._row is not None:
            self._end_cell()
            values = dict(attrs)
            while len(self._row) < _number(values.get("ss:index"), 1) - 1:
                self._append("")
            self._spans = (
                _number(values.get("colspan"), 1) + _number(values.get("ss:mergeacross"), 0),
                _number(values.get("rowspan"), 1) + _number(values.get("ss:mergedown"), 0),
            )
            self._cell = []
        elif self._cell is not None and tag in BREAKS:
            self._cell.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if self._nested:
            self._nested -= tag == "table"
        elif tag in CELLS:
            self._end_cell()
        elif tag in ROWS or tag == "table":
            self._end_row()

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def close(self) -> None:
        super().close()
        self._end_row()

    def _end_cell(self) -> None:
        if self._row is None or self._cell is None:
            return
        text = "\n".join(line for line in (" ".join(line.split()) for line in "".join(self._cell).split("\n")) if line)
        self._cell = None
        columns, rows = self._spans
        for column in range(columns):
            self._append(text if column == 0 else "", rows - 1)

    def _append(self, text: str, rows_below: int = 0) -> None:
        """Put a cell into the first place that no cell of a row above holds."""
        assert self._row is not None
        self._fill_from_above()
        if rows_below:
            self._from_above[len(self._row)] = (rows_below, text)
        self._row.append(text)

    def _fill_from_above(self) -> None:
        assert self._row is not None
        while (held := self._from_above.pop(at := len(self._row), None)) is not None:
            rows, text = held
            if rows > 1:
                self._from_above[at] = (rows - 1, text)
            self._row.append(text)

    def _end_row(self) -> None:
        self._end_cell()
        if self._row is None:
            return
        self._fill_from_above()
        if any(self._row):
            self._rows.append(self._row)
        self._row = None


def _number(text: str | None, default: int) -> int:
    return min(int(text), MAX_SPAN) if text is not None and text.isdecimal() else default

"""A table before its columns of text and id are found, and the search for its heading."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, zip_longest

from selip_extract.reports.cells import Cells, TableRow, cell_text
from selip_extract.reports.columns import Wanted, heading_key, known_headings, text_rank
from selip_extract.reports.delimited_rows import MAX_HEADING_ROWS


@dataclass(frozen=True)
class Table:
    """The rows below the heading of one table; `name` is what messages and the database call it.

    `encoding` is None where the format has its own. `separator` joins the surplus cells of a row. `unreadable` is the
    number of characters that could not be decoded.
    """

    name: str
    format: str
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[TableRow]]
    encoding: str | None = None
    separator: str = ""
    unreadable: int = 0
    notes: tuple[str, ...] = ()

    def named(self, name: str) -> "Table":
        """The same under another name."""
        return replace(self, name=name)

    def with_note(self, note: str) -> "Table":
        """The same with a further note."""
        return replace(self, notes=(*self.notes, note))


def below_heading(table: Table, wanted: Wanted) -> Table:
    """The table with its heading taken out of its first rows; `columns` are empty before.

    The heading is the row with the best name for the texts; what stands above it is a title. Where a name in the
    heading is empty, that of the row above counts: the cells of two header rows.
    """
    first = [row for row in islice(table.rows(), MAX_HEADING_ROWS) if not isinstance(row, str)]
    if not first:
        return table
    index = heading_index(first, wanted)
    columns = headings(first[index])
    above = headings(first[index - 1]) if index else ()
    titles = index
    if sum(map(bool, above)) > 1:
        columns = tuple(name or higher for name, higher in zip_longest(columns, above, fillvalue=""))
        titles -= 1
    below = replace(table, columns=columns, rows=lambda: islice(table.rows(), index + 1, None))
    return below.with_note(f"Rows above the heading that are not read: {titles}.") if titles else below


def heading_index(rows: Sequence[Cells], wanted: Wanted) -> int:
    """The row that is the heading: of those with the best name for the texts the fullest; else the first full row."""
    ranks = [text_rank(headings(row), wanted.text_column) for row in rows]
    fits = [
        (rank, -sum(heading_key(name) in known_headings() for name in headings(row)), index)
        for index, (row, rank) in enumerate(zip(rows, ranks, strict=True))
        if rank is not None
    ]
    if fits:
        return min(fits)[-1]
    return next((index for index, row in enumerate(rows) if sum(map(bool, headings(row))) > 1), 0)


def headings(cells: Cells) -> tuple[str, ...]:
    """Cells as names of columns."""
    return tuple(cell_text(cell).strip() for cell in cells)

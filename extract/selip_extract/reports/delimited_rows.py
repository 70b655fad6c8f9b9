"""The rows of a delimited text table, read so that no row is lost to faulty quotation marks."""

import csv
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from selip_extract.reports.columns import heading_key

DELIMITERS = (",", "\t", ";", "|")
MAX_CELL_CHARACTERS = 1 << 24
SAMPLE_LINES = 200
MAX_HEADING_ROWS = 21
"""The heading is looked for in these rows: titles may stand above it."""
SAMPLE_CHARACTERS = 1 << 20


class _Lines:
    """Lines of a file that are given back if a quoted cell that begins in them never ends."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._taken_back: deque[str] = deque()
        self._taken: list[str] = []
        self._characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._characters > MAX_CELL_CHARACTERS:
            raise csv.Error("the quoted cell does not end")
        line = self._taken_back.popleft() if self._taken_back else next(self._lines).replace("\0", "")
        self._taken.append(line)
        self._characters += len(line)
        return line

    def begin_row(self) -> None:
        self._taken.clear()
        self._characters = 0

    def take_back_all_but_first(self) -> str:
        first, *rest = self._taken
        self._taken_back.extendleft(reversed(rest))
        return first


def delimited_rows(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """The cells of each row; empty lines are skipped.

    A quoted cell may hold delimiters and line breaks. If quotation marks are faulty (never closed, or not doubled
    inside a quoted cell), the first line of the row is a row of its own, and reading continues with the next line.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARACTERS))
    source = _Lines(lines)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    while True:
        source.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells = _cells_of_faulty_line(source.take_back_all_but_first(), delimiter)
        if cells:
            yield cells


def _cells_of_faulty_line(line: str, delimiter: str) -> list[str]:
    line = line.rstrip("\r\n")
    quotes_come_in_pairs = line.count('"') % 2 == 0
    if quotes_come_in_pairs and len(line) < MAX_CELL_CHARACTERS:
        return next(csv.reader([line], delimiter=delimiter))
    return line.split(delimiter)


def sniff_delimiter(lines: Iterable[str], known_headings: Collection[str]) -> str:
    """The delimiter with which the heading holds most known names and most rows are as wide as the heading.

    So commas inside the texts do no harm. `known_headings` are names as `heading_key` returns them.
    """
    sample: list[str] = []
    for line in islice(lines, SAMPLE_LINES):
        sample.append(line)
        if sum(map(len, sample)) > SAMPLE_CHARACTERS:
            break
    return max(DELIMITERS, key=lambda delimiter: _fit(sample, delimiter, known_headings))


def _fit(sample: list[str], delimiter: str, known_headings: Collection[str]) -> tuple[int, float, int]:
    rows = list(delimited_rows(sample, delimiter))
    if not rows:
        return 0, 0.0, 0

    def known(row: list[str]) -> int:
        return sum(heading_key(name) in known_headings for name in row)

    first = rows[:MAX_HEADING_ROWS]
    heading = max(range(len(first)), key=lambda index: known(first[index]))
    body = rows[heading + 1 :]
    as_wide = sum(len(row) == len(rows[heading]) for row in body) / max(len(body), 1)
    return known(rows[heading]), as_wide, len(rows[heading])

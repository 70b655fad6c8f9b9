"""The rows of a text table, read so that faulty quotation marks cost no row."""

import csv
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from selip_extract.reports.columns import heading_key

DELIMITERS = (",", "\t", ";", "|")
MAX_CELL_CHARACTERS = 1 << 24
SAMPLE_LINES = 200
SAMPLE_CHARACTERS = 1 << 20


class _Lines:
    """Physical lines that can be taken back when a quoted cell that begins in them turns out never to end."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._taken_back: deque[str] = deque()
        self._taken: list[str] = []
        self._characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._characters > MAX_CELL_CHARACTERS:
            raise csv.Error("no end of the quoted cell within reach")
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
    """The cells of each row; lines with nothing on them are passed over.

    A quoted cell may hold delimiters and line breaks. Where quotation marks are not set by the rules (one that is
    never closed, one inside a quoted cell that is not doubled) the line at which the row begins is a row by itself,
    and reading goes on with the next line.
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
    """The delimiter under which the heading holds most known names and most rows are as wide as the heading.

    Commas inside the texts so do not mislead it. `known_headings` are names in the form that `heading_key` gives.
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
    heading, body = rows[0], rows[1:]
    known = sum(heading_key(name) in known_headings for name in heading)
    as_wide = sum(len(row) == len(heading) for row in body) / max(len(body), 1)
    return known, as_wide, len(heading)

"""Text tables: lines of cells with a delimiter between them, in whatever encoding they are."""

import io
import re
from collections.abc import Iterator
from functools import partial
from typing import TextIO

from selip_extract.reports.cells import TableRow
from selip_extract.reports.columns import Wanted, heading_key, known_headings
from selip_extract.reports.delimited_rows import delimited_rows, sniff_delimiter
from selip_extract.reports.json_tables import json_table
from selip_extract.reports.markup_tables import markup_table
from selip_extract.reports.sources import Source
from selip_extract.reports.table import Table, below_heading
from selip_shared.errors import SelipError
from selip_shared.text_encoding import TextEncoding, detect_encoding

FORMATS = {",": "CSV", "\t": "TSV", ";": "CSV with semicolons", "|": "CSV with vertical bars"}
MARKUP = re.compile(r"<(!doctype|html|\?xml|table|head|meta|style)", re.IGNORECASE)


def text_table(source: Source, wanted: Wanted) -> Table:
    """A file of text as a table: JSON, markup, or cells with a delimiter.

    Raises SelipError where it is no text, or holds no table.
    """
    encoding = detect_encoding(source.open)
    if encoding is None:
        raise SelipError(
            f"{source.name} is no text in UTF-8, GB18030, Big5 or UTF-16 and no Excel or Parquet file: "
            "save the table as .xlsx or as CSV and give that file."
        )
    with open_text(source, encoding) as file:
        first = next((line for line in file if line.strip("\0 \t\r\n")), "").lstrip()
    if not first:
        raise SelipError(f"{source.name} holds nothing but blank lines: export the reports again.")
    if MARKUP.match(first):
        return markup_table(source.name, partial(open_text, source, encoding), encoding, wanted)
    if first.startswith(("{", "[")):
        return json_table(source.name, partial(open_text, source, encoding, newline="\n"), encoding, wanted)
    return _delimited_table(source, encoding, wanted)


def open_text(source: Source, encoding: TextEncoding, newline: str = "") -> TextIO:
    """The file as text; what cannot be decoded is \ufffd."""
    return io.TextIOWrapper(source.open(), encoding=encoding.codec, errors="replace", newline=newline)


def _delimited_table(source: Source, encoding: TextEncoding, wanted: Wanted) -> Table:
    named = {heading_key(name) for name in (wanted.text_column, wanted.id_column, *wanted.keep) if name is not None}
    with open_text(source, encoding) as file:
        delimiter = sniff_delimiter(file, known_headings() | named)

    def all_rows() -> Iterator[TableRow]:
        with open_text(source, encoding) as file:
            yield from delimited_rows(file, delimiter)

    raw = Table(source.name, "CSV", (), all_rows, encoding.name, delimiter, encoding.unreadable)
    table = below_heading(raw, wanted)

    def rows() -> Iterator[TableRow]:
        for cells in table.rows():
            assert isinstance(cells, list)
            while len(cells) > len(table.columns) and not cells[-1].strip():
                cells.pop()
            yield cells

    form = FORMATS[delimiter] if len(table.columns) > 1 else "CSV"
    return Table(source.name, form, table.columns, rows, encoding.name, delimiter, encoding.unreadable, table.notes)

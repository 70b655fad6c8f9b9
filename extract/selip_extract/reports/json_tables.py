"""JSON as a table: an object a line, or one value with a list of objects in it, nested or not."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TextIO

import ijson

from selip_extract.reports.cells import TableRow
from selip_extract.reports.columns import Wanted, text_rank
from selip_extract.reports.table import Table, headings
from selip_shared.errors import SelipError
from selip_shared.text_encoding import TextEncoding

SAMPLE_RECORDS = 100
Record = dict[str, object]
OpenText = Callable[[], TextIO]


def json_table(name: str, open_text: OpenText, encoding: TextEncoding, wanted: Wanted) -> Table:
    """The table of a file of JSON; a field of an object in an object is a column of its own.

    SelipError where it holds no objects.
    """
    prefix = _list_in_one_value(open_text, wanted)

    def records() -> Iterator[Record | str]:
        return _lines(open_text) if prefix is None else _items(name, open_text, prefix)

    sample = [_flat(record) for record in islice(records(), SAMPLE_RECORDS) if not isinstance(record, str)]
    if not sample:
        raise SelipError(f'{name} is JSON without objects: write one object a line, as {{"id": …, "text": …}}.')
    keys = list(dict.fromkeys(key for record in sample for key, value in record.items() if not isinstance(value, list)))

    def rows() -> Iterator[TableRow]:
        for record in records():
            if isinstance(record, str):
                yield record
            else:
                flat = _flat(record)
                yield [flat.get(key) for key in keys]

    form = "JSON lines" if prefix is None else "JSON"
    return Table(name, form, headings(_short(keys)), rows, encoding.name, unreadable=encoding.unreadable)


def _list_in_one_value(open_text: OpenText, wanted: Wanted) -> str | None:
    """Where the list of objects stands in the one value of the file, as ijson writes it; None for an object a line."""
    lines = list(islice(_lines(open_text), 2))
    first = lines[0]
    if isinstance(first, dict) and (len(lines) > 1 or text_rank(list(_flat(first)), wanted.text_column) is not None):
        return None
    try:
        with open_text() as file:
            for prefix, event, _ in ijson.parse(_Utf8(file)):
                if event == "start_map" and (prefix == "item" or prefix.endswith(".item")):
                    return str(prefix)
    except ijson.JSONError:
        return None
    return None


def _lines(open_text: OpenText) -> Iterator[Record | str]:
    """The object of each line; the line itself where it is none."""
    with open_text() as file:
        for line in file:
            if stripped := line.strip("\0 \t\r\n"):
                record = _object(stripped)
                yield stripped if record is None else record


def _object(line: str) -> Record | None:
    try:
        value = json.loads(line, strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _items(name: str, open_text: OpenText, prefix: str) -> Iterator[Record | str]:
    with _damage(name), open_text() as file:
        for item in ijson.items(_Utf8(file), prefix, use_float=True):
            yield item if isinstance(item, dict) else str(item)


@contextmanager
def _damage(name: str) -> Iterator[None]:
    try:
        yield
    except ijson.JSONError as error:
        raise SelipError(f"{name} is damaged JSON: export it again.") from error


class _Utf8:
    """A text as the bytes that ijson reads."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def read(self, characters: int) -> bytes:
        return self._file.read(characters).encode("utf-8", errors="replace")


def _flat(record: Record, path: str = "") -> Record:
    """The record with the fields of objects in it, each under the path to it: report.findings."""
    flat: Record = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{path}{key}.")
        else:
            flat[path + key] = value
    return flat


def _short(paths: Sequence[str]) -> list[str]:
    """The last name of each path where no other path has it, the whole path else."""
    last = [path.rsplit(".", 1)[-1] for path in paths]
    return [name if last.count(name) == 1 else path for name, path in zip(last, paths, strict=True)]

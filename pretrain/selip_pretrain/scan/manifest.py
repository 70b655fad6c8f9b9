"""The manifest of a scan: the report, patient and sequence of studies and series, as a CSV file says."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from selip_contracts.vocabulary import Modality
from selip_shared.errors import SelipError
from selip_shared.text_encoding import detect_encoding

Correction = Modality | Literal["none"]
"""The sequence that a person says a series is; none: it is not to be used."""

CORRECTIONS: tuple[str, ...] = (*get_args(Modality), "none")


@dataclass(frozen=True)
class ManifestRow:
    """A row of a manifest; what it leaves empty is None."""

    report_id: str | None
    patient_id: str | None = None
    sequence: Correction | None = None


def read_manifest(path: Path) -> dict[str, ManifestRow]:
    """The rows by the name of the study or series; SelipError with the line where one is not valid."""
    rows: dict[str, ManifestRow] = {}
    lines = _table(path)
    columns = [name.strip().lower() for name in next(lines, (0, []))[1]]
    study = next((name for name in ("study", "path") if name in columns), None)
    if study is None or not {"report_id", "sequence"} & set(columns):
        raise SelipError(
            f"{path} must have the columns study (or path) and report_id, or study and sequence; it has "
            f"{', '.join(columns)}."
        )
    for number, values in lines:
        cells = dict(zip(columns, (value.strip() for value in values), strict=False))
        name = cells[study].replace("\\", "/").strip("/").removeprefix("./")
        row = ManifestRow(cells.get("report_id") or None, cells.get("patient_id") or None, _sequence(cells))
        if row.sequence is not None and row.sequence not in CORRECTIONS:
            raise SelipError(
                f"{path}, line {number}: there is no sequence {row.sequence}; write one of {', '.join(CORRECTIONS)}."
            )
        if not name or row == ManifestRow(None):
            raise SelipError(f"{path}, line {number}: {study} or report_id is empty; fill it in or remove the line.")
        if rows.setdefault(name, row) != row:
            raise SelipError(f"{path}, line {number}: {name} has another report or patient in a line above.")
    return rows


def _sequence(cells: dict[str, str]) -> Correction | None:
    text = cells.get("sequence", "")
    return cast(Correction, "none" if text.lower() == "none" else text.upper()) if text else None


def _table(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, with their line numbers."""
    try:
        encoding = detect_encoding(lambda: path.open("rb"))
        content = path.read_bytes()
    except OSError as error:
        raise SelipError(f"The manifest {path} cannot be opened ({error.strerror}): name another file.") from error
    if encoding is None or encoding.unreadable:
        raise SelipError(f"The manifest {path} is no text: save it as CSV in UTF-8.")
    reader = csv.reader(content.decode(encoding.codec).splitlines())
    try:
        for row in reader:
            if any(row):
                yield reader.line_num, row
    except csv.Error as error:
        raise SelipError(f"{path}, line {reader.line_num}: {error}; save it as CSV.") from error

"""The report that a series belongs to: by a manifest, its accession number or the name of its folder."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb

from selip_contracts.deidentified import key_marks
from selip_pretrain.scan.series import FoundSeries
from selip_shared.errors import SelipError
from selip_shared.text_encoding import detect_encoding


class Link(NamedTuple):
    """The study, report and patient of a series; `report_id` is None where no report is known, or several are."""

    study: str
    report_id: str | None
    patient_id: str
    reports: int
    """The number of reports that the study's name may refer to."""

    @property
    def key(self) -> str:
        """An identifier that all series of a study share."""
        return f"report {self.report_id}" if self.report_id is not None else f"study {self.study}"


@dataclass(frozen=True)
class ManifestRow:
    """A row of a manifest."""

    report_id: str
    patient_id: str | None


class ReportLinker:
    """Links series to the reports of a database."""

    def __init__(self, root: Path, connection: duckdb.DuckDBPyConnection, manifest: Path | None) -> None:
        """Raises SelipError where the manifest is not valid, or is missing although the reports are de-identified."""
        self._root = root
        self._private = any(mark is not None for (mark,) in key_marks(connection))
        if self._private and manifest is None:
            raise SelipError(
                "The reports in the database are de-identified, so folder names cannot be compared with their ids: "
                "give --manifest with a CSV file of the columns study and report_id, with ids of the table reports."
            )
        self._manifest = {} if manifest is None else read_manifest(manifest)
        self._reports: Mapping[str, frozenset[str]] = _report_names(connection)

    def link(self, series: FoundSeries) -> Link:
        """The study, report and patient of a series."""
        names = self._names(series)
        row = next((self._manifest[name] for name in names if name in self._manifest), None)
        wanted = [row.report_id] if row else [] if self._private else names
        name = next((name for name in wanted if name in self._reports), None)
        reports = self._reports.get(name, frozenset()) if name is not None else frozenset()
        study = self._own_name(series) if name is None else name
        patient = (row and row.patient_id) or (None if self._private else series.patient_id) or study
        return Link(study, next(iter(reports)) if len(reports) == 1 else None, patient, len(reports))

    def _names(self, series: FoundSeries) -> list[str]:
        """All names that a manifest or the reports may use for its study, the most specific first."""
        folders = [folder for folder in (series.folder, *series.folder.parents) if folder.name]
        further = [series.accession, series.study_uid]
        paths = [name for folder in folders for name in (str(folder), folder.name)]
        return list(dict.fromkeys([series.image_id, *filter(None, further), *paths, self._root.name]))

    def _own_name(self, series: FoundSeries) -> str:
        if series.source == "dicom":
            own = series.study_uid if self._private else series.accession or series.study_uid
            if own:
                return own
        return str(series.folder) if series.folder.name else self._root.name


def read_manifest(path: Path) -> dict[str, ManifestRow]:
    """The rows by the name of the study; SelipError with the line where one is not valid."""
    rows: dict[str, ManifestRow] = {}
    lines = _table(path)
    columns = [name.strip().lower() for name in next(lines, (0, []))[1]]
    study = next((name for name in ("study", "path") if name in columns), None)
    if study is None or "report_id" not in columns:
        raise SelipError(f"{path} must have the columns study (or path) and report_id; it has {', '.join(columns)}.")
    for number, values in lines:
        cells = dict(zip(columns, (value.strip() for value in values), strict=False))
        name = cells[study].replace("\\", "/").strip("/").removeprefix("./")
        report_id = cells.get("report_id", "")
        if not name or not report_id:
            raise SelipError(f"{path}, line {number}: {study} or report_id is empty; fill it in or remove the line.")
        row = ManifestRow(report_id, cells.get("patient_id") or None)
        if rows.setdefault(name, row) != row:
            raise SelipError(f"{path}, line {number}: {name} has another report or patient in a line above.")
    return rows


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


def _report_names(connection: duckdb.DuckDBPyConnection) -> dict[str, frozenset[str]]:
    """The reports that each id may refer to: its own, and those given the same id with another text."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for report_id, given_id in connection.execute("SELECT report_id, given_id FROM reports").fetchall():
        names[report_id].add(report_id)
        names[given_id].add(report_id)
    return {name: frozenset(reports) for name, reports in names.items()}

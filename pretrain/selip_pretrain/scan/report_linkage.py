"""The report that a series belongs to: by a manifest, its accession number or the name of its folder."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import duckdb

from selip_contracts.deidentified import key_marks
from selip_pretrain.scan.manifest import Correction, ManifestRow, read_manifest
from selip_pretrain.scan.series import FoundSeries
from selip_pretrain.scan.summary import LinkNotes
from selip_shared.errors import SelipError


class Link(NamedTuple):
    """The study, report and patient of a series; `report_id` is None where no report is known, or several are."""

    study: str
    report_id: str | None
    patient_id: str
    reports: int
    """The number of reports that the study's name may refer to."""
    sequence: Correction | None = None
    """What the manifest says that the series is."""

    @property
    def key(self) -> str:
        """An identifier that all series of a study share."""
        return f"report {self.report_id}" if self.report_id is not None else f"study {self.study}"


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
        self.manifest: Mapping[str, ManifestRow] = {} if manifest is None else read_manifest(manifest)
        """The rows of the manifest by the name of the study or series."""
        self._reports: Mapping[str, frozenset[str]] = _report_names(connection)
        self._rows_alike = _by_loose_form((name, name) for name in self.manifest)
        self._reports_alike = _by_loose_form((name, name) for name in self._reports)
        self._wanted_alike = _by_loose_form((row.report_id, row.report_id) for row in self.manifest.values())
        self._alike: set[tuple[str, str]] = set()
        self._used_rows: set[str] = set()
        self._unknown_reports: set[str] = set()

    def link(self, found: Sequence[FoundSeries]) -> list[Link]:
        """The study, report and patient of each series."""
        names = [self._names(series) for series in found]
        in_images = _by_loose_form(pair for each in names for pair in each.items())
        return [self._link(series, each, in_images) for series, each in zip(found, names, strict=True)]

    def notes(self) -> LinkNotes:
        """What was noticed while linking."""
        unused = self.manifest.keys() - self._used_rows
        return LinkNotes(sorted(self._alike), sorted(unused), sorted(self._unknown_reports))

    def _link(self, series: FoundSeries, names: Mapping[str, str], in_images: "LooseForms") -> Link:
        rows = self._rows(names, in_images)
        wanted = next((row.report_id for row in rows if row.report_id), None)
        name = None if wanted is None else self._match([wanted], self._reports, self._reports_alike, self._wanted_alike)
        if wanted is not None and name is None:
            self._unknown_reports.add(wanted)
        if name is None and not self._private:
            # A row without a report of the database unties nothing.
            name = self._match(list(names), self._reports, self._reports_alike, in_images)
        reports = self._reports.get(name, frozenset()) if name is not None else frozenset()
        study = self._own_name(series) if name is None else name
        patient = next((row.patient_id for row in rows if row.patient_id), None)
        own = self.manifest.get(series.image_id)
        return Link(
            study,
            next(iter(reports)) if len(reports) == 1 else None,
            patient or (None if self._private else series.patient_id) or study,
            len(reports),
            None if own is None else own.sequence,
        )

    def _rows(self, names: Mapping[str, str], in_images: "LooseForms") -> list[ManifestRow]:
        """The rows of the manifest for a series, the most specific first."""
        found = [name for name in names if name in self.manifest]
        if not found:
            alike = self._match(list(names), self.manifest, self._rows_alike, in_images)
            found = [] if alike is None else [alike]
        self._used_rows.update(found)
        return [self.manifest[name] for name in found]

    def _match(
        self, names: Sequence[str], known: Mapping[str, object], alike: "LooseForms", asking: "LooseForms"
    ) -> str | None:
        """The first name that is known, else the only known one that is alike, where only one asks for it."""
        exact = next((name for name in names if name in known), None)
        if exact is not None:
            return exact
        for name in names:
            form = _loose_form(name)
            if len(alike.get(form, ())) == 1 and len(asking.get(form, ())) == 1:
                (found,) = alike[form]
                self._alike.add((name, found))
                return found
        return None

    def _names(self, series: FoundSeries) -> dict[str, str]:
        """All names that a manifest or the reports may use for its study, the most specific first.

        The value is what has the name: of a folder its path, since many folders may be called the same.
        """
        folders = [folder for folder in (series.folder, *series.folder.parents) if folder.name]
        further = [series.image_id, *filter(None, [series.accession, series.study_uid])]
        if series.source == "nifti":
            # Of a four-dimensional file the image id names a volume.
            further.append(str(series.folder / series.description))
        names = {name: name for name in further}
        for folder in folders:
            names.setdefault(str(folder), str(folder))
            names.setdefault(folder.name, str(folder))
        names.setdefault(self._root.name, "")
        return names

    def _own_name(self, series: FoundSeries) -> str:
        if series.source == "dicom":
            own = series.study_uid if self._private else series.accession or series.study_uid
            if own:
                return own
        return str(series.folder) if series.folder.name else self._root.name


LooseForms = Mapping[str, set[str]]
"""Names, or what has them, by their form without leading zeros and case, which Excel and typing change."""


def _by_loose_form(names: Iterable[tuple[str | None, str | None]]) -> LooseForms:
    forms: defaultdict[str, set[str]] = defaultdict(set)
    for name, owner in names:
        if name is not None and owner is not None:
            forms[_loose_form(name)].add(owner)
    return dict(forms)


@cache
def _loose_form(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).strip().casefold()
    return plain.lstrip("0") or plain


def _report_names(connection: duckdb.DuckDBPyConnection) -> dict[str, frozenset[str]]:
    """The reports that each id may refer to: its own, and those given the same id with another text.

    A report that was amended is left out.
    """
    names: defaultdict[str, set[str]] = defaultdict(set)
    for report_id, given_id in connection.execute(
        "SELECT report_id, given_id FROM reports WHERE NOT superseded"
    ).fetchall():
        names[report_id].add(report_id)
        names[given_id].add(report_id)
    return {name: frozenset(reports) for name, reports in names.items()}

"""Corrections of people, imported into the database as a run of their own that counts at once."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from selip_contracts.annotated import format_annotated, read_annotated
from selip_contracts.findings import AnnotatedReport
from selip_extract.database.store import Store
from selip_extract.extraction import Extraction, Review
from selip_shared.errors import SelipError

EXTRACTOR = "human"


@dataclass(frozen=True)
class Imported:
    """The run that holds the corrections, the number of reports, and how many of these it held before."""

    run_id: int
    reports: int
    known: int


def import_corrections(store: Store, path: Path) -> Imported:
    """Store an annotated file of reports of this database as a run of the extractor `human`; the same file only once.

    SelipError, and nothing is stored, where a line is not valid or its report is not in the database with this text:
    so no report that is not masked comes into a database of masked ones.
    """
    reports = list(read_annotated(path))
    if not reports:
        raise SelipError(f"{path} holds no report: export what was corrected from the review page first.")
    _check_known(store, path, reports)
    content = hashlib.sha256("\n".join(format_annotated(report) for report in reports).encode()).hexdigest()
    run_id = store.begin_run({"extractor": EXTRACTOR, "code_version": version("selip"), "corrections": content})
    held = {
        report_id
        for (report_id,) in store.connection.execute(
            "SELECT report_id FROM extractions WHERE run_id = ?", [run_id]
        ).fetchall()
    }
    new = [
        Extraction(report.report_id, "ok", report.study, _review(report), 0.0, None, None)
        for report in reports
        if report.report_id not in held
    ]
    store.write_checked(run_id, new, {report.report_id: report.checked_by or EXTRACTOR for report in reports})
    store.finish_run(run_id, seconds=0.0, reports=0)
    return Imported(run_id, len(reports), len(held))


def _review(report: AnnotatedReport) -> tuple[Review, ...]:
    """A report without findings that a person did not call normal stays not normal."""
    return () if report.study.understood else (Review.beginning("uncited", report.findings_text),)


def _check_known(store: Store, path: Path, reports: list[AnnotatedReport]) -> None:
    ids = [report.report_id for report in reports]
    texts = dict(
        store.connection.execute(
            "SELECT report_id, text FROM reports WHERE report_id IN (SELECT unnest(?))", [ids]
        ).fetchall()
    )
    strange = [report.report_id for report in reports if texts.get(report.report_id) != report.findings_text]
    if strange and store.is_deidentified():
        raise SelipError(
            f"{path} holds reports with other ids or texts than {store.path}, which is de-identified: import only what "
            "was corrected on a review page made of this database."
        )
    if strange:
        what = "is not there" if strange[0] not in texts else "has another text there"
        raise SelipError(
            f"{path} is not about the reports of {store.path} ({len(strange):,} of {len(reports):,} differ, "
            f"{strange[0]} {what}): import it into the database that its review page was made of."
        )

"""The studies of a run, found again by the annotated reports they are compared with."""

from collections.abc import Sequence
from typing import NamedTuple

import duckdb

from selip_contracts.findings import AnnotatedReport, Study
from selip_extract.database.stored_studies import rows_by_report, studies_of
from selip_extract.extraction import Review


class RunStudies(NamedTuple):
    """The studies of a run and the passages to review, by the id of the annotated report, and the run's speed.

    The speed is None where the run never finished.
    """

    studies: dict[str, Study]
    reviews: dict[str, tuple[Review, ...]]
    reports_per_second: float | None


def run_studies(connection: duckdb.DuckDBPyConnection, run_id: int, gold: Sequence[AnnotatedReport]) -> RunStudies:
    """The studies of one run for the annotated reports, what it marked for review in them, and its speed."""
    ((speed,),) = connection.execute("SELECT reports_per_second FROM runs WHERE run_id = ?", [run_id]).fetchall()
    names = _stored_ids(connection, run_id, gold, only_read=False)
    passages = rows_by_report(
        connection, "review_rows", "reason, passage, passage_start, passage_end", run_id, [*names.values()]
    )
    reviews = {
        annotated_id: tuple(Review(*row) for row in passages[name])
        for annotated_id, name in names.items()
        if name in passages
    }
    return RunStudies(extracted_studies(connection, run_id, gold), reviews, speed)


def extracted_studies(
    connection: duckdb.DuckDBPyConnection, run_id: int, gold: Sequence[AnnotatedReport]
) -> dict[str, Study]:
    """The studies of one run by the id of the annotated report; no entry for a report that the run has not read."""
    names = _stored_ids(connection, run_id, gold, only_read=True)
    studies = studies_of(connection, run_id, [*names.values()])
    return {annotated_id: studies[name] for annotated_id, name in names.items()}


def _stored_ids(
    connection: duckdb.DuckDBPyConnection, run_id: int, gold: Sequence[AnnotatedReport], *, only_read: bool
) -> dict[str, str]:
    """The id in the database of each annotated report that the run met, or read (status ok).

    A report is found by its text, since in the database it may have another id (a#2 where a came with several texts);
    of several with this text by its id, and by its id alone where no report has the text.
    """
    stored = connection.execute(
        """SELECT report_id, given_id, text FROM reports JOIN extractions USING (report_id)
        WHERE run_id = ? AND (status = 'ok' OR NOT ?)
        AND (text IN (SELECT unnest(?)) OR report_id IN (SELECT unnest(?))) ORDER BY ordinal DESC""",
        [run_id, only_read, [report.findings_text for report in gold], [report.report_id for report in gold]],
    ).fetchall()
    by_both = {(name, text): report_id for report_id, given_id, text in stored for name in (given_id, report_id)}
    by_text = {text: report_id for report_id, _, text in stored}
    ids = {report_id for report_id, _, _ in stored}
    names = {
        report.report_id: by_both.get((report.report_id, report.findings_text))
        or by_text.get(report.findings_text)
        or (report.report_id if report.report_id in ids else None)
        for report in gold
    }
    return {annotated_id: name for annotated_id, name in names.items() if name is not None}

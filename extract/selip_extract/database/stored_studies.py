"""What was found in the reports, read out of the database study by study."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

import duckdb

from selip_contracts.findings import AnnotatedReport, Study
from selip_extract.database.columns import FINDING_COLUMNS, GENERAL_COLUMNS, StoredRow, finding, general_finding
from selip_extract.database.runs import readings

PAGE_SIZE = 2_000
"""Studies read from the database at a time: memory does not grow with its size."""


def stored_studies(connection: duckdb.DuckDBPyConnection, run: int | None) -> Iterator[AnnotatedReport]:
    """The reports that the run read with status ok and what it found, in the order they came in.

    None: what a person or else the newest complete run found in each.
    """
    last = 0
    while page := connection.execute(
        f"""SELECT ordinal, run_id, report_id, text FROM reports JOIN extractions USING (report_id)
        SEMI JOIN {readings(run)} AS read USING (report_id, run_id)
        WHERE status = 'ok' AND ordinal > ? ORDER BY ordinal LIMIT ?""",
        [last, PAGE_SIZE],
    ).fetchall():
        last = page[-1][0]
        ids: dict[int, list[str]] = defaultdict(list)
        for _, run_id, report_id, _ in page:
            ids[run_id].append(report_id)
        studies = {run_id: studies_of(connection, run_id, ids[run_id]) for run_id in ids}
        for _, run_id, report_id, text in page:
            yield AnnotatedReport(report_id=report_id, findings_text=text, study=studies[run_id][report_id])


def studies_of(connection: duckdb.DuckDBPyConnection, run_id: int, ids: Sequence[str]) -> dict[str, Study]:
    """What the run found in these reports, and whether it understood all of them: no passage of theirs is `uncited`.

    The study of a report with another status than ok is empty.
    """
    findings = rows_by_report(connection, "finding_rows", FINDING_COLUMNS, run_id, ids)
    changes = rows_by_report(connection, "general_finding_rows", GENERAL_COLUMNS, run_id, ids)
    not_understood = {
        report_id
        for (report_id,) in connection.execute(
            """SELECT DISTINCT report_id FROM review_rows
            WHERE run_id = ? AND reason = 'uncited' AND report_id IN (SELECT unnest(?))""",
            [run_id, ids],
        ).fetchall()
    }
    studies = {}
    for report_id in ids:
        read = [finding(row) for row in findings.get(report_id, [])]
        studies[report_id] = Study(
            findings=tuple(f for f in read if f.present),
            negatives=tuple(f for f in read if not f.present),
            general=tuple(general_finding(row) for row in changes.get(report_id, [])),
            understood=report_id not in not_understood,
        )
    return studies


def rows_by_report(
    connection: duckdb.DuckDBPyConnection, table: str, values: str, run_id: int, ids: Sequence[str]
) -> dict[str, list[StoredRow]]:
    """These values of the run's rows of a table, by report, in their order within it."""
    rows = connection.execute(
        f"""SELECT report_id, {values} FROM {table} WHERE run_id = ? AND report_id IN (SELECT unnest(?))
        ORDER BY report_id, position""",
        [run_id, ids],
    ).fetchall()
    return {report_id: [row[1:] for row in group] for report_id, group in groupby(rows, key=lambda row: row[0])}

"""The review page: one file that shows a run's reports with their evidence, the most urgent first, to be corrected."""

import hashlib
import json
from dataclasses import asdict

import duckdb

from selip_contracts.annotated import format_annotated
from selip_contracts.findings import AnnotatedReport
from selip_extract.database.stored_studies import rows_by_report, studies_of
from selip_extract.evaluation.run_overview import overview
from selip_extract.extraction import REVIEW_REASONS
from selip_extract.pages.offline_page import Json, Sources, offline_page
from selip_extract.pages.overview_page import described

FINGERPRINT_CHARACTERS = 16

PAGE = Sources(
    "review.html",
    ("common.css", "overview.css", "review.css"),
    ("elements.js", "overview.js", "reports.js", "report_list.js", "report_view.js", "review.js"),
)


def review_page(connection: duckdb.DuckDBPyConnection, name: str, run_id: int | None, limit: int) -> str:
    """The page of the run's `limit` most urgent reports; `name` is what it calls the database.

    `run_id` is None where the database holds no report, and the page says so.
    """
    run = _empty() if run_id is None else _run(connection, run_id, limit)
    return offline_page(PAGE, {"database": name, **run})


def fingerprint(connection: duckdb.DuckDBPyConnection) -> str:
    """What tells this database from others, whatever is added to it later: a hash of its first report."""
    first = connection.execute(
        "SELECT concat_ws(' ', report_id, text_sha256, added_at) FROM reports ORDER BY ordinal LIMIT 1"
    ).fetchall()
    return hashlib.sha256(str(first).encode()).hexdigest()[:FINGERPRINT_CHARACTERS]


def _empty() -> Json:
    return {"fingerprint": "", "run": None, "total": 0, "reports": [], "overview": None}


def _run(connection: duckdb.DuckDBPyConnection, run_id: int, limit: int) -> Json:
    return {
        "fingerprint": fingerprint(connection),
        **described(connection, run_id),
        "reports": _reports(connection, run_id, limit),
        "overview": asdict(overview(connection, run_id)),
    }


def _reports(connection: duckdb.DuckDBPyConnection, run_id: int, limit: int) -> list[Json]:
    """Each report as a line of the annotated format, with its status and what of it is for review."""
    chosen = connection.execute(
        """SELECT report_id, text, status FROM reports JOIN extractions USING (report_id)
        LEFT JOIN (SELECT report_id, min(list_position($reasons, reason)) AS priority
                   FROM review_rows WHERE run_id = $run GROUP BY report_id) USING (report_id)
        WHERE run_id = $run ORDER BY priority NULLS LAST, ordinal LIMIT $limit""",
        {"run": run_id, "reasons": REVIEW_REASONS, "limit": limit},
    ).fetchall()
    ids = [report_id for report_id, _, _ in chosen]
    studies = studies_of(connection, run_id, ids)
    passages = rows_by_report(connection, "review_rows", "reason, passage_start, passage_end", run_id, ids)
    reports = []
    for report_id, text, status in chosen:
        line = format_annotated(AnnotatedReport(report_id=report_id, findings_text=text, study=studies[report_id]))
        review = [{"reason": reason, "start": start, "end": end} for reason, start, end in passages.get(report_id, [])]
        reports.append({**json.loads(line), "status": status, "review": review})
    return reports

"""The review page: one file that shows a run's reports with their evidence, the most urgent first, to be corrected."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple, get_args

import duckdb

from selip_contracts.findings import Certainty, Count
from selip_extract.evaluation.run_overview import overview
from selip_extract.extraction import REVIEW_REASONS
from selip_extract.pages.offline_page import Json, Sources, offline_page
from selip_extract.pages.overview_page import described
from selip_extract.pages.report_details import Details, Interned, details_of

FINGERPRINT_CHARACTERS = 16
REPORTS_IN_A_CHUNK = 250
"""The page parses the details of so many reports at once, when one of them is looked at."""

PAGE = Sources(
    "review/review.html",
    ("common.css", "overview/overview.css", "review/review.css", "review/report.css"),
    (
        "elements.js",
        "overview/overview.js",
        *(
            f"review/{name}.js"
            for name in (
                "reports", "statements", "corrections", "correction_file", "filters", "report_list", "report_text",
                "doubts", "findings_table", "new_finding", "keys", "review",
            )
        ),
    ),
)  # fmt: skip


class Chosen(NamedTuple):
    """A report of the page as the database has it, with the run that read it: a person's where one has checked it."""

    run_id: int
    report_id: str
    text: str
    status: str
    checked_by: str | None
    checked_at: str | None


def review_page(connection: duckdb.DuckDBPyConnection, name: str, run_id: int | None, limit: int) -> str:
    """The page of the run's `limit` most urgent reports; `name` is what it calls the database.

    `run_id` is None where the database holds no report, and the page says so.
    """
    words = {
        "reasons": REVIEW_REASONS,
        "counts": get_args(Count),
        "certainties": get_args(Certainty),
        "reportsInAChunk": REPORTS_IN_A_CHUNK,
    }
    chunks: list[list[Json]] = []
    run = _empty() if run_id is None else _run(connection, run_id, limit, chunks)
    return offline_page(PAGE, {"database": name, **words, **run}, chunks=chunks)


def fingerprint(connection: duckdb.DuckDBPyConnection) -> str:
    """What tells this database from others, whatever is added to it later: a hash of its first report."""
    first = connection.execute(
        "SELECT concat_ws(' ', report_id, text_sha256, added_at) FROM reports ORDER BY ordinal LIMIT 1"
    ).fetchall()
    return hashlib.sha256(str(first).encode()).hexdigest()[:FINGERPRINT_CHARACTERS]


def _empty() -> Json:
    return {"fingerprint": "", "run": None, "total": 0, "reports": [], "keys": [], "tokens": [], "overview": None}


def _run(connection: duckdb.DuckDBPyConnection, run_id: int, limit: int, chunks: list[list[Json]]) -> Json:
    """What the page needs at once; the details of the reports go into the chunks."""
    keys, tokens = Interned(), Interned()
    reports: list[list[object]] = []
    chosen = _chosen(connection, run_id, limit)
    for first in range(0, len(chosen), REPORTS_IN_A_CHUNK):
        chunk = chosen[first : first + REPORTS_IN_A_CHUNK]
        details = details_of(connection, [report[:3] for report in chunk], keys, tokens)
        chunks.append([found.shown for found in details])
        reports += [_line(*pair) for pair in zip(chunk, details, strict=True)]
    return {
        "fingerprint": fingerprint(connection),
        **described(connection, run_id),
        "reports": reports,
        "keys": keys.values,
        "tokens": tokens.values,
        "overview": asdict(overview(connection, run_id)),
    }


def _line(report: Chosen, details: Details) -> list[object]:
    reasons = [] if report.checked_by else details.reasons
    person = [report.run_id, report.checked_by, report.checked_at] if report.checked_by else []
    return [report.report_id, report.text, report.status, reasons, details.keys, *person]


def _chosen(connection: duckdb.DuckDBPyConnection, run_id: int, limit: int) -> Sequence[Chosen]:
    """The reports by their most urgent reason for review, of one reason those first of which the reader is least sure.

    Those without a reason come then, in the order in which they came in, and last those that a person has checked.
    """
    rows = connection.execute(
        """SELECT coalesce(checked_run, $run), report_id, text, CASE WHEN checked_run IS NULL THEN status ELSE 'ok' END,
            checked_by, strftime(checked_at, '%Y-%m-%dT%H:%M:%SZ')
        FROM reports JOIN extractions USING (report_id)
        LEFT JOIN (SELECT report_id, min(list_position($reasons, reason)) AS priority
                   FROM review_rows WHERE run_id = $run GROUP BY report_id) USING (report_id)
        LEFT JOIN (SELECT report_id, min(confidence) AS confidence
                   FROM finding_rows WHERE run_id = $run GROUP BY report_id) USING (report_id)
        WHERE run_id = $run AND superseded IS NOT TRUE
        ORDER BY checked_run IS NOT NULL, priority NULLS LAST,
            CASE WHEN priority IS NOT NULL THEN confidence END NULLS LAST, ordinal
        LIMIT $limit""",
        {"run": run_id, "reasons": REVIEW_REASONS, "limit": limit},
    ).fetchall()
    return [Chosen(*row) for row in rows]

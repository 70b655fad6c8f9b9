"""The review page: one file that shows a run's reports with their evidence, the most urgent first, to be corrected.

The page's sources stand in the folder review_page; the run's part of it is JSON in one element of the page.
"""

import base64
import hashlib
import json
import re
from importlib.resources import files
from typing import Any

import duckdb

from selip_contracts.annotated import format_annotated
from selip_contracts.findings import AnnotatedReport
from selip_contracts.vocabulary import CHANGES, ENHANCEMENTS, MODALITIES, SIDES, SIGNALS, SITES
from selip_extract.extraction import STATUSES, ReviewReason
from selip_extract.stored_studies import rows_by_report, studies_of

URGENCY: tuple[ReviewReason, ...] = ("failed", "disagreement", "uncited", "low_confidence")
SITES_IN_OVERVIEW = 12
FINGERPRINT_CHARACTERS = 16

Json = dict[str, Any]


def review_page(connection: duckdb.DuckDBPyConnection, name: str, run_id: int | None, limit: int) -> str:
    """The page of the run's `limit` most urgent reports; `name` is what it calls the database.

    `run_id` is None where the database holds no report, and the page says so.
    """
    return _page(
        {"database": name, **_vocabulary(), **(_empty() if run_id is None else _run(connection, run_id, limit))}
    )


def fingerprint(connection: duckdb.DuckDBPyConnection) -> str:
    """What tells this database from others, whatever is added to it later: a hash of its first report."""
    first = connection.execute(
        "SELECT concat_ws(' ', report_id, text_sha256, added_at) FROM reports ORDER BY ordinal LIMIT 1"
    ).fetchall()
    return hashlib.sha256(str(first).encode()).hexdigest()[:FINGERPRINT_CHARACTERS]


def _vocabulary() -> Json:
    """What the page can say: its own words in two languages and the values that a finding may have."""
    return {
        "words": json.loads(_source("words.json")),
        "modalities": MODALITIES,
        "sides": SIDES,
        "signals": SIGNALS,
        "enhancements": ENHANCEMENTS,
        "changes": CHANGES,
        "sites": [{"name": site.name, "english": site.english, "parent": site.parent} for site in SITES.values()],
    }


def _empty() -> Json:
    return {"fingerprint": "", "run": None, "total": 0, "reports": [], "overview": None}


def _run(connection: duckdb.DuckDBPyConnection, run_id: int, limit: int) -> Json:
    ((reader, total),) = connection.execute(
        "SELECT reader, (SELECT count(*) FROM extractions WHERE run_id = $run) FROM runs WHERE run_id = $run",
        {"run": run_id},
    ).fetchall()
    return {
        "fingerprint": fingerprint(connection),
        "run": {"id": run_id, "reader": reader},
        "total": total,
        "reports": _reports(connection, run_id, limit),
        "overview": _overview(connection, run_id),
    }


def _reports(connection: duckdb.DuckDBPyConnection, run_id: int, limit: int) -> list[Json]:
    """Each report as a line of the annotated format, with its status and what of it is for review."""
    chosen = connection.execute(
        """SELECT report_id, text, status FROM reports JOIN extractions USING (report_id)
        LEFT JOIN (SELECT report_id, min(list_position($reasons, reason)) AS priority
                   FROM review_rows WHERE run_id = $run GROUP BY report_id) USING (report_id)
        WHERE run_id = $run ORDER BY priority NULLS LAST, ordinal LIMIT $limit""",
        {"run": run_id, "reasons": URGENCY, "limit": limit},
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


def _overview(connection: duckdb.DuckDBPyConnection, run_id: int) -> Json:
    """The whole run in figures: reports by status and reason, findings by agreement, reports by sequence and site."""

    def counts(query: str) -> dict[Any, int]:
        return dict(connection.execute(query, {"run": run_id}).fetchall())

    statuses = counts("SELECT status, count(*) FROM extractions WHERE run_id = $run GROUP BY ALL")
    reasons = counts("SELECT reason, count(DISTINCT report_id) FROM review_rows WHERE run_id = $run GROUP BY ALL")
    agreement = counts("SELECT agreed, count(*) FROM finding_rows WHERE run_id = $run AND present GROUP BY ALL")
    return {
        "statuses": {status: statuses[status] for status in STATUSES if status in statuses},
        "reasons": {reason: reasons[reason] for reason in URGENCY if reason in reasons},
        "agreement": {"yes": agreement.get(True, 0), "no": agreement.get(False, 0), "one": agreement.get(None, 0)},
        "heat": _heat(connection, run_id),
    }


def _heat(connection: duckdb.DuckDBPyConnection, run_id: int) -> Json:
    """Of the sites that most reports name, how many reports have a finding there or in a part of it, by sequence."""
    rows = connection.execute(
        """WITH found AS (SELECT DISTINCT report_id, modality, site FROM finding_rows WHERE run_id = $run AND present),
        frequent AS (SELECT site, count(DISTINCT report_id) AS reports FROM found GROUP BY site
                     ORDER BY reports DESC, site LIMIT $sites),
        inside AS (SELECT site AS part, unnest(list_append(ancestors, site)) AS site FROM sites)
        SELECT frequent.site, modality, count(DISTINCT report_id)
        FROM found JOIN inside ON found.site = part JOIN frequent ON frequent.site = inside.site
        GROUP BY frequent.site, reports, modality ORDER BY reports DESC, frequent.site""",
        {"run": run_id, "sites": SITES_IN_OVERVIEW},
    ).fetchall()
    counts: dict[str, dict[str, int]] = {}
    for site, modality, reports in rows:
        counts.setdefault(site, {})[modality] = reports
    return counts


def _page(data: Json) -> str:
    """The page's parts in one file, which lets only its own style and script work and reaches for nothing outside."""
    style, script = _source("page.css"), _source("page.js")
    parts = {
        "policy": "; ".join(
            (
                "default-src 'none'",
                f"style-src '{_hash(style)}'",
                f"script-src '{_hash(script)}'",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
        "style": style,
        "script": script,
        # Without a < no text of a report can end the element.
        "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    # One pass: what stands in a report is no place to put a part.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _source("page.html"))


def _source(name: str) -> str:
    return files("selip_extract").joinpath("review_page", name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"

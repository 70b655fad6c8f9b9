"""A run in figures: its reports by status, what is to be reviewed, and its findings by site, signal and confidence."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from selip_contracts.vocabulary import ENHANCEMENTS, SIDES, SIGNALS
from selip_extract.extraction import REVIEW_REASONS, STATUSES

MAX_SITES = 12
MAX_RUNS = 12
MAX_TEXTS = 20
"""Places that the vocabulary lacks, and sentences that were not understood, the commonest of each."""

MIN_REPORTS_OF_A_SENTENCE = 2
"""A sentence of fewer reports is not shown here: it may tell who the patient is."""

NOTHING = "nothing"
"""Where a finding has no side, or no confidence."""

CONFIDENCES = ("≥ 0.99", "0.9 – 0.99", "0.5 – 0.9", "< 0.5", NOTHING)
AGREEMENTS = ("yes", "no", "one")
"""Whether the two extractors agree; one: only one has read."""

OUTCOMES = ("abnormal", "normal", "not_understood", "not_head_mri", "failed")
"""Of each report: something is present; nothing is, and all of it was understood; nothing is, but not all of it was
understood; it is no head MRI in Chinese; it could not be read."""
WORK = ("left", "checked")
"""Of the reports to review."""

_CONFIDENCE = f"""CASE WHEN confidence IS NULL THEN '{NOTHING}' WHEN confidence >= 0.99 THEN '{CONFIDENCES[0]}'
    WHEN confidence >= 0.9 THEN '{CONFIDENCES[1]}' WHEN confidence >= 0.5 THEN '{CONFIDENCES[2]}'
    ELSE '{CONFIDENCES[3]}' END"""
_AGREEMENT = "CASE WHEN agreed THEN 'yes' WHEN agreed IS NULL THEN 'one' ELSE 'no' END"
_FOUND = "FROM finding_rows WHERE run_id = $run AND present GROUP BY ALL"


Counts = dict[str, int]
Cross = dict[str, Counts]
"""Counts by row and column; what is 0 is left out."""


@dataclass(frozen=True)
class RunSpeed:
    """How fast a run read; `reports_per_second` is None where it was not measured, as for what people corrected."""

    run_id: int
    extractor: str
    reports: int
    seconds: float
    reports_per_second: float | None


@dataclass(frozen=True)
class Overview:
    """Reports by outcome, status and reason to review; present findings on sequences by the rest; the newest runs.

    `work` counts the reports to review: those left, and those that a person has checked since. `general` counts
    reports by site and change, `sites` by sequence, those with a finding in a part of the site too; all else counts
    findings. `unlisted_sites` and `uncited` count reports by the words of places that the vocabulary lacks, and by
    sentences of several reports that were not understood, the commonest first.
    """

    outcomes: Counts
    statuses: Counts
    reasons: Counts
    work: Counts
    agreement: Counts
    sides: Counts
    confidence: Cross
    sites: Cross
    signals: Cross
    general: Cross
    unlisted_sites: Counts
    uncited: Counts
    runs: tuple[RunSpeed, ...]
    vocabulary_entries: str
    """The unlisted sites as entries of a vocabulary file."""


def overview(connection: duckdb.DuckDBPyConnection, run_id: int) -> Overview:
    """The figures of the run."""

    def cross(query: str, order: Iterable[str] | None = None) -> Cross:
        rows = connection.execute(query, {"run": run_id}).fetchall()
        table: Cross = {name: {} for name in order or dict.fromkeys(row for row, _, _ in rows)}
        for row, column, count in rows:
            table[row][column] = count
        return {row: counts for row, counts in table.items() if counts}

    unlisted = dict(connection.execute(_UNLISTED_SITES, {"run": run_id}).fetchall())
    return Overview(
        outcomes=_counts(connection, _OUTCOMES, run_id, OUTCOMES),
        statuses=statuses(connection, run_id),
        reasons=reasons(connection, run_id),
        work=_counts(connection, _WORK, run_id, WORK),
        agreement=_counts(connection, f"SELECT {_AGREEMENT}, count(*) {_FOUND}", run_id, AGREEMENTS),
        sides=_counts(connection, f"SELECT coalesce(side, '{NOTHING}'), count(*) {_FOUND}", run_id, (*SIDES, NOTHING)),
        confidence=cross(f"SELECT {_CONFIDENCE}, {_AGREEMENT}, count(*) {_FOUND}", CONFIDENCES),
        sites=cross(_SITES),
        signals=cross(f"SELECT signal, modality, count(*) {_FOUND}", (*SIGNALS, *ENHANCEMENTS)),
        general=cross(_GENERAL),
        unlisted_sites=unlisted,
        uncited=dict(connection.execute(_UNCITED, {"run": run_id}).fetchall()),
        runs=_runs(connection),
        vocabulary_entries=_vocabulary_entries(unlisted),
    )


def statuses(connection: duckdb.DuckDBPyConnection, run_id: int) -> Counts:
    """Reports by status, those that there are."""
    return _counts(
        connection, "SELECT status, count(*) FROM extractions WHERE run_id = $run GROUP BY ALL", run_id, STATUSES
    )


def reasons(connection: duckdb.DuckDBPyConnection, run_id: int) -> Counts:
    """Reports by the reason to review them, the most urgent first; a report may have several."""
    query = "SELECT reason, count(DISTINCT report_id) FROM review_rows WHERE run_id = $run GROUP BY ALL"
    return _counts(connection, query, run_id, REVIEW_REASONS)


def _vocabulary_entries(unlisted_sites: Counts) -> str:
    """The places as sites of a vocabulary file, which a person completes."""
    entries = [
        f"[[site]]\nname = {json.dumps(words, ensure_ascii=False)}  # reports: {count:,}\n"
        'laterality = "paired"  # or midline, none\n# english = ""\n# parent = ""\n# forms = []\n'
        for words, count in unlisted_sites.items()
    ]
    return "\n".join(entries)


def _counts(connection: duckdb.DuckDBPyConnection, query: str, run_id: int, order: Iterable[str]) -> Counts:
    found = dict(connection.execute(query, {"run": run_id}).fetchall())
    return {name: found[name] for name in order if name in found}


_OUTCOMES = """
WITH present AS (
    SELECT report_id FROM finding_rows WHERE run_id = $run AND present
    UNION SELECT report_id FROM general_finding_rows WHERE run_id = $run
), uncited AS (SELECT DISTINCT report_id FROM review_rows WHERE run_id = $run AND reason = 'uncited')
SELECT CASE WHEN status IN ('empty', 'not_chinese', 'not_mri', 'not_head') THEN 'not_head_mri'
            WHEN status <> 'ok' THEN 'failed'
            WHEN report_id IN (FROM present) THEN 'abnormal'
            WHEN report_id IN (FROM uncited) THEN 'not_understood' ELSE 'normal' END, count(*)
FROM extractions WHERE run_id = $run GROUP BY ALL"""
_WORK = """
SELECT CASE WHEN checked_run IS NULL THEN 'left' ELSE 'checked' END, count(DISTINCT report_id)
FROM review_rows JOIN reports USING (report_id) WHERE run_id = $run GROUP BY ALL"""
_GENERAL = f"""
WITH found AS (SELECT report_id, coalesce(site_text, site) AS site, change
               FROM general_finding_rows WHERE run_id = $run),
frequent AS (SELECT site, count(DISTINCT report_id) AS reports FROM found GROUP BY site
             ORDER BY reports DESC, site LIMIT {MAX_SITES})
SELECT site, change, count(DISTINCT report_id) FROM found JOIN frequent USING (site)
GROUP BY site, reports, change ORDER BY reports DESC, site, change"""
_SITES = f"""
WITH found AS (SELECT DISTINCT report_id, modality, site FROM finding_rows WHERE run_id = $run AND present),
frequent AS (SELECT site, count(DISTINCT report_id) AS reports FROM found GROUP BY site
             ORDER BY reports DESC, site LIMIT {MAX_SITES})
SELECT frequent.site, modality, count(DISTINCT report_id)
FROM found JOIN site_parts ON found.site = part JOIN frequent ON frequent.site = whole
GROUP BY frequent.site, reports, modality ORDER BY reports DESC, frequent.site"""

_UNLISTED_SITES = f"""
SELECT site_text, count(DISTINCT report_id) AS reports FROM (
    SELECT report_id, site_text FROM finding_rows WHERE run_id = $run
    UNION ALL SELECT report_id, site_text FROM general_finding_rows WHERE run_id = $run
) WHERE site_text IS NOT NULL GROUP BY site_text ORDER BY reports DESC, site_text LIMIT {MAX_TEXTS}"""
_UNCITED = f"""
SELECT passage, count(DISTINCT report_id) AS reports FROM review_rows WHERE run_id = $run AND reason = 'uncited'
GROUP BY passage HAVING reports >= {MIN_REPORTS_OF_A_SENTENCE} ORDER BY reports DESC, passage LIMIT {MAX_TEXTS}"""


def _runs(connection: duckdb.DuckDBPyConnection) -> tuple[RunSpeed, ...]:
    rows = connection.execute(
        """SELECT run_id, extractor, (SELECT count(*) FROM extractions WHERE extractions.run_id = runs.run_id), seconds,
        reports_per_second FROM runs ORDER BY run_id DESC LIMIT ?""",
        [MAX_RUNS],
    ).fetchall()
    return tuple(RunSpeed(*row) for row in reversed(rows))

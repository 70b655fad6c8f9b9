"""What reports say of a sequence in their own words, from the evidence that findings cite; it is de-identified."""

import re
from collections import defaultdict

import duckdb

from selip_contracts.vocabulary import Modality

_CLAUSE = re.compile("[^，,；;。]+")
_SPAN = re.compile(r":(\d+)-(\d+)")
_OPPOSITE = {"左": "右", "右": "左"}
_SIDE = re.compile("左(?!右)|(?<!左)右")
"""左右, as in 大小约5mm左右, stays."""


def read_sentences(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, Modality], str]:
    """By report and sequence the clauses that its present findings rest on, in the order of the report.

    A sequence whose findings cite nothing has none.
    """
    rows = connection.execute(
        """SELECT report_id, modality, evidence, evidence_start, evidence_spans
        FROM finding_rows SEMI JOIN readings USING (report_id, run_id)
        WHERE present AND evidence IS NOT NULL AND site <> '未列部位'"""
    ).fetchall()
    clauses: dict[tuple[str, Modality], dict[int, str]] = defaultdict(dict)
    for report_id, modality, evidence, start, spans in rows:
        clauses[report_id, modality] |= cited_clauses(evidence, start, spans or "")
    return {key: "，".join(own[position] for position in sorted(own)) for key, own in clauses.items()}


def cited_clauses(evidence: str, start: int, spans: str) -> dict[int, str]:
    """By their positions the clauses of an evidence that its spans, written role:start-end, touch; without any, all.

    A sentence often describes a lesion on one sequence after the other: T1's clauses are not those of T2.
    """
    cited = [(int(first) - start, int(end) - start) for first, end in _SPAN.findall(spans)]
    found = [(match.start(), match.end(), match[0].strip()) for match in _CLAUSE.finditer(evidence)]
    return {
        start + first: clause
        for first, end, clause in found
        if clause and (not cited or any(begin < end and first < stop for begin, stop in cited))
    }


def mirrored_sentences(sentences: str) -> str:
    """The words for the mirrored head: 左 and 右 are exchanged."""
    return _SIDE.sub(lambda side: _OPPOSITE[side[0]], sentences)

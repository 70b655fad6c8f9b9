"""Extractions as rows of the database's tables, and rows of these tables as findings."""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

from selip_contracts.findings import Evidence, Finding, GeneralFinding
from selip_extract.extraction import Extraction

Row = tuple[Any, ...]

_EVIDENCE_COLUMNS = ("evidence", "evidence_start", "evidence_end", "evidence_spans")
_PLACE_COLUMNS = ("run_id", "report_id", "position")
_FINDING_FIELDS = (
    "modality", "side", "site", "signal", "present", "morphology", "count", "margin", "lesion", "certainty",
    "confidence", "agreed",
)  # fmt: skip
_GENERAL_FIELDS = ("side", "site", "change")

EXTRACTION_COLUMNS = ("run_id", "report_id", "status", "seconds", "reply", "note")
FINDING_COLUMNS = (*_PLACE_COLUMNS, *_FINDING_FIELDS, "signal_class", "size_mm", *_EVIDENCE_COLUMNS)
GENERAL_COLUMNS = (*_PLACE_COLUMNS, *_GENERAL_FIELDS, *_EVIDENCE_COLUMNS)
REVIEW_COLUMNS = (*_PLACE_COLUMNS, "reason", "passage", "passage_start", "passage_end")

_EVIDENCE_VALUES = "evidence, evidence_start, evidence_end, spans(evidence_spans)"
FINDING_VALUES = f"{', '.join(_FINDING_FIELDS)}, size_mm, {_EVIDENCE_VALUES}"
"""What `finding` needs of a row of finding_rows."""
GENERAL_VALUES = f"{', '.join(_GENERAL_FIELDS)}, {_EVIDENCE_VALUES}"
"""What `general_finding` needs of a row of general_finding_rows."""

_finding_fields = attrgetter(*_FINDING_FIELDS, "signal_class")
_general_fields = attrgetter(*_GENERAL_FIELDS)


def extraction_rows(run_id: int, extractions: Sequence[Extraction]) -> Iterator[Row]:
    """Rows of EXTRACTION_COLUMNS."""
    return ((run_id, e.report_id, e.status, e.seconds, e.reply, e.note) for e in extractions)


def finding_rows(run_id: int, extractions: Sequence[Extraction]) -> Iterator[Row]:
    """Rows of FINDING_COLUMNS, lists as text."""
    return (
        (run_id, e.report_id, position, *_finding_fields(f), str([*f.size_mm]), *_evidence_values(f.evidence))
        for e in extractions
        if e.study
        for findings in (e.study.findings, e.study.negatives)
        for position, f in enumerate(findings, start=1)
    )


def general_rows(run_id: int, extractions: Sequence[Extraction]) -> Iterator[Row]:
    """Rows of GENERAL_COLUMNS."""
    return (
        (run_id, e.report_id, position, *_general_fields(change), *_evidence_values(change.evidence))
        for e in extractions
        if e.study
        for position, change in enumerate(e.study.general, start=1)
    )


def review_rows(run_id: int, extractions: Sequence[Extraction]) -> Iterator[Row]:
    """Rows of REVIEW_COLUMNS."""
    return (
        (run_id, e.report_id, position, review.reason, review.text, review.start, review.end)
        for e in extractions
        for position, review in enumerate(e.review, start=1)
    )


def finding(row: Row) -> Finding:
    """The finding or explicit negative of a row of FINDING_VALUES."""
    fields = dict(zip(_FINDING_FIELDS, row, strict=False))
    return Finding(**fields, size_mm=tuple(row[-5]), evidence=_evidence(row[-4:]))


def general_finding(row: Row) -> GeneralFinding:
    """The general finding of a row of GENERAL_VALUES."""
    return GeneralFinding(**dict(zip(_GENERAL_FIELDS, row, strict=False)), evidence=_evidence(row[-4:]))


def _evidence_values(evidence: Evidence | None) -> Row:
    if evidence is None:
        return (None, None, None, None)
    return (evidence.text, evidence.start, evidence.end, " ".join([span.written for span in evidence.spans]))


def _evidence(values: Row) -> Evidence | None:
    text, start, end, spans = values
    return None if text is None else Evidence(text=text, start=start, end=end, spans=tuple(spans))

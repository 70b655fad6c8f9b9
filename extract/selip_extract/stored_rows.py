"""Extractions as columns of the database's tables, and rows of these tables as findings."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from selip_contracts.findings import Evidence, Finding, GeneralFinding
from selip_extract.extraction import Extraction

Columns = Mapping[str, Iterable[object]]
Row = tuple[Any, ...]

_FINDING_COLUMNS = (
    "modality", "side", "site", "signal", "present", "morphology", "count", "margin", "lesion", "certainty",
    "confidence", "agreed",
)  # fmt: skip
_GENERAL_COLUMNS = ("side", "site", "change")
_EVIDENCE_VALUES = "evidence, evidence_start, evidence_end, spans(evidence_spans)"
FINDING_VALUES = f"{', '.join(_FINDING_COLUMNS)}, size_mm, {_EVIDENCE_VALUES}"
"""What `finding` needs of a row of finding_rows."""
GENERAL_VALUES = f"{', '.join(_GENERAL_COLUMNS)}, {_EVIDENCE_VALUES}"
"""What `general_finding` needs of a row of general_finding_rows."""


def extraction_columns(run_id: int, extractions: Sequence[Extraction]) -> Columns:
    """The table extractions."""
    return {
        "run_id": [run_id] * len(extractions),
        **_fields(extractions, "report_id", "status", "seconds", "reply", "note"),
    }


def finding_columns(run_id: int, extractions: Sequence[Extraction]) -> Columns:
    """The table finding_rows."""
    parts = [(e.report_id, part) for e in extractions if e.study for part in (e.study.findings, e.study.negatives)]
    findings = [found for _, part in parts for found in part]
    return {
        **_places(run_id, parts),
        **_fields(findings, *_FINDING_COLUMNS, "signal_class"),
        "size_mm": (str([*found.size_mm]) for found in findings),
        **_evidence_columns([found.evidence for found in findings]),
    }


def general_columns(run_id: int, extractions: Sequence[Extraction]) -> Columns:
    """The table general_finding_rows."""
    parts = [(e.report_id, e.study.general) for e in extractions if e.study]
    changes = [change for _, part in parts for change in part]
    return {
        **_places(run_id, parts),
        **_fields(changes, *_GENERAL_COLUMNS),
        **_evidence_columns([change.evidence for change in changes]),
    }


def review_columns(run_id: int, extractions: Sequence[Extraction]) -> Columns:
    """The table review_rows."""
    parts = [(e.report_id, e.review) for e in extractions]
    passages = [passage for _, part in parts for passage in part]
    return {
        **_places(run_id, parts),
        "reason": [passage.reason for passage in passages],
        "passage": [passage.text for passage in passages],
        "passage_start": [passage.start for passage in passages],
        "passage_end": [passage.end for passage in passages],
    }


def finding(row: Row) -> Finding:
    """The finding or explicit negative of a row of FINDING_VALUES."""
    fields = dict(zip(_FINDING_COLUMNS, row, strict=False))
    return Finding(**fields, size_mm=tuple(row[-5]), evidence=_evidence(row[-4:]))


def general_finding(row: Row) -> GeneralFinding:
    """The general finding of a row of GENERAL_VALUES."""
    return GeneralFinding(**dict(zip(_GENERAL_COLUMNS, row, strict=False)), evidence=_evidence(row[-4:]))


def _places(run_id: int, parts: Sequence[tuple[str, Sequence[object]]]) -> Columns:
    """Where a row stands: its run, its report, and its position from 1 in its part of the extraction."""
    reports = [report_id for report_id, part in parts for _ in part]
    return {
        "run_id": [run_id] * len(reports),
        "report_id": reports,
        "position": [position for _, part in parts for position in range(1, len(part) + 1)],
    }


def _fields(objects: Sequence[object], *names: str) -> Columns:
    return {name: map(attrgetter(name), objects) for name in names}


def _evidence_columns(evidence: Sequence[Evidence | None]) -> Columns:
    return {
        "evidence": [None if e is None else e.text for e in evidence],
        "evidence_start": [None if e is None else e.start for e in evidence],
        "evidence_end": [None if e is None else e.end for e in evidence],
        "evidence_spans": [None if e is None else " ".join([span.written for span in e.spans]) for e in evidence],
    }


def _evidence(values: Row) -> Evidence | None:
    text, start, end, spans = values
    return None if text is None else Evidence(text=text, start=start, end=end, spans=tuple(spans))

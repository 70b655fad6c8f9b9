"""Extractions as columns of the database's tables, and rows of these tables as findings."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selip_contracts.findings import Evidence, Finding, GeneralFinding
from selip_contracts.vocabulary import SIGNAL_CLASS
from selip_extract.extraction import Extraction

Columns = Mapping[str, Sequence[object] | NDArray[np.int64]]
Row = tuple[Any, ...]

_EXTRACTION_FIELDS = ("report_id", "status", "seconds", "reply", "note")
_FINDING_FIELDS = (
    "modality", "side", "site", "signal", "present", "morphology", "count", "margin", "lesion", "certainty",
    "confidence", "agreed",
)  # fmt: skip
_GENERAL_FIELDS = ("side", "site", "change")

_EVIDENCE_VALUES = "evidence, evidence_start, evidence_end, spans(evidence_spans)"
FINDING_VALUES = f"{', '.join(_FINDING_FIELDS)}, size_mm, {_EVIDENCE_VALUES}"
"""What `finding` needs of a row of finding_rows."""
GENERAL_VALUES = f"{', '.join(_GENERAL_FIELDS)}, {_EVIDENCE_VALUES}"
"""What `general_finding` needs of a row of general_finding_rows."""


def extraction_columns(run_id: int, extractions: Sequence[Extraction]) -> Columns:
    """The table extractions."""
    return {"run_id": np.full(len(extractions), run_id), **_fields(extractions, _EXTRACTION_FIELDS)}


def finding_columns(run_id: int, extractions: Sequence[Extraction]) -> Columns:
    """The table finding_rows, lists as text."""
    parts = [(e.report_id, part) for e in extractions if e.study for part in (e.study.findings, e.study.negatives)]
    findings = [found for _, part in parts for found in part]
    return {
        **_places(run_id, parts),
        **_fields(findings, _FINDING_FIELDS),
        "signal_class": [SIGNAL_CLASS[found.signal] if found.signal else None for found in findings],
        "size_mm": [str([*found.size_mm]) if found.size_mm else "[]" for found in findings],
        **_evidence_columns(findings),
    }


def general_columns(run_id: int, extractions: Sequence[Extraction]) -> Columns:
    """The table general_finding_rows, lists as text."""
    parts = [(e.report_id, e.study.general) for e in extractions if e.study]
    changes = [change for _, part in parts for change in part]
    return {**_places(run_id, parts), **_fields(changes, _GENERAL_FIELDS), **_evidence_columns(changes)}


def review_columns(run_id: int, extractions: Sequence[Extraction]) -> Columns:
    """The table review_rows."""
    parts = [(e.report_id, e.review) for e in extractions]
    return {
        **_places(run_id, parts),
        "reason": [review.reason for _, part in parts for review in part],
        "passage": [review.text for _, part in parts for review in part],
        "passage_start": [review.start for _, part in parts for review in part],
        "passage_end": [review.end for _, part in parts for review in part],
    }


def finding(row: Row) -> Finding:
    """The finding or explicit negative of a row of FINDING_VALUES."""
    fields = dict(zip(_FINDING_FIELDS, row, strict=False))
    return Finding(**fields, size_mm=tuple(row[-5]), evidence=_evidence(row[-4:]))


def general_finding(row: Row) -> GeneralFinding:
    """The general finding of a row of GENERAL_VALUES."""
    return GeneralFinding(**dict(zip(_GENERAL_FIELDS, row, strict=False)), evidence=_evidence(row[-4:]))


def _places(run_id: int, parts: Sequence[tuple[str, Sequence[object]]]) -> Columns:
    """Where a row stands: its run, its report, and its position from 1 in its part of the extraction."""
    reports = [report_id for report_id, part in parts for _ in part]
    positions = (position for _, part in parts for position in range(1, len(part) + 1))
    return {
        "run_id": np.full(len(reports), run_id),
        "report_id": reports,
        "position": np.fromiter(positions, np.int64, len(reports)),
    }


def _fields(objects: Iterable[object], names: Sequence[str]) -> Columns:
    """Object by object, not name by name, which would fetch every object from memory as often as it has fields."""
    return dict(zip(names, zip(*map(attrgetter(*names), objects), strict=True), strict=False))


def _evidence_columns(findings: Iterable[Finding | GeneralFinding]) -> Columns:
    evidence = [found.evidence for found in findings]
    return {
        "evidence": [e and e.text for e in evidence],
        "evidence_start": [e and e.start for e in evidence],
        "evidence_end": [e and e.end for e in evidence],
        "evidence_spans": [e and " ".join([span.written for span in e.spans]) for e in evidence],
    }


def _evidence(values: Row) -> Evidence | None:
    text, start, end, spans = values
    return None if text is None else Evidence(text=text, start=start, end=end, spans=tuple(spans))

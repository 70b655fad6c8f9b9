"""Extractions as columns of the database's tables, and rows of these tables as findings."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selip_contracts.annotated import as_stated
from selip_contracts.findings import Evidence, Finding, GeneralFinding
from selip_contracts.vocabulary import SIGNAL_CLASS
from selip_extract.extraction import NO_USAGE, Extraction, Usage

Columns = Mapping[str, NDArray[Any]]
StoredRow = tuple[Any, ...]

_EXTRACTION_FIELDS = ("report_id", "status", "seconds", "reply", "note")
_FINDING_FIELDS = (
    "modality", "side", "site", "site_text", "signal", "present", "morphology", "count", "number", "margin",
    "lesion", "certainty", "confidence", "agreed",
)  # fmt: skip
_GENERAL_FIELDS = ("side", "site", "site_text", "change", "confidence", "agreed")
_WRITTEN = attrgetter("written")
_NO_EVIDENCE: Mapping[str, object] = dict.fromkeys(Evidence.model_fields)

_EVIDENCE_COLUMNS = "evidence, evidence_start, evidence_end, spans(evidence_spans)"
FINDING_COLUMNS = f"{', '.join(_FINDING_FIELDS)}, size_mm, {_EVIDENCE_COLUMNS}"
"""What `finding` needs of a row of finding_rows."""
GENERAL_COLUMNS = f"{', '.join(_GENERAL_FIELDS)}, {_EVIDENCE_COLUMNS}"
"""What `general_finding` needs of a row of general_finding_rows."""


@dataclass(frozen=True)
class BatchRows:
    """The rows of a batch of extractions by table, and what the batch counts for; workers send it to the writer."""

    reports: int
    usage: Usage
    tables: Mapping[str, Columns]


def batch_rows(run_id: int, extractions: Sequence[Extraction]) -> BatchRows:
    """The rows that a run adds for these extractions."""
    tables = {
        "extractions": extraction_columns(run_id, extractions),
        "finding_rows": finding_columns(run_id, extractions),
        "general_finding_rows": general_columns(run_id, extractions),
        "review_rows": review_columns(run_id, extractions),
    }
    return BatchRows(len(extractions), sum((e.usage for e in extractions), NO_USAGE), tables)


def extraction_columns(run_id: int, extractions: Sequence[Extraction]) -> Columns:
    """The table extractions."""
    return {"run_id": np.full(len(extractions), run_id), **_fields(extractions, _EXTRACTION_FIELDS)}


def finding_columns(run_id: int, extractions: Sequence[Extraction]) -> Columns:
    """The table finding_rows, lists as text."""
    parts = [(e.report_id, part) for e in extractions if e.study for part in (e.study.findings, e.study.negatives)]
    found = _fields([found for _, part in parts for found in part], (*_FINDING_FIELDS, "size_mm", "evidence"))
    return {
        **_row_keys(run_id, parts),
        **found,
        "signal_class": column(map(SIGNAL_CLASS.get, found["signal"])),
        "size_mm": column([str([*size]) if size else "[]" for size in found["size_mm"]]),
        **_evidence_columns(found["evidence"]),
    }


def general_columns(run_id: int, extractions: Sequence[Extraction]) -> Columns:
    """The table general_finding_rows, lists as text."""
    parts = [(e.report_id, e.study.general) for e in extractions if e.study]
    found = _fields([change for _, part in parts for change in part], (*_GENERAL_FIELDS, "evidence"))
    return {**_row_keys(run_id, parts), **found, **_evidence_columns(found["evidence"])}


def review_columns(run_id: int, extractions: Sequence[Extraction]) -> Columns:
    """The table review_rows."""
    parts = [(e.report_id, e.review) for e in extractions]
    passages = _fields(
        [review for _, part in parts for review in part], ("reason", "text", "start", "end", "alternatives")
    )
    return {
        **_row_keys(run_id, parts),
        "reason": passages["reason"],
        "passage": passages["text"],
        "passage_start": passages["start"],
        "passage_end": passages["end"],
        "alternatives": column(map(_as_json, passages["alternatives"])),
    }


def _as_json(statements: Sequence[Finding | GeneralFinding]) -> str | None:
    return json.dumps([as_stated(s) for s in statements], ensure_ascii=False) if statements else None


def column(values: Iterable[object]) -> NDArray[Any]:
    """Values of any type as a column that DuckDB reads."""
    return np.fromiter(values, object)


def finding(row: StoredRow) -> Finding:
    """The finding or explicit negative of a row of FINDING_COLUMNS."""
    fields = dict(zip(_FINDING_FIELDS, row, strict=False))
    return Finding(**fields, size_mm=tuple(row[-5]), evidence=_evidence(row[-4:]))


def general_finding(row: StoredRow) -> GeneralFinding:
    """The general finding of a row of GENERAL_COLUMNS."""
    return GeneralFinding(**dict(zip(_GENERAL_FIELDS, row, strict=False)), evidence=_evidence(row[-4:]))


def _row_keys(run_id: int, parts: Sequence[tuple[str, Sequence[object]]]) -> Columns:
    """The key of each row: its run, its report, and its position from 1 in its part of the extraction."""
    lengths = np.fromiter((len(part) for _, part in parts), np.int64)
    before = np.cumsum(lengths) - lengths
    return {
        "run_id": np.full(lengths.sum(), run_id),
        "report_id": np.repeat(column(report_id for report_id, _ in parts), lengths),
        "position": np.arange(1, lengths.sum() + 1) - np.repeat(before, lengths),
    }


def _fields(objects: Iterable[object], names: Sequence[str]) -> Columns:
    """Read from the objects' dictionaries: pydantic looks each attribute up in the class first, which is slow."""
    return _values(map(vars, objects), names)


def _values(dictionaries: Iterable[Mapping[str, object]], names: Sequence[str]) -> Columns:
    found = list(dictionaries)
    return {name: column(map(itemgetter(name), found)) for name in names}


def _evidence_columns(evidence: Iterable[Evidence | None]) -> Columns:
    said = _values([_NO_EVIDENCE if e is None else vars(e) for e in evidence], tuple(_NO_EVIDENCE))
    return {
        "evidence": said["text"],
        "evidence_start": said["start"],
        "evidence_end": said["end"],
        "evidence_spans": column([s if s is None else " ".join(map(_WRITTEN, s)) for s in said["spans"]]),
    }


def _evidence(values: StoredRow) -> Evidence | None:
    text, start, end, spans = values
    return None if text is None else Evidence(text=text, start=start, end=end, spans=tuple(spans))

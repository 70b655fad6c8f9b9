"""The reports whose texts are most similar to a report's, for each sequence, and the findings that match."""

from dataclasses import dataclass

import duckdb
import torch

from selip_contracts.vocabulary import MODALITIES, Modality
from selip_pretrain.objective.finding_similarity import (
    ALL,
    PUBLISHED,
    Factor,
    FindingSimilarity,
    IndexedStatement,
    TextTable,
    WordingFactor,
)
from selip_pretrain.objective.targets import TARGETS
from selip_shared.errors import SelipError

MAX_NAMED_REPORTS = 3
"""Reports of one text that are named; the others are counted."""


@dataclass(frozen=True)
class MatchedFinding:
    """A finding of the report, the most similar finding of the other text, their similarity and its factors."""

    finding: IndexedStatement
    other: IndexedStatement
    similarity: float
    location: float | None
    signal: float | None
    wording: float | None


@dataclass(frozen=True)
class Neighbour:
    """A text similar to the report's: its similarity (0..1), the reports that have it, and the matched findings."""

    similarity: float
    text: str
    reports: tuple[str, ...]
    report_count: int
    matched: tuple[MatchedFinding, ...]


@dataclass(frozen=True)
class Neighbourhood:
    """The report's text on one sequence and the most similar texts of other reports, most similar first."""

    modality: Modality
    text: str
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True)
class _OtherText:
    """A text of other reports, their number, and some of them."""

    text: str
    count: int
    reports: tuple[str, ...]


def nearest_reports(
    connection: duckdb.DuckDBPyConnection, report_id: str, target_name: str, limit: int
) -> list[Neighbourhood]:
    """Up to `limit` most similar texts on each sequence that the report has a text on; SelipError where it has none."""
    if target_name not in TARGETS:
        raise SelipError(f"There is no target {target_name}: choose one of {', '.join(TARGETS)}.")
    own: dict[str, str] = dict(
        connection.execute("SELECT modality, text FROM statements WHERE report_id = ?", [report_id]).fetchall()
    )
    if not own:
        raise SelipError(_why_without_text(connection, report_id))
    others: dict[str, list[_OtherText]] = {modality: [] for modality in own}
    for modality, text, count, reports in connection.execute(
        """SELECT modality, text, count(*), min(report_id, ?) FROM statements
        WHERE report_id <> ? AND modality IN (SELECT unnest(?)) GROUP BY modality, text ORDER BY count(*) DESC, text""",
        [MAX_NAMED_REPORTS, report_id, list(own)],
    ).fetchall():
        others[modality].append(_OtherText(text, count, tuple(reports)))
    return [
        Neighbourhood(modality, own[modality], _nearest(modality, own[modality], others[modality], target_name, limit))
        for modality in MODALITIES
        if modality in own
    ]


def _nearest(
    modality: Modality, text: str, others: list[_OtherText], target_name: str, limit: int
) -> tuple[Neighbour, ...]:
    texts = [other.text for other in others]
    table = TextTable([text, *texts], [modality] * (1 + len(texts)))
    target = TARGETS[target_name]
    (similarity,) = target.similarity(table, table.rows([text]), table.rows(texts))
    order = similarity.sort(descending=True, stable=True).indices[:limit].tolist()
    return tuple(
        Neighbour(
            float(similarity[index]),
            others[index].text,
            others[index].reports,
            others[index].count,
            _matched(table, text, others[index].text, target.of_findings or PUBLISHED),
        )
        for index in order
        if similarity[index] > 0
    )


def _matched(table: TextTable, text: str, other: str, similarity: FindingSimilarity) -> tuple[MatchedFinding, ...]:
    """Each finding of `text` with the most similar one of `other`."""
    own, others = (table.findings.take(table.rows([t])).members for t in (text, other))
    if not len(own) or not len(others):
        return ()
    values, best = similarity.between(table, own, others, torch.float64)(ALL, ALL).max(1)
    location, signal = similarity.meaning or (None, None)

    def values_of(factor: Factor | WordingFactor | None) -> list[float] | list[None]:
        if factor is None:
            return [None] * len(own)
        return factor.between(table, own, others[best], torch.float64)(ALL, ALL).diagonal().tolist()

    factors = map(values_of, (location, signal, similarity.wording))
    return tuple(
        MatchedFinding(table.statements[finding], table.statements[match], *numbers)
        for finding, match, *numbers in zip(own.tolist(), others[best].tolist(), values.tolist(), *factors, strict=True)
    )


def _why_without_text(connection: duckdb.DuckDBPyConnection, report_id: str) -> str:
    if not connection.execute("SELECT 1 FROM reports WHERE report_id = ?", [report_id]).fetchall():
        return f"There is no report {report_id}: name one of the column report_id of the table reports."
    studies = connection.execute("SELECT status FROM studies WHERE report_id = ?", [report_id]).fetchall()
    if not studies:
        return f"Report {report_id} has not been read yet: run selip-extract on the database first."
    ((status,),) = studies
    if status != "ok":
        return f"Report {report_id} could not be read (status {status}): open it with selip-review."
    return (
        f"Report {report_id} has only findings without a sequence, so there is no text to compare: name another report."
    )

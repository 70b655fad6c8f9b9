"""The reports whose texts are most like a report's, sequence by sequence, and which of their findings make it so."""

from dataclasses import dataclass

import duckdb
import torch

from selip_contracts.vocabulary import MODALITIES, Modality
from selip_pretrain.objective.finding_similarity import (
    ALL,
    PUBLISHED,
    Factor,
    IndexedStatement,
    Score,
    TextTable,
    Wording,
)
from selip_pretrain.objective.targets import TARGETS
from selip_shared.errors import SelipError

NAMED_REPORTS = 3
"""So many reports of one text are named, the others are counted."""


@dataclass(frozen=True)
class Matched:
    """A finding of the report, the finding of the other text that is most like it, and the parts of their score."""

    finding: IndexedStatement
    other: IndexedStatement
    score: float
    place: float | None
    signal: float | None
    wording: float | None


@dataclass(frozen=True)
class Neighbour:
    """A text like the report's: how like (0..1), the reports that have it, and what each finding was matched with."""

    similarity: float
    text: str
    reports: tuple[str, ...]
    report_count: int
    matched: tuple[Matched, ...]


@dataclass(frozen=True)
class Neighbourhood:
    """The report's text on one sequence and the texts of other reports nearest to it, nearest first."""

    modality: Modality
    text: str
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True)
class _Shared:
    """A text, how many other reports have it, and some of them."""

    text: str
    count: int
    reports: tuple[str, ...]


def nearest_reports(
    connection: duckdb.DuckDBPyConnection, report_id: str, target_name: str, most: int
) -> list[Neighbourhood]:
    """Up to `most` nearest texts on each sequence that the report has a text on; SelipError where it has none."""
    if target_name not in TARGETS:
        raise SelipError(f"There is no similarity {target_name}: choose one of {', '.join(TARGETS)}.")
    own: dict[str, str] = dict(
        connection.execute("SELECT modality, text FROM statements WHERE report_id = ?", [report_id]).fetchall()
    )
    if not own:
        raise SelipError(_why_without_text(connection, report_id))
    others: dict[str, list[_Shared]] = {modality: [] for modality in own}
    for modality, text, count, reports in connection.execute(
        """SELECT modality, text, count(*), min(report_id, ?) FROM statements
        WHERE report_id <> ? AND modality IN (SELECT unnest(?)) GROUP BY modality, text ORDER BY count(*) DESC, text""",
        [NAMED_REPORTS, report_id, list(own)],
    ).fetchall():
        others[modality].append(_Shared(text, count, tuple(reports)))
    return [
        Neighbourhood(modality, own[modality], _nearest(modality, own[modality], others[modality], target_name, most))
        for modality in MODALITIES
        if modality in own
    ]


def _nearest(
    modality: Modality, text: str, others: list[_Shared], target_name: str, most: int
) -> tuple[Neighbour, ...]:
    texts = [shared.text for shared in others]
    table = TextTable([text, *texts], [modality] * (1 + len(texts)))
    target = TARGETS[target_name]
    (similarity,) = target.similarity(table, table.rows([text]), table.rows(texts))
    order = similarity.sort(descending=True, stable=True).indices[:most].tolist()
    return tuple(
        Neighbour(
            float(similarity[place]),
            others[place].text,
            others[place].reports,
            others[place].count,
            _matched(table, text, others[place].text, target.score or PUBLISHED),
        )
        for place in order
        if similarity[place] > 0
    )


def _matched(table: TextTable, text: str, other: str, score: Score) -> tuple[Matched, ...]:
    """Each finding of `text` with its best one in `other`."""
    here, there = (table.findings.take(table.rows([t])).members for t in (text, other))
    if not len(here) or not len(there):
        return ()
    values, best = score.between(table, here, there, torch.float64)(ALL, ALL).max(1)
    place, signal = score.meaning or (None, None)

    def of_each(part: Factor | Wording | None) -> list[float] | list[None]:
        if part is None:
            return [None] * len(here)
        return part.between(table, here, there[best], torch.float64)(ALL, ALL).diagonal().tolist()

    return tuple(
        Matched(table.statements[finding], table.statements[other], *scored)
        for finding, other, *scored in zip(
            here.tolist(), there[best].tolist(), values.tolist(), *map(of_each, (place, signal, score.wording)),
            strict=True,
        )
    )  # fmt: skip


def _why_without_text(connection: duckdb.DuckDBPyConnection, report_id: str) -> str:
    if not connection.execute("SELECT 1 FROM reports WHERE report_id = ?", [report_id]).fetchall():
        return f"There is no report {report_id}: name one of the column report_id of the table reports."
    studies = connection.execute("SELECT status FROM studies WHERE report_id = ?", [report_id]).fetchall()
    if not studies:
        return f"Report {report_id} is not read yet: run selip-extract on the database first."
    ((status,),) = studies
    if status != "ok":
        return f"Report {report_id} could not be read (status {status}): look at it with selip-review."
    return f"Report {report_id} has only changes that belong to no sequence, so no text to compare: name another."

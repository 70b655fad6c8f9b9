"""The details of reports for the review page, in few characters: 20,000 reports are one file."""

import json
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import duckdb

from selip_contracts.annotated import as_stated
from selip_contracts.findings import Finding, GeneralFinding, Study
from selip_extract.database.columns import StoredRow
from selip_extract.database.stored_studies import rows_by_report, studies_of
from selip_extract.extraction import REVIEW_REASONS
from selip_extract.language.lexer import lex
from selip_extract.language.lexicon import Kind
from selip_extract.pages.offline_page import Json

# The words of a report that say what a finding consists of: who selects them adds it.
_NAMING: frozenset[Kind] = frozenset(
    ("site", "side", "post_side", "sequence", "signal", "enhancement", "restriction", "change", "negation")
)
_IDENTITY = ("modality", "side", "site", "signal", "change", "agreed")
_GENERAL = "general"


class Interned:
    """Values that stand once in the page, and are named by their number."""

    def __init__(self) -> None:
        self.values: list[Hashable] = []
        self._numbers: dict[Hashable, int] = {}

    def number(self, value: Hashable) -> int:
        """The number of the value, from 0."""
        if value not in self._numbers:
            self._numbers[value] = len(self.values)
            self.values.append(value)
        return self._numbers[value]


class Details(NamedTuple):
    """Of one report: the keys of its statements and its reasons for review, as numbers, and what else is shown."""

    keys: list[int]
    reasons: list[int]
    shown: Json


def details_of(
    connection: duckdb.DuckDBPyConnection,
    reports: Sequence[tuple[int, str, str]],
    keys: Interned,
    tokens: Interned,
) -> list[Details]:
    """The details of the reports, each given as the run that read it, id and text, in their order.

    A key is [sequence or general, side, site, signal or change, agreed]; a token is [kind, value].
    """
    studies: dict[str, Study] = {}
    passages: dict[str, list[StoredRow]] = {}
    for run_id in sorted({run_id for run_id, _, _ in reports}):
        ids = [report_id for run, report_id, _ in reports if run == run_id]
        studies |= studies_of(connection, run_id, ids)
        passages |= rows_by_report(
            connection, "review_rows", "reason, passage_start, passage_end, alternatives", run_id, ids
        )
    details = []
    for _, report_id, text in reports:
        study = studies[report_id]
        statements: tuple[Finding | GeneralFinding, ...] = (*study.findings, *study.negatives, *study.general)
        doubts = [
            {"reason": reason, "start": start, "end": end, "alternatives": _alternatives(alternatives)}
            for reason, start, end, alternatives in passages.get(report_id, [])
        ]
        details.append(
            Details(
                keys=[keys.number(_key(statement)) for statement in statements],
                reasons=sorted({REVIEW_REASONS.index(doubt["reason"]) for doubt in doubts}),
                shown={
                    "items": [_further(statement) for statement in statements],
                    "doubts": doubts,
                    "tokens": _tokens(text, tokens),
                },
            )
        )
    return details


def _key(statement: Finding | GeneralFinding) -> Hashable:
    if isinstance(statement, GeneralFinding):
        return (_GENERAL, statement.side, statement.site, statement.change, None)
    return (*statement.key, statement.agreed)


def _further(statement: Finding | GeneralFinding) -> Json:
    """What a statement says beside its key; the words of its evidence are those of the text."""
    further = {name: value for name, value in as_stated(statement).items() if name not in _IDENTITY}
    if (evidence := statement.evidence) is not None:
        further["evidence"] = [evidence.start, evidence.end, " ".join(span.written for span in evidence.spans)]
    return further


def _alternatives(written: str | None) -> list[Json]:
    return [] if written is None else json.loads(written)


def _tokens(text: str, tokens: Interned) -> list[int]:
    """The naming words of the text, three numbers each: token, start, end."""
    return [
        number
        for sentence in lex(text).sentences
        for token in sentence
        if token.kind in _NAMING
        for number in (tokens.number((token.kind, token.value)), token.start, token.end)
    ]

"""Two runs over the same reports: what changed, by kind, and which of them annotated reports prefer."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal, NamedTuple, get_args

import duckdb
import numpy as np

from selip_contracts.findings import AnnotatedReport, Study
from selip_extract.evaluation.score import DECIMALS, interval, ratio, resamples, tally
from selip_extract.evaluation.unlisted_sites import with_annotated_sites
from selip_shared.bootstrap import Estimate

DifferenceKind = Literal[
    "signal", "side", "site", "finding_only_before", "finding_only_after", "general_only_before", "general_only_after",
    "status",
]  # fmt: skip
DIFFERENCE_KINDS: tuple[DifferenceKind, ...] = get_args(DifferenceKind)

_COMPARED = """WITH compared AS (
    SELECT report_id FROM extractions AS one JOIN extractions AS other USING (report_id)
    WHERE one.run_id = $before AND other.run_id = $after AND one.status = 'ok' AND other.status = 'ok'
), before AS (SELECT report_id, {key} FROM {table} SEMI JOIN compared USING (report_id) WHERE run_id = $before {where}),
after AS (SELECT report_id, {key} FROM {table} SEMI JOIN compared USING (report_id) WHERE run_id = $after {where})
"""
_DIFFERENCES = """
SELECT report_id, false AS is_after, * EXCLUDE (report_id) FROM (FROM before EXCEPT FROM after)
UNION ALL SELECT report_id, true, * EXCLUDE (report_id) FROM (FROM after EXCEPT FROM before) ORDER BY ALL"""
_FINDINGS = {"table": "finding_rows", "key": "modality, side, site, signal", "where": "AND present"}
_GENERAL = {"table": "general_finding_rows", "key": "side, site, change", "where": ""}
_PAIRS: dict[DifferenceKind, int] = {"signal": 3, "side": 1, "site": 2}
"""The index in (modality, side, site, signal) at which the findings of a pair differ, in the order of the search."""

_ALONE: dict[str, tuple[DifferenceKind, DifferenceKind]] = {
    "finding": ("finding_only_before", "finding_only_after"),
    "general": ("general_only_before", "general_only_after"),
}

_STATUSES = """
SELECT report_id, one.status AS before, other.status AS after
FROM (FROM extractions WHERE run_id = $before) AS one
FULL JOIN (FROM extractions WHERE run_id = $after) AS other USING (report_id)
WHERE one.status IS DISTINCT FROM other.status ORDER BY report_id"""

_BETTER: dict[int, Literal["before", "after"] | None] = {-1: "before", 0: None, 1: "after"}
_PAGE_SIZE = 10_000

FindingKey = tuple[str | None, ...]
ResultRow = tuple[Any, ...]


class Difference(NamedTuple):
    """One difference in one report, as the keys of findings or as statuses; None where there is nothing."""

    kind: DifferenceKind
    report_id: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Comparison:
    """What differs between two runs. Findings are compared in the `reports` that both have read.

    `examples` has the first changes of each kind, in the order of the reports' ids.
    """

    reports: int
    changed_reports: int
    same_findings: int
    changes: Mapping[DifferenceKind, int]
    examples: tuple[Difference, ...]


@dataclass(frozen=True)
class Advantage:
    """Finding F1 of two runs on the same annotated reports, and by how much the later one is better, with interval."""

    reports: int
    before: float
    after: float
    difference: Estimate

    @property
    def better(self) -> Literal["before", "after"] | None:
        """The better run; None where the interval holds 0: the difference is not significant."""
        return _BETTER[self.difference.sign]


def compare(connection: duckdb.DuckDBPyConnection, before: int, after: int, examples: int = 3) -> Comparison:
    """What changed from one run to the other; `examples` is their maximal number for each kind."""
    runs = {"before": before, "after": after}
    findings = _COMPARED.format(**_FINDINGS)
    counts = "SELECT (SELECT count(*) FROM compared), (SELECT count(*) FROM (FROM before INTERSECT FROM after))"
    ((reports, same),) = connection.execute(findings + counts, runs).fetchall()
    number: Counter[DifferenceKind] = Counter()
    shown: list[Difference] = []
    changed: set[str] = set()
    for change in differences(connection, before, after):
        number[change.kind] += 1
        changed.add(change.report_id)
        if number[change.kind] <= examples:
            shown.append(change)
    shown.sort(key=lambda change: DIFFERENCE_KINDS.index(change.kind))
    return Comparison(reports, len(changed), same, {kind: number[kind] for kind in DIFFERENCE_KINDS}, tuple(shown))


def differences(connection: duckdb.DuckDBPyConnection, before: int, after: int) -> Iterator[Difference]:
    """All that changed from one run to the other: findings, general findings, then statuses, each by report."""
    runs = {"before": before, "after": after}
    findings, general = _COMPARED.format(**_FINDINGS), _COMPARED.format(**_GENERAL)
    yield from _of_findings(_rows(connection, findings + _DIFFERENCES, runs))
    yield from (_alone("general", *row) for row in _rows(connection, general + _DIFFERENCES, runs))
    yield from (Difference("status", *row) for row in _rows(connection, _STATUSES, runs))


def advantage(gold: Sequence[AnnotatedReport], before: Mapping[str, Study], after: Mapping[str, Study]) -> Advantage:
    """Both runs' studies, by report id, against the annotated reports: a paired bootstrap over the reports.

    Each round draws the same reports for both runs, so what makes a report hard does not widen the interval.
    """
    tallies = [
        np.array(
            [
                tally(
                    (f.key for f in report.study.findings),
                    (
                        f.key
                        for f in with_annotated_sites(studies.get(report.report_id, Study()), report.study).findings
                    ),
                )
                for report in gold
            ]
        )
        for studies in (before, after)
    ]
    old, new = (float(ratio(counts.sum(axis=0))) for counts in tallies)
    draws = np.array([[ratio(times @ counts) for counts in tallies] for times in resamples(len(gold))])
    difference = Estimate(round(new - old, DECIMALS), *interval(draws[:, 1] - draws[:, 0]))
    return Advantage(len(gold), round(old, DECIMALS), round(new, DECIMALS), difference)


def _rows(connection: duckdb.DuckDBPyConnection, query: str, runs: Mapping[str, int]) -> Iterator[ResultRow]:
    answer = connection.execute(query, runs)
    while page := answer.fetchmany(_PAGE_SIZE):
        yield from page


def _of_findings(rows: Iterable[ResultRow]) -> Iterator[Difference]:
    """Of the findings that only one run has: pairs that differ in one value, then those without a partner."""
    for report_id, differing in groupby(rows, key=itemgetter(0)):
        only: dict[bool, list[FindingKey]] = {False: [], True: []}
        for _, is_after, *key in differing:
            only[is_after].append(tuple(key))
        for kind, index in _PAIRS.items():
            for old, new in _pairs(only[False], only[True], index):
                only[False].remove(old)
                only[True].remove(new)
                yield Difference(kind, report_id, _key_text(old), _key_text(new))
        for is_after, keys in only.items():
            yield from (_alone("finding", report_id, is_after, *key) for key in keys)


def _pairs(
    before: Sequence[FindingKey], after: Sequence[FindingKey], index: int
) -> list[tuple[FindingKey, FindingKey]]:
    """Keys that differ only in the value at that index, each key in one pair at most."""
    free: dict[FindingKey, list[FindingKey]] = {}
    for key in after:
        free.setdefault(_without(key, index), []).append(key)
    return [(key, same.pop(0)) for key in before if (same := free.get(_without(key, index)))]


def _without(key: FindingKey, index: int) -> FindingKey:
    return key[:index] + key[index + 1 :]


def _alone(what: Literal["finding", "general"], report_id: str, is_after: bool, *key: str | None) -> Difference:
    only_before, only_after = _ALONE[what]
    if is_after:
        return Difference(only_after, report_id, None, _key_text(key))
    return Difference(only_before, report_id, _key_text(key), None)


def _key_text(key: Iterable[str | None]) -> str:
    return " ".join(part for part in key if part is not None)

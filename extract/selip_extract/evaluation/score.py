"""Extracted studies against annotated ones: F1 of the findings, exact match, and errors that must not happen."""

import random
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_contracts.vocabulary import SITES
from selip_extract.database.stored_studies import studies_of
from selip_shared.bootstrap import ROUNDS, Estimate, percentile_interval, resample_counts

BOOTSTRAP_SEED = 0
DECIMALS = 4

Tallies = NDArray[np.int64]


@dataclass(frozen=True)
class ExtractionScore:
    """The figures of one comparison: shares between 0 and 1, most with an interval over reports, and counts.

    `positive_exact_match` is None where no annotated report has a finding.
    """

    reports: int
    finding_f1: Estimate
    precision: float
    recall: float
    class_f1: Estimate
    where_f1: Estimate
    site_f1: Estimate
    general_f1: Estimate
    exact_match: Estimate
    positive_exact_match: Estimate | None
    negation_errors: int
    ungrounded: int
    missing_reports: int

    def as_json(self) -> dict[str, object]:
        """One flat object: every estimate as NAME and NAME_95ci."""
        flat: dict[str, object] = {}
        for field in fields(self):
            figure = getattr(self, field.name)
            if isinstance(figure, Estimate):
                flat |= {field.name: figure.value, f"{field.name}_95ci": [figure.low, figure.high]}
            else:
                flat[field.name] = figure
        return flat


def location(finding: Finding) -> tuple[Hashable, ...]:
    """(modality, side, site): where a finding is, without its signal."""
    return (finding.modality, finding.side, finding.site)


FINDING_VIEWS: dict[str, Callable[[Finding], tuple[Hashable, ...]]] = {
    "finding_f1": lambda f: f.key,
    "class_f1": lambda f: (*location(f), f.signal_class),
    "where_f1": location,
    "site_f1": lambda f: (f.side, f.site),
}


def score(gold: Sequence[AnnotatedReport], extracted: Mapping[str, Study]) -> ExtractionScore:
    """The figures of the studies extracted, by report id, against the annotated reports; ValueError without any."""
    if not gold:
        raise ValueError("there is no annotated report to score against")
    pairs = [(report, extracted.get(report.report_id, Study())) for report in gold]
    tallies = {
        name: np.array([tally(map(view, g.study.findings), map(view, s.findings)) for g, s in pairs])
        for name, view in FINDING_VIEWS.items()
    }
    tallies["general_f1"] = np.array(
        [tally((x.key for x in g.study.general), (x.key for x in s.general)) for g, s in pairs]
    )
    exact = (tallies["finding_f1"][:, 1:] == 0).all(axis=1)
    positive = np.array([bool(g.study.findings) for g, _ in pairs])
    tallies["exact_match"] = np.stack([exact, np.ones_like(exact)], axis=1).astype(np.int64)
    tallies["positive_exact_match"] = np.stack([exact & positive, positive], axis=1).astype(np.int64)
    estimates = _estimates(tallies)
    right, wrong, missed = tallies["finding_f1"].sum(axis=0)
    return ExtractionScore(
        reports=len(gold),
        finding_f1=estimates["finding_f1"],
        precision=_share(right, right + wrong),
        recall=_share(right, right + missed),
        class_f1=estimates["class_f1"],
        where_f1=estimates["where_f1"],
        site_f1=estimates["site_f1"],
        general_f1=estimates["general_f1"],
        exact_match=estimates["exact_match"],
        positive_exact_match=estimates["positive_exact_match"] if positive.any() else None,
        negation_errors=sum(len(_locations(g.study.negatives) & _locations(s.findings)) for g, s in pairs),
        ungrounded=sum(not grounded(f.site, g.findings_text) for g, s in pairs for f in s.findings),
        missing_reports=sum(bool(g.study.findings) and not s.findings for g, s in pairs),
    )


class RunStudies(NamedTuple):
    """The studies of a run by the id of the annotated report, and its speed; None where the run never finished."""

    studies: dict[str, Study]
    reports_per_second: float | None


def run_studies(connection: duckdb.DuckDBPyConnection, run_id: int, gold: Sequence[AnnotatedReport]) -> RunStudies:
    """The studies of one run for the annotated reports, and the speed of the run."""
    ((speed,),) = connection.execute("SELECT reports_per_second FROM runs WHERE run_id = ?", [run_id]).fetchall()
    return RunStudies(extracted_studies(connection, run_id, gold), speed)


def extracted_studies(
    connection: duckdb.DuckDBPyConnection, run_id: int, gold: Sequence[AnnotatedReport]
) -> dict[str, Study]:
    """The studies of one run by the id of the annotated report; no entry for a report that the run has not read.

    A report is found by its text, since in the database it may have another id (a#2 where a came with several texts);
    of several with this text by its id, and by its id alone where no report has the text.
    """
    stored = connection.execute(
        """SELECT report_id, given_id, text FROM reports JOIN extractions USING (report_id)
        WHERE run_id = ? AND status = 'ok' AND (text IN (SELECT unnest(?)) OR report_id IN (SELECT unnest(?)))
        ORDER BY ordinal DESC""",
        [run_id, [report.findings_text for report in gold], [report.report_id for report in gold]],
    ).fetchall()
    by_both = {(name, text): report_id for report_id, given_id, text in stored for name in (given_id, report_id)}
    by_text = {text: report_id for report_id, _, text in stored}
    ids = {report_id for report_id, _, _ in stored}
    names = {
        report.report_id: by_both.get((report.report_id, report.findings_text))
        or by_text.get(report.findings_text)
        or (report.report_id if report.report_id in ids else None)
        for report in gold
    }
    studies = studies_of(connection, run_id, [name for name in names.values() if name is not None])
    return {annotated_id: studies[name] for annotated_id, name in names.items() if name is not None}


def grounded(site: str, text: str) -> bool:
    """Whether the text contains a surface form of the site."""
    return any(form in text for form in SITES[site].surface_forms)


def resamples(reports: int) -> Iterator[Tallies]:
    """How often each report is drawn, (reports,), round by round of the bootstrap; the same in every call."""
    rng = random.Random(BOOTSTRAP_SEED)
    return resample_counts(reports, ROUNDS, lambda units: [rng.randrange(units) for _ in range(units)])


def interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % interval of the figures of all rounds, (rounds,): two of these figures, rounded."""
    low, high = percentile_interval(draws, method="higher")
    return round(low, DECIMALS), round(high, DECIMALS)


def tally(annotated: Iterable[Hashable], extracted: Iterable[Hashable]) -> tuple[int, int, int]:
    """How many distinct keys are right, extracted alone and annotated alone."""
    want, got = set(annotated), set(extracted)
    return len(want & got), len(got - want), len(want - got)


def ratio(sums: Tallies) -> NDArray[np.float64]:
    """F1 of (right, wrong, missed) or the share of (part, whole) along the last axis; 1 where there is nothing."""
    if sums.shape[-1] == 3:
        part = 2 * sums[..., 0]
        whole = part + sums[..., 1] + sums[..., 2]
    else:
        part, whole = sums[..., 0], sums[..., 1]
    shares: NDArray[np.float64] = np.where(whole > 0, part / np.maximum(whole, 1), 1.0)
    return shares


def _locations(findings: Iterable[Finding]) -> set[tuple[Hashable, ...]]:
    return {location(f) for f in findings}


def _share(part: int, whole: int) -> float:
    return round(float(part / whole), DECIMALS) if whole else 1.0


def _estimates(tallies: Mapping[str, Tallies]) -> dict[str, Estimate]:
    """The figure of each tally [reports, 3] (F1) or [reports, 2] (share) with its interval, on common resamples."""
    resampled = {name: np.empty((ROUNDS, counts.shape[1]), np.int64) for name, counts in tallies.items()}
    for draw, times in enumerate(resamples(len(next(iter(tallies.values()))))):
        for name, counts in tallies.items():
            resampled[name][draw] = times @ counts
    return {
        name: Estimate(round(float(ratio(counts.sum(axis=0))), DECIMALS), *interval(ratio(resampled[name])))
        for name, counts in tallies.items()
    }

"""Extracted studies against annotated ones: F1 of the findings, exact match, and errors that must not happen."""

import random
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_contracts.vocabulary import SITES, cached_until_sites_change, site_and_words
from selip_extract.evaluation.unlisted_sites import with_annotated_sites
from selip_extract.language.constructions.mending import mended
from selip_extract.language.lexicon import lexicon
from selip_shared.bootstrap import ROUNDS, Estimate, percentile_interval, resample_counts

BOOTSTRAP_SEED = 0
DECIMALS = 4

Tallies = NDArray[np.int64]


@dataclass(frozen=True)
class Share:
    """A share, and the number of things it is a share of; None where there are none."""

    value: float | None
    of: int


def share(are: Sequence[bool]) -> Share:
    """The share that is true."""
    return Share(round(sum(are) / len(are), DECIMALS) if are else None, len(are))


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


Figure = Estimate | Share | float | int | None


def flattened(figures: Mapping[str, Figure]) -> dict[str, object]:
    """One flat object: every estimate as NAME and NAME_95ci, every share as NAME and NAME_of."""
    flat: dict[str, object] = {}
    for name, figure in figures.items():
        match figure:
            case Estimate():
                flat |= {name: figure.value, f"{name}_95ci": [figure.low, figure.high]}
            case Share():
                flat |= {name: figure.value, f"{name}_of": figure.of}
            case _:
                flat[name] = figure
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
    pairs = [(report, with_annotated_sites(extracted.get(report.report_id, Study()), report.study)) for report in gold]
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
        ungrounded=sum(not grounded(f.site_name, g.findings_text) for g, s in pairs for f in s.findings),
        missing_reports=sum(bool(g.study.findings) and not s.findings for g, s in pairs),
    )


@cached_until_sites_change()
def _forms_of_sites() -> dict[str, tuple[str, ...]]:
    """The forms that name each site: those of the vocabulary and those that the lexicon reads besides."""
    forms = {name: [*site.surface_forms] for name, site in SITES.items()}
    for form, meaning in lexicon().words.items():
        for name in meaning.value.split("|") if meaning.kind == "site" else ():
            forms[name].append(form)
    forms["大脑皮层"] += lexicon().site_groups.cortex
    return {name: tuple(of_site) for name, of_site in forms.items()}


def grounded(site: str, text: str) -> bool:
    """Whether the text, as it is or mended, has a form of the site or the words of an unlisted one, in any case.

    A part may stand apart from the name of the whole: 胼胝体膝部及体部.
    """
    listed, words = site_and_words(site)
    forms = _forms_of_sites()[listed] if words is None else (words,)
    whole = SITES[listed].parent or listed
    texts = (text.upper(), mended(text).text.upper())
    return any(
        form.upper() in read or (form.startswith(whole) and whole in read and form.removeprefix(whole) in read)
        for form in forms
        for read in texts
    )


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

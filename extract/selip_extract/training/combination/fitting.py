"""The weights with which the rules and a second reader are combined, learnt on annotated reports."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding, Study
from selip_extract.evaluation.score import DECIMALS, ratio, tally
from selip_extract.evaluation.unlisted_sites import with_annotated_sites
from selip_extract.extractors.candidates import FEATURES, Candidate, candidates
from selip_extract.extractors.combination import Combination, is_kept
from selip_extract.extractors.inconsistencies import misread
from selip_extract.extractors.second_reader import SecondReader, SecondReading
from selip_extract.language.lexer import lex
from selip_extract.training.combination.first_readings import RuleReading, rules_today
from selip_shared.errors import SelipError

FOLDS = 5
MIN_REPORTS = 20


@dataclass(frozen=True)
class Example:
    """An annotated report, what the rules and the second reader read in it, and the group with which it is held out."""

    report: AnnotatedReport
    rules: RuleReading
    reader: SecondReading
    group: str


@dataclass(frozen=True)
class _Judged:
    """A candidate in the report of this number, as the annotation names its site, and whether it is right."""

    report: int
    candidate: Candidate
    stated: Finding | GeneralFinding
    right: bool


@dataclass(frozen=True)
class Fit:
    """The combination learnt on all examples, and the F1 of the findings of rules, second reader and combination.

    The last is cross-validated: each report is read with weights that were learnt on other reports.
    """

    combination: Combination
    rules_f1: float
    reader_f1: float
    combined_f1: float


def fit_combination(reader: SecondReader, annotated: Sequence[AnnotatedReport]) -> Fit:
    """Learn the weights on reports that the reader was not trained on. SelipError where they are too few."""
    return fit_examples(list(_read(reader, annotated)))


def _read(reader: SecondReader, annotated: Sequence[AnnotatedReport]) -> Iterator[Example]:
    for start in range(0, len(annotated), reader.batch_size):
        batch = annotated[start : start + reader.batch_size]
        reports = [lex(report.findings_text) for report in batch]
        for report, lexed, reading in zip(batch, reports, reader.second_readings(reports), strict=True):
            yield Example(report, rules_today(lexed), reading, report.report_id)


def fit_examples(examples: Sequence[Example], source: str = "") -> Fit:
    """Learn the weights on examples; their groups are held out in turn, up to FOLDS at a time."""
    judged = _judged_candidates(examples)
    right = np.array([one.right for one in judged])
    groups = np.array([examples[one.report].group for one in judged])
    if len(np.unique([one.report for one in judged])) < MIN_REPORTS or right.all() or not right.any():
        raise SelipError(
            f"These reports teach no combination: it takes {MIN_REPORTS} reports with findings, some of them read"
            " wrong."
        )
    seen = np.array([[one.candidate.features()[name] for name in FEATURES[1:]] for one in judged])
    regression = LogisticRegression(max_iter=1_000)
    folds = GroupKFold(min(FOLDS, len(np.unique(groups))))
    held_out = cross_val_predict(regression, seen, right, groups=groups, cv=folds, method="predict_proba")[:, 1]
    regression.fit(seen, right)
    weights = np.append(regression.intercept_, regression.coef_[0]).round(DECIMALS).tolist()
    kept = {id(one) for one, p in zip(judged, held_out, strict=True) if is_kept(one.candidate, float(p))}
    annotated = [example.report for example in examples]
    return Fit(
        Combination(
            weights=dict(zip(FEATURES, weights, strict=True)),
            reports=len(examples),
            candidates=len(judged),
            source=source,
        ),
        rules_f1=_f1(annotated, judged, lambda one: one.candidate.by_rules),
        reader_f1=_f1(annotated, judged, lambda one: one.candidate.by_reader),
        combined_f1=_f1(annotated, judged, lambda one: id(one) in kept),
    )


def _judged_candidates(examples: Sequence[Example]) -> list[_Judged]:
    """Every candidate of the reports that were read, and whether it is right."""
    return [
        judged
        for number, example in enumerate(examples)
        if not example.reader.failed
        for judged in _judged_of(number, example)
    ]


def _judged_of(number: int, example: Example) -> Iterator[_Judged]:
    annotation = example.report.study
    lexed = lex(example.report.findings_text)
    rules = example.rules
    unfit = misread(lexed, rules.findings)
    for candidate in candidates(lexed, rules.findings, rules.general, unfit, example.reader):
        if isinstance(candidate.stated, GeneralFinding):
            (stated,) = with_annotated_sites(Study(general=(candidate.stated,)), annotation).general
            yield _Judged(number, candidate, stated, stated.key in {g.key for g in annotation.general})
        elif candidate.stated.present:
            (found,) = with_annotated_sites(Study(findings=(candidate.stated,)), annotation).findings
            yield _Judged(number, candidate, found, found.key in {f.key for f in annotation.findings})
        else:
            (absent,) = with_annotated_sites(Study(negatives=(candidate.stated,)), annotation).negatives
            yield _Judged(number, candidate, absent, absent.key in {f.key for f in annotation.negatives})


def _f1(annotated: Sequence[AnnotatedReport], judged: Sequence[_Judged], chosen: Callable[[_Judged], bool]) -> float:
    """F1 of the present findings among the chosen candidates."""
    found: list[set[object]] = [set() for _ in annotated]
    for one in judged:
        if isinstance(one.stated, Finding) and one.stated.present and chosen(one):
            found[one.report].add(one.stated.key)
    tallies = [
        tally((f.key for f in report.study.findings), keys) for report, keys in zip(annotated, found, strict=True)
    ]
    return round(float(ratio(np.array(tallies).sum(axis=0))), DECIMALS)

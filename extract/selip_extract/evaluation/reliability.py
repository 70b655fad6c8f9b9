"""How far agreement, confidence, review and `normal` can be relied on, measured on annotated reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_extract.evaluation.score import DECIMALS, Share, share
from selip_extract.evaluation.unlisted_sites import with_annotated_sites
from selip_extract.extraction import Review

Reviews = Mapping[str, Sequence[Review]]
"""The passages to review by the id of the annotated report; a report without any may be left out."""


@dataclass(frozen=True)
class Reliability:
    """A finding is wrong where the annotation lacks its key.

    `wrong_agreed` is the share of the findings that two readers agree on, `wrong_unreviewed` the share of the wrong
    findings whose evidence overlaps no passage to review, `in_review` the share of the reports. `confidence_auc` is the
    probability that of a right and a wrong finding the right one has the higher confidence; None without one of each.
    """

    wrong_agreed: Share
    wrong_unreviewed: Share
    in_review: Share
    wrong_normal: int
    lost_normal: int
    confidence_auc: float | None


def reliability(gold: Sequence[AnnotatedReport], extracted: Mapping[str, Study], reviews: Reviews) -> Reliability:
    """The figures of the studies extracted and the passages to review, by report id, against the annotated reports."""
    found: list[tuple[Finding, bool, bool]] = []
    for report in gold:
        study = with_annotated_sites(extracted.get(report.report_id, Study()), report.study)
        keys = {finding.key for finding in report.study.findings}
        passages = reviews.get(report.report_id, ())
        found += [(finding, finding.key in keys, is_reviewed(finding, passages)) for finding in study.findings]
    rated = [(finding.confidence, right) for finding, right, _ in found if finding.confidence is not None]
    normal = {report.report_id for report in gold if report.study.normal}
    read_as_normal = {name for name, study in extracted.items() if study.normal} & {r.report_id for r in gold}
    return Reliability(
        wrong_agreed=share([not right for finding, right, _ in found if finding.agreed]),
        wrong_unreviewed=share([not reviewed for _, right, reviewed in found if not right]),
        in_review=share([bool(reviews.get(report.report_id)) for report in gold]),
        wrong_normal=len(read_as_normal - normal),
        lost_normal=len(normal - read_as_normal),
        confidence_auc=auc(np.array([confidence for confidence, _ in rated]), np.array([right for _, right in rated])),
    )


def is_reviewed(finding: Finding, passages: Sequence[Review]) -> bool:
    """Whether the evidence of the finding overlaps one of the passages."""
    evidence = finding.evidence
    return evidence is not None and any(p.start < evidence.end and evidence.start < p.end for p in passages)


def auc(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> float | None:
    """The area under the ROC curve of confidences (findings,) by the rank formula; ties count half.

    Hanley and McNeil 1982, The meaning and use of the area under a receiver operating characteristic curve.
    """
    rights = int(right.sum())
    wrongs = len(right) - rights
    if not rights or not wrongs:
        return None
    _, group, sizes = np.unique(confidences, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    area = (ranks[right].sum() - rights * (rights + 1) / 2) / (rights * wrongs)
    return round(float(area), DECIMALS)

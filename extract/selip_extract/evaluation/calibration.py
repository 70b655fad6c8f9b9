"""Calibration: the share of right findings among the most confident ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from selip_contracts.findings import AnnotatedReport, Study
from selip_extract.evaluation.score import interval, resamples
from selip_extract.evaluation.unlisted_sites import with_annotated_sites
from selip_shared.bootstrap import Estimate
from selip_shared.errors import SelipError

KEPT_SHARES = tuple(percent / 100 for percent in range(10, 101, 10))

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class KeptShare:
    """The most confident `share` of the findings: their lowest and mean confidence, and the share that is right."""

    share: float
    least: float
    mean: float
    right: Estimate


@dataclass(frozen=True)
class Calibration:
    """The number of findings, and what is right at each share that is kept."""

    findings: int
    kept: tuple[KeptShare, ...]


def calibration(gold: Sequence[AnnotatedReport], extracted: Mapping[str, Study]) -> Calibration:
    """The extracted findings, most confident first, against the annotated reports; each is right or wrong as a whole.

    Findings of equal confidence have no order: a share that ends among them counts the right ones in proportion.
    The intervals are of a bootstrap over reports. SelipError where the findings have no confidence.
    """
    said = [
        (finding.confidence, number, finding.key in {f.key for f in report.study.findings})
        for number, report in enumerate(gold)
        for finding in with_annotated_sites(extracted.get(report.report_id, Study()), report.study).findings
    ]
    known = [(confidence, number, is_right) for confidence, number, is_right in said if confidence is not None]
    if not known or len(known) < len(said):
        raise SelipError(
            "These findings have no confidence: read the reports with a language model (--extractor both)."
        )
    ordered = sorted(known, key=lambda x: -x[0])
    groups = [(confidence, list(same)) for confidence, same in groupby(ordered, key=lambda x: x[0])]
    confidences = np.array([confidence for confidence, _ in groups], dtype=np.float64)
    counts = np.zeros((len(groups), len(gold)))
    rights = np.zeros((len(groups), len(gold)))
    for i, (_, same) in enumerate(groups):
        for _, number, is_right in same:
            counts[i, number] += 1
            rights[i, number] += is_right
    resampled = np.array([_shares(counts @ times, rights @ times) for times in resamples(len(gold))])
    everyone = np.ones(len(gold))
    right = _shares(counts @ everyone, rights @ everyone)
    means = _shares(counts @ everyone, confidences * (counts @ everyone))
    until = np.searchsorted(np.cumsum(counts @ everyone), np.array(KEPT_SHARES) * len(said) - 1e-9)
    return Calibration(
        len(said),
        tuple(
            KeptShare(share, float(confidences[until[i]]), float(means[i]),
                 Estimate(float(right[i]), *interval(resampled[:, i])))
            for i, share in enumerate(KEPT_SHARES)
        ),
    )  # fmt: skip


def _shares(counts: Numbers, values: Numbers) -> Numbers:
    """The mean of the values (groups,) over each share kept of the counts (groups,), most confident first."""
    wanted = np.array(KEPT_SHARES) * counts.sum()
    found = np.interp(wanted, np.append(0.0, np.cumsum(counts)), np.append(0.0, np.cumsum(values)))
    means: Numbers = found / np.maximum(wanted, 1e-12)
    return means


def draw(found: Calibration, path: Path) -> None:
    """Plot the share that is right against the share kept. SelipError where the file cannot be written."""
    shares = [kept.share for kept in found.kept]
    low, right, high = np.array([(k.right.low, k.right.value, k.right.high) for k in found.kept], np.float64).T
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.fill_between(shares, low, high, alpha=0.25, label="95 % interval")
    axes.plot(shares, right, marker="o", label="right")
    axes.plot(shares, [k.mean for k in found.kept], linestyle="--", label="mean confidence")
    axes.set_xlabel(f"Share of {found.findings:,} findings kept, surest first")
    axes.set_ylabel("Share that is right")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    try:
        figure.savefig(path)
    except ValueError as failure:
        raise SelipError(f"{path} names no image format: end it with .svg, .png or .pdf.") from failure
    except OSError as failure:
        raise SelipError(f"{path} cannot be written ({failure.strerror}): name another file.") from failure

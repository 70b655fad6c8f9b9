"""Figures with intervals: a bootstrap over patients, so that the images of one patient never count as independent.

A metric is a function of weights: how often each case counts. With every weight 1 it gives the figure, with the weights
of a resample it gives the figure of the resample; so figure and interval never come from two definitions.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

ROUNDS = 1000
COVERAGE = 0.95
_CELLS_AT_ONCE = 1 << 22

Weights = NDArray[np.float64]
Metric = Callable[[Weights], NDArray[np.float64]]
"""From weights (rounds, cases) the figure of each round (rounds,), NaN where it is not defined."""
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; None where the data do not define them, e.g. one patient has no interval."""

    value: float | None
    low: float | None
    high: float | None


class Bootstrap:
    """Resamples of patients, the same for every metric: as many patients as there are, drawn with replacement.

    A case counts as often as its patient is drawn. The interval holds the middle 95 % of the rounds in which the metric
    is defined (percentile method, Efron and Tibshirani 1993, chapter 13, with linear interpolation).
    """

    def __init__(self, patients: Sequence[str], *, rounds: int = ROUNDS, seed: int = 0) -> None:
        names, self._patient_of = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
        self.patients = len(names)
        self.cases = len(patients)
        self.rounds = rounds
        self.seed = seed

    def estimates(self, metrics: Mapping[Name, Metric]) -> dict[Name, Estimate]:
        """Every metric's figure with its interval, all on the same resamples."""
        figures = {name: float(metric(np.ones((1, self.cases)))[0]) for name, metric in metrics.items()}
        rounds: dict[Name, list[NDArray[np.float64]]] = {name: [] for name in metrics}
        if self.patients > 1:
            for weights in self._resamples():
                for name, metric in metrics.items():
                    rounds[name].append(metric(weights))
        return {name: _estimate(value, rounds[name]) for name, value in figures.items()}

    def _resamples(self) -> Iterator[Weights]:
        """Weights of the cases (some rounds, cases), chunk by chunk; the chunks do not change what is drawn."""
        generator = np.random.default_rng(self.seed)
        at_once = max(1, _CELLS_AT_ONCE // max(1, self.cases))
        for start in range(0, self.rounds, at_once):
            drawn = [
                np.bincount(generator.integers(self.patients, size=self.patients), minlength=self.patients)
                for _ in range(start, min(start + at_once, self.rounds))
            ]
            yield np.stack(drawn)[:, self._patient_of].astype(np.float64)


def mean(values: NDArray[np.float64]) -> Metric:
    """The weighted mean of the values (cases,); cases of value NaN are left out."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    return lambda weights: _share(weights @ filled, weights @ known)


def auc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Metric:
    """Area under the ROC curve: the chance that a positive case scores above a negative one, equal scores by half."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(order) else np.zeros(0, np.int64)
    is_positive = positive[order].astype(np.float64)

    def metric(weights: Weights) -> NDArray[np.float64]:
        if not len(order):
            return np.full(len(weights), np.nan)
        sorted_weights = weights[:, order]
        positives = np.add.reduceat(sorted_weights * is_positive, starts, axis=1)
        negatives = np.add.reduceat(sorted_weights * (1 - is_positive), starts, axis=1)
        below = np.cumsum(negatives, axis=1) - negatives
        won = (positives * (below + negatives / 2)).sum(axis=1)
        return _share(won, positives.sum(axis=1) * negatives.sum(axis=1))

    return metric


def average(metrics: Sequence[Metric]) -> Metric:
    """The mean of several metrics, of each round over those that are defined in it."""

    def metric(weights: Weights) -> NDArray[np.float64]:
        figures = np.stack([one(weights) for one in metrics]) if metrics else np.full((1, len(weights)), np.nan)
        known = ~np.isnan(figures)
        return _share(np.where(known, figures, 0.0).sum(axis=0), known.sum(axis=0))

    return metric


def minus(metric: Metric, less: Metric) -> Metric:
    """The paired difference of two metrics: in each round both see the same patients."""
    return lambda weights: metric(weights) - less(weights)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part by whole, NaN where the whole is 0."""
    shares = np.full(part.shape, np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares


def _estimate(value: float, rounds: Sequence[NDArray[np.float64]]) -> Estimate:
    if np.isnan(value):
        return Estimate(None, None, None)
    draws = np.concatenate(rounds) if rounds else np.zeros(0)
    defined = draws[~np.isnan(draws)]
    if not len(defined):
        return Estimate(value, None, None)
    low, high = np.quantile(defined, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Estimate(value, float(low), float(high))

"""Figures with intervals over patients and trainings, never over the images of one patient.

A metric is a function of resamples: how much each case counts, and each training. With all counted alike it gives the
figure, with a resample the figure of the resample; so figure and interval never come from two definitions.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

ROUNDS = 1000
COVERAGE = 0.95
_CELLS_AT_ONCE = 1 << 22

Weights = NDArray[np.float64]
Repeat = Literal["training", "draw"]
"""What is done several times over: a training with another seed, a draw of the cases that are learnt from."""
REPEATS: tuple[Repeat, ...] = get_args(Repeat)
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Resamples:
    """Some rounds: how often each case counts (rounds, cases), and the shares of a kind's repeats (rounds, repeats)."""

    cases: Weights
    repeats: Callable[[Repeat, int], Weights]

    def of_cases(self, chosen: NDArray[np.int64]) -> "Resamples":
        """The same rounds of some cases alone."""
        return Resamples(self.cases[:, chosen], self.repeats)


Metric = Callable[[Resamples], NDArray[np.float64]]
"""From resamples the figure of each round (rounds,), NaN where it is not defined."""


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; None where the data do not define them, e.g. one patient has no interval."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Sampled:
    """A metric's figure, and that of every round (rounds,); NaN where it is not defined."""

    value: float
    rounds: NDArray[np.float64]

    def minus(self, less: "Sampled") -> "Sampled":
        """The paired difference: in each round both see the same patients, and the same seeds."""
        return Sampled(self.value - less.value, self.rounds - less.rounds)

    def estimate(self) -> Estimate:
        """The middle 95 % of the rounds with a figure (percentiles, Efron and Tibshirani 1993, chapter 13)."""
        if np.isnan(self.value):
            return Estimate(None, None, None)
        defined = self.rounds[~np.isnan(self.rounds)]
        if not len(defined):
            return Estimate(self.value, None, None)
        low, high = np.quantile(defined, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
        return Estimate(self.value, float(low), float(high))


class Bootstrap:
    """Resamples, the same for every metric: as many patients as there are, drawn with replacement, and repeats.

    A case counts as often as its patient is drawn. Trainings are too few to be drawn so: of three, the interval would
    reach from the worst to the best and miss the truth in one of four cases. The n of a model count with shares
    1/n + c / sqrt(n q), c standard normal less their mean, q chi-squared with n - 1 degrees of freedom: their mean then
    falls as Student's t has it for normal ones (Gelman et al. 2013, Bayesian Data Analysis, section 3.2). The shares
    are the same for every model with n trainings, which begin with the same seeds, so differences are paired.
    """

    def __init__(self, patients: Sequence[str], *, rounds: int = ROUNDS, seed: int = 0) -> None:
        names, self._patient_of = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
        self.patients = len(names)
        self.cases = len(patients)
        self.rounds = rounds
        self.seed = seed

    def sampled(self, metrics: Mapping[Name, Metric]) -> dict[Name, Sampled]:
        """Every metric's figure, and that of every round, all on the same resamples; no round with one patient."""
        whole = every_case_once(self.cases)
        rounds: dict[Name, list[NDArray[np.float64]]] = {name: [np.zeros(0)] for name in metrics}
        if self.patients > 1:
            for resamples in self._resamples():
                for name, metric in metrics.items():
                    rounds[name].append(metric(resamples))
        return {
            name: Sampled(float(metric(whole)[0]), np.concatenate(rounds[name])) for name, metric in metrics.items()
        }

    def _resamples(self) -> Iterator[Resamples]:
        """Chunk by chunk; the chunks do not change what is drawn."""
        generator = np.random.default_rng(self.seed)
        all_repeats = cache(self._repeats)
        at_once = max(1, _CELLS_AT_ONCE // max(1, self.cases))
        for start in range(0, self.rounds, at_once):
            stop = min(start + at_once, self.rounds)
            drawn = [
                np.bincount(generator.integers(self.patients, size=self.patients), minlength=self.patients)
                for _ in range(start, stop)
            ]

            def repeats(kind: Repeat, count: int, chunk: slice = slice(start, stop)) -> Weights:
                return all_repeats(kind, count)[chunk]

            yield Resamples(np.stack(drawn)[:, self._patient_of].astype(np.float64), repeats)

    def _repeats(self, kind: Repeat, count: int) -> Weights:
        if count == 1:
            return np.ones((self.rounds, 1))
        generator = np.random.default_rng([self.seed, REPEATS.index(kind), count])
        normal = generator.normal(size=(self.rounds, count))
        scale = np.sqrt(count * generator.chisquare(count - 1, size=(self.rounds, 1)))
        shares: Weights = 1 / count + (normal - normal.mean(axis=1, keepdims=True)) / scale
        return shares


def every_case_once(cases: int) -> Resamples:
    """The cases as they are, one round, and all repeats."""
    return Resamples(np.ones((1, cases)), lambda _, count: np.full((1, count), 1 / count))


def mean(values: NDArray[np.float64]) -> Metric:
    """The weighted mean of the values (cases,); cases of value NaN are left out."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    return lambda resamples: _share(resamples.cases @ filled, resamples.cases @ known)


def auc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Metric:
    """Area under the ROC curve: the chance that a positive case scores above a negative one, equal scores by half."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(order) else np.zeros(0, np.int64)
    is_positive = positive[order].astype(np.float64)

    def metric(resamples: Resamples) -> NDArray[np.float64]:
        if not len(order):
            return np.full(len(resamples.cases), np.nan)
        sorted_weights = resamples.cases[:, order]
        positives = np.add.reduceat(sorted_weights * is_positive, starts, axis=1)
        negatives = np.add.reduceat(sorted_weights * (1 - is_positive), starts, axis=1)
        below = np.cumsum(negatives, axis=1) - negatives
        won = (positives * (below + negatives / 2)).sum(axis=1)
        return _share(won, positives.sum(axis=1) * negatives.sum(axis=1))

    return metric


def average(metrics: Sequence[Metric]) -> Metric:
    """The mean of several metrics, of each round over those that are defined in it."""

    def metric(resamples: Resamples) -> NDArray[np.float64]:
        if not metrics:
            return np.full(len(resamples.cases), np.nan)
        figures = np.stack([one(resamples) for one in metrics])
        known = ~np.isnan(figures)
        return _share(np.where(known, figures, 0.0).sum(axis=0), known.sum(axis=0))

    return metric


def repeated(kind: Repeat, metrics: Sequence[Metric]) -> Metric:
    """The mean over the repeats of one metric, not defined where one of them is not."""

    def metric(resamples: Resamples) -> NDArray[np.float64]:
        shares = resamples.repeats(kind, len(metrics))
        figures = np.stack([one(resamples) for one in metrics], axis=1)
        return np.asarray((shares * figures).sum(axis=1))

    return metric


def mean_over_runs(metrics: Sequence[Sequence[Mapping[Name, Metric]]]) -> dict[Name, Metric]:
    """Metrics by training and draw as their means over both."""
    return {
        name: repeated("training", [repeated("draw", [one[name] for one in of_training]) for of_training in metrics])
        for name in metrics[0][0]
    }


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part by whole, NaN where the whole is 0."""
    shares = np.full(part.shape, np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares

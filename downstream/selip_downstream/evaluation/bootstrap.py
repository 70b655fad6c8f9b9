"""Bootstrap intervals over patients and trainings, never over the images of one patient.

A statistic is a function of the weights of the cases and trainings. With equal weights it gives the figure, with
resampled weights the figure of that resample: figure and interval come from one definition.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from selip_shared.bootstrap import COVERAGE, ROUNDING, ROUNDS, Estimate, percentile_interval, resample_counts

_CHUNK_CELLS = 1 << 22
MAX_EXPONENT = 50.0

Weights = NDArray[np.float64]
Repeat = Literal["training", "draw"]
"""What is repeated: a training with another seed, a draw of the training cases."""
REPEATS: tuple[Repeat, ...] = get_args(Repeat)
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Resamples:
    """Some rounds: weights of the cases (rounds, cases), and by kind the weights of the repeats (rounds, repeats)."""

    cases: Weights
    repeats: Callable[[Repeat, int], Weights]

    def of_cases(self, chosen: NDArray[np.int64]) -> "Resamples":
        """The same rounds for a subset of the cases."""
        return Resamples(self.cases[:, chosen], self.repeats)


Statistic = Callable[[Resamples], NDArray[np.float64]]
"""From resamples the figure of each round (rounds,), NaN where it is undefined."""


@dataclass(frozen=True)
class Sampled:
    """A statistic's value, and that of every round (rounds,); NaN where it is undefined."""

    value: float
    rounds: NDArray[np.float64]

    def minus(self, less: "Sampled") -> "Sampled":
        """The paired difference: in each round both have the same patients and seeds."""
        return Sampled(self.value - less.value, self.rounds - less.rounds)

    def share_estimate(self, units: int) -> Estimate:
        """`estimate` of a share of cases of so many independent units.

        Where all units are at 0 or at 1, so that all resamples agree, the interval is that of Clopper and Pearson
        (1934) for 0 or all of the units.
        """
        found = self.estimate()
        if found.low != found.high or found.low not in (0, 1):
            return found
        beyond = ((1 - COVERAGE) / 2) ** (1 / units)
        return Estimate(found.value, 0.0, 1 - beyond) if found.low == 0 else Estimate(found.value, beyond, 1.0)

    def estimate(self) -> Estimate:
        """The middle 95 % of the rounds with a figure (percentiles, Efron and Tibshirani 1993, chapter 13)."""
        if np.isnan(self.value):
            return Estimate(None, None, None)
        defined = self.rounds[~np.isnan(self.rounds)]
        if not len(defined):
            return Estimate(self.value, None, None)
        return Estimate(self.value, *percentile_interval(defined))


class Bootstrap:
    """Resamples of patients and repeats, the same for every statistic.

    The patients are drawn with replacement, as many as there are, and a case counts as often as its patient is drawn.
    Trainings are too few for that: the interval of three would reach from the worst to the best and miss the truth in
    one of four cases. Instead the n trainings of a model have the weights 1/n + c / sqrt(n q), with c standard normal
    minus their mean and q chi-squared with n - 1 degrees of freedom, so their weighted mean follows Student's t for
    normally distributed figures (Gelman et al. 2013, Bayesian Data Analysis, section 3.2). The weights are the same for
    every model with n trainings, which have the same seeds, so differences are paired.
    """

    def __init__(self, patients: Sequence[str], *, rounds: int = ROUNDS, seed: int = 0) -> None:
        names, self._patient_of = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
        self.patients = len(names)
        self.cases = len(patients)
        self.rounds = rounds
        self.seed = seed

    def sampled(self, statistics: Mapping[Name, Statistic]) -> dict[Name, Sampled]:
        """Every statistic on the same resamples. There are no rounds with only one patient."""
        whole = every_case_once(self.cases)
        rounds: dict[Name, list[NDArray[np.float64]]] = {name: [np.zeros(0)] for name in statistics}
        if self.patients > 1:
            for resamples in self._resamples():
                for name, statistic in statistics.items():
                    rounds[name].append(statistic(resamples))
        return {
            name: Sampled(float(statistic(whole)[0]), np.concatenate(rounds[name]))
            for name, statistic in statistics.items()
        }

    def _resamples(self) -> Iterator[Resamples]:
        """In chunks, which limit the memory and do not change the draws."""
        generator = np.random.default_rng(self.seed)
        all_repeats = cache(self._repeats)
        chunk_rounds = max(1, _CHUNK_CELLS // max(1, self.cases))
        for start in range(0, self.rounds, chunk_rounds):
            stop = min(start + chunk_rounds, self.rounds)
            drawn = list(
                resample_counts(self.patients, stop - start, lambda units: generator.integers(units, size=units))
            )

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
    """One round in which all cases and repeats have equal weights."""
    return Resamples(np.ones((1, cases)), lambda _, count: np.full((1, count), 1 / count))


def mean(values: NDArray[np.float64]) -> Statistic:
    """The weighted mean of the values (cases,), without those that are NaN."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    return lambda resamples: _ratio(resamples.cases @ filled, resamples.cases @ known)


def auc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Statistic:
    """Area under the ROC curve: the chance that a positive case scores above a negative one, equal scores by half."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(order) else np.zeros(0, np.int64)
    is_positive = positive[order].astype(np.float64)

    def statistic(resamples: Resamples) -> NDArray[np.float64]:
        if not len(order):
            return np.full(len(resamples.cases), np.nan)
        sorted_weights = resamples.cases[:, order]
        positives = np.add.reduceat(sorted_weights * is_positive, starts, axis=1)
        negatives = np.add.reduceat(sorted_weights * (1 - is_positive), starts, axis=1)
        below = np.cumsum(negatives, axis=1) - negatives
        won = (positives * (below + negatives / 2)).sum(axis=1)
        return _ratio(won, positives.sum(axis=1) * negatives.sum(axis=1))

    return statistic


def average(statistics: Sequence[Statistic]) -> Statistic:
    """In each round the mean of the statistics that are defined in it."""

    def statistic(resamples: Resamples) -> NDArray[np.float64]:
        if not statistics:
            return np.full(len(resamples.cases), np.nan)
        figures = np.stack([one(resamples) for one in statistics])
        known = ~np.isnan(figures)
        return _ratio(np.where(known, figures, 0.0).sum(axis=0), known.sum(axis=0))

    return statistic


Bounds = tuple[float, float]
"""The smallest and the largest value of a figure; the largest may be infinite."""
UNBOUNDED: Bounds = (-np.inf, np.inf)


def repeated(kind: Repeat, statistics: Sequence[Statistic], bounds: Bounds = UNBOUNDED) -> Statistic:
    """The weighted mean of one statistic over its repeats; undefined where one of them is.

    The weights of few repeats may be far below 0. So the deviation from the mean with equal weights is taken on the
    logit scale of the bounds, or on the logarithmic scale above a lower one, by the delta method: a figure stays
    within its bounds.
    """

    def statistic(resamples: Resamples) -> NDArray[np.float64]:
        shares = resamples.repeats(kind, len(statistics))
        figures = np.stack([one(resamples) for one in statistics], axis=1)
        weighted = np.asarray((shares * figures).sum(axis=1))
        return weighted if bounds == UNBOUNDED else _within(bounds, figures.mean(axis=1), weighted)

    return statistic


def _within(bounds: Bounds, means: NDArray[np.float64], weighted: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = bounds
    above, below = means - low, high - means
    inside = (above > 0) & (below > 0) & (np.abs(weighted - means) > ROUNDING)
    found = means.copy()
    above, below, deviation = above[inside], below[inside], (weighted - means)[inside]
    if np.isinf(high):
        found[inside] = low + above * np.exp(np.minimum(deviation / above, MAX_EXPONENT))
    else:
        slope = (high - low) / (above * below)
        odds = above / below * np.exp(np.clip(deviation * slope, -MAX_EXPONENT, MAX_EXPONENT))
        found[inside] = low + (high - low) * odds / (1 + odds)
    return found


def mean_over_runs(
    statistics: Sequence[Sequence[Mapping[Name, Statistic]]], bounds: Callable[[Name], Bounds] = lambda _: UNBOUNDED
) -> dict[Name, Statistic]:
    """Statistics by training and draw as their means over both; `bounds` of each."""
    return {
        name: repeated(
            "training",
            [repeated("draw", [one[name] for one in of_training], bounds(name)) for of_training in statistics],
            bounds(name),
        )
        for name in statistics[0][0]
    }


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ratio, NaN where the denominator is 0."""
    shares = np.full(part.shape, np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares

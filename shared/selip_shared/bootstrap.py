"""The bootstrap: units drawn with replacement, and intervals from the figures of the draws.

Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13 (the percentile interval).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

ROUNDS = 1000
COVERAGE = 0.95
ROUNDING = 1e-12


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; None where undefined, e.g. one patient has no interval."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval of a difference excludes 0: it is significant.

        An interval without width says that all resamples agree, as those of few cases may, and excludes nothing.
        """
        if self.low is None or self.high is None or self.high - self.low <= ROUNDING:
            return False
        return self.low > 0 or self.high < 0

    @property
    def sign(self) -> int:
        """1 or −1 for a significant difference above or below 0, else 0."""
        if self.value is None or not self.excludes_zero:
            return 0
        return 1 if self.value > 0 else -1

    def negated(self) -> "Estimate":
        """The estimate of the opposite difference."""
        return Estimate(*(None if end is None else -end for end in (self.value, self.high, self.low)))


def resample_counts(units: int, rounds: int, draw: Callable[[int], ArrayLike]) -> Iterator[NDArray[np.int64]]:
    """How often each unit is drawn, (units,), round by round; `draw` gives so many random indices below that number."""
    for _ in range(rounds):
        yield np.bincount(np.asarray(draw(units), np.int64), minlength=units)


def percentile_interval(
    figures: NDArray[np.float64], method: Literal["linear", "higher"] = "linear"
) -> tuple[float, float]:
    """The bounds of the middle 95 % of the rounds' figures, (rounds,); `method` as in numpy.quantile."""
    low, high = np.quantile(figures, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], method=method)
    return float(low), float(high)

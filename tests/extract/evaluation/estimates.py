"""Estimates that are defined, as figures to compare."""

from selip_shared.bootstrap import Estimate


def figures(estimate: Estimate) -> tuple[float, float, float]:
    """Lower bound, value and upper bound."""
    low, value, high = estimate.low, estimate.value, estimate.high
    assert low is not None
    assert value is not None
    assert high is not None
    return low, value, high

"""The pairs of sites and values in one window, with what lies between the two."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from selip_extract.tagger.network import COUNTS, distance_bucket

Span = tuple[int, int]

_STOPS = re.compile("[。;；\n]")


class Pair(NamedTuple):
    """The number of a site and of a value, and buckets of what lies between: characters, sentence ends, other sites."""

    site: int
    value: int
    distance: int
    stops: int
    between: int


def pairs(text: str, sites: Sequence[Span], values: Sequence[Span]) -> Iterator[Pair]:
    """Every pair of a site and a value, spans in the order of the text."""
    stops = [match.start() for match in _STOPS.finditer(text)]
    starts = [start for start, _ in sites]
    for v, (value_start, _) in enumerate(values):
        at_stops, at_sites = bisect_left(stops, value_start), bisect_left(starts, value_start)
        for s, start in enumerate(starts):
            between = at_sites - s - 1 if s < at_sites else s - at_sites
            passed = abs(at_stops - bisect_left(stops, start))
            yield Pair(s, v, distance_bucket(value_start - start), min(passed, COUNTS - 1), min(between, COUNTS - 1))

"""Cases that are left out of a cohort, and why."""

import sys
from collections.abc import Sequence
from typing import NamedTuple

MAX_PRINTED = 10


class Exclusion(NamedTuple):
    """A case that is left out, and the reason."""

    case: str
    reason: str


def print_exclusions(exclusions: Sequence[Exclusion]) -> None:
    """Print the number of cases that are left out, and the first reasons, to stderr."""
    if exclusions:
        print(f"{len(exclusions):,} cases are left out:", file=sys.stderr)
    for case, reason in exclusions[:MAX_PRINTED]:
        print(f"  {case}: {reason}", file=sys.stderr)
    if len(exclusions) > MAX_PRINTED:
        print(f"  and {len(exclusions) - MAX_PRINTED:,} more", file=sys.stderr)

"""Cases that are left out of a cohort, and why."""

import sys
from collections.abc import Sequence
from typing import NamedTuple

from selip_shared.messages.console import say

MAX_PRINTED = 10


class Exclusion(NamedTuple):
    """A case that is left out, and the reason."""

    case: str
    reason: str


def print_exclusions(exclusions: Sequence[Exclusion]) -> None:
    """Print the number of cases that are left out, and the first reasons, to stderr."""
    if exclusions:
        say(f"{len(exclusions):,} cases are left out:", sys.stderr)
    for case, reason in exclusions[:MAX_PRINTED]:
        say(f"  {case}: {reason}", sys.stderr)
    if len(exclusions) > MAX_PRINTED:
        say(f"  and {len(exclusions) - MAX_PRINTED:,} more", sys.stderr)

"""What the tagger can say: the roles of tagged spans, the statements that a value makes, and how a pair is linked."""

from typing import Literal, NamedTuple, get_args

from selip_contracts.vocabulary import (
    CHANGES,
    ENHANCEMENTS,
    MODALITIES,
    SIDES,
    SIGNALS,
    Change,
    Enhancement,
    Modality,
    Side,
    Signal,
)

TAGGER_VERSION = "2"

Role = Literal["site", "value", "side", "sequence", "negation"]
ROLES: tuple[Role, ...] = get_args(Role)

OUTSIDE, BEGIN, INSIDE = range(3)
"""How a character stands to the spans of one role."""


class Stated(NamedTuple):
    """What a value states of its sites: a signal on a sequence (None: explicitly absent), or a general change."""

    modality: Modality | None
    value: Signal | Enhancement | Change | None


def _stated() -> tuple[Stated, ...]:
    found: list[Stated] = []
    for modality in MODALITIES:
        values = ENHANCEMENTS if modality == "T1CE" else SIGNALS
        found += [Stated(modality, value) for value in (*values, None)]
    return (*found, *(Stated(None, change) for change in CHANGES))


STATED = _stated()
"""All that a value can state, in the order of the network's outputs."""

NOT_LINKED = 0
LINKS: tuple[Side | None, ...] = (None, *SIDES)
"""The side with which a value is stated of a site; output i + 1 of a pair is LINKS[i], output 0 is NOT_LINKED."""

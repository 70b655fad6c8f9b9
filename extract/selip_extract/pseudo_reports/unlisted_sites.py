"""Names of places that no vocabulary holds: plausible as anatomy, and words of nobody."""

import random
from itertools import product

from pydantic import Field

from selip_contracts.vocabulary import SITES, unlisted
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, load


class _Parts(PhraseFile):
    share: float = Field(ge=0, le=1)
    first: Phrases
    second: Phrases
    end: Phrases


_PARTS = load(_Parts, "unlisted_sites")
UNLISTED_SHARE = _PARTS.share
"""The share of studies with a place that no vocabulary holds."""


def _made_up() -> tuple[str, ...]:
    known = {form for site in SITES.values() for form in site.surface_forms if len(form) > 1}
    names = ("".join(parts) for parts in product(_PARTS.first, _PARTS.second, _PARTS.end) if len(set(parts)) == 3)
    return tuple(dict.fromkeys(name for name in names if not any(form in name for form in known)))


MADE_UP = _made_up()
"""All the made-up names."""


def made_up_site(rng: random.Random) -> str:
    """An unlisted site of a made-up name."""
    return unlisted(rng.choice(MADE_UP))

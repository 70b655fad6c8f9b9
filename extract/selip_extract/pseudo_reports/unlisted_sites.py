"""Names of places that no vocabulary holds: plausible as anatomy, and words of nobody."""

from itertools import product

from pydantic import Field

from selip_contracts.vocabulary import SITES
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases


class UnlistedSites(PhraseFile):
    """The parts of the names, and the share of studies with such a place."""

    share: float = Field(ge=0, le=1)
    first: Phrases
    second: Phrases
    end: Phrases

    def names(self) -> tuple[str, ...]:
        """All names of three different parts that contain no word of the vocabulary."""
        known = {form for site in SITES.values() for form in site.surface_forms if len(form) > 1}
        names = ("".join(parts) for parts in product(self.first, self.second, self.end) if len(set(parts)) == 3)
        return tuple(dict.fromkeys(name for name in names if not any(form in name for form in known)))

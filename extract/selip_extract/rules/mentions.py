"""The lesions that a report has told of so far, and what has been said of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from selip_contracts.vocabulary import Enhancement, Modality, Side, Signal, ancestors
from selip_extract.language.lexer import Token

Location = tuple[Side | None, str]
Value = Signal | Enhancement | None


class SiteMention(NamedTuple):
    """A place told of, and the tokens that name it."""

    side: Side | None
    site: str
    token: Token
    side_token: Token | None

    @property
    def place(self) -> Location:
        """(side, site)."""
        return self.side, self.site


def distinct(spots: Iterable[SiteMention]) -> list[SiteMention]:
    """Every place once, as it was named last."""
    return list({spot.place: spot for spot in spots}.values())


def places(spots: Iterable[SiteMention]) -> set[Location]:
    """The places of the spots."""
    return {spot.place for spot in spots}


@dataclass
class MentionedLesions:
    """What is remembered from sentence to sentence.

    `subject` is the lesion that a sentence without a place goes on with; `changed` are places with a general change.
    """

    lesions: list[list[SiteMention]] = field(default_factory=list)
    changed: list[SiteMention] = field(default_factory=list)
    subject: list[SiteMention] = field(default_factory=list)
    pair: list[list[SiteMention]] = field(default_factory=list)
    said: list[tuple[Location, Modality, Value]] = field(default_factory=list)
    labels: dict[str, list[SiteMention]] = field(default_factory=dict)
    item: int = 0

    def begin_item(self, numbered: bool) -> None:
        """An item of a numbered list speaks of its own lesions; without a number, of all."""
        self.item = len(self.lesions) if numbered else 0

    def everywhere(self) -> list[SiteMention]:
        """Every place told so far, once."""
        return distinct(spot for lesion in self.lesions for spot in lesion)

    def in_item(self) -> list[SiteMention]:
        """Every place told in this item, or in the report where it has no items."""
        return distinct(spot for lesion in self.lesions[self.item :] for spot in lesion)

    def remembered(
        self, spot: SiteMention, here: Sequence[Sequence[SiteMention]], lesion_follows: bool
    ) -> list[SiteMention]:
        """A site without its side is the one told `here`, else before, or both; 小脑病灶 is the one told inside."""
        if spot.side is not None:
            return [spot]
        told = self.everywhere()
        for known in (*here, told, self.changed):
            before = {s.side: s for s in known if s.site == spot.site}
            if before:
                return [spot] if None in before else [s._replace(token=spot.token) for s in before.values()]
        if lesion_follows:
            for known in (*here, told):
                inside = [s for s in known if spot.site in ancestors(s.site)]
                if inside:
                    return inside
        return [spot]

    def tell(self, spots: list[SiteMention], positive: bool) -> tuple[bool, bool]:
        """Remember a lesion: whether it is new, and whether it is one lesion as it was told."""
        here = places(spots)
        new = not here <= places(self.everywhere())
        if positive and new:
            self.lesions.append(spots)
        whole = new or any(here == places(lesion) for lesion in self.lesions)
        if whole and (positive or not self.subject):
            self.subject = spots
        return new, whole

    def without(self, spots: Iterable[SiteMention], modality: Modality) -> list[SiteMention]:
        """The spots of which the sequence has not been told."""
        done = {place for place, m, _ in self.said if m == modality}
        return [spot for spot in spots if spot.place not in done]

    def goes_on_with(self, spots: list[SiteMention]) -> bool:
        """Whether these very spots are the lesion that was told last and is still the subject."""
        return self.subject is spots and bool(self.lesions) and self.lesions[-1] is spots

    def speaks_of(self, spots: Iterable[SiteMention], modality: str | None = None) -> bool:
        """Whether the sequence, or anything, has been told of one of the spots."""
        here = places(spots)
        return any(modality in (m, None) and place in here for place, m, _ in self.said)

    def first_two(self) -> list[SiteMention]:
        """前两处: the first two lesions of the item."""
        return distinct(spot for lesion in self.lesions[self.item : self.item + 2] for spot in lesion)

    def both(self) -> list[SiteMention]:
        """两者: the two lesions compared, else the last one where its places were told apart, else the last two."""
        if self.pair:
            return distinct(spot for lesion in self.pair for spot in lesion)
        last = self.lesions[-1] if self.lesions else []
        said = [{(m, value) for place, m, value in self.said if place == spot.place} for spot in last]
        apart = any(s != said[0] for s in said)
        return last if apart else distinct(spot for lesion in self.lesions[-2:] for spot in lesion)

    def last_said(self, here: Iterable[SiteMention]) -> list[tuple[Modality, Value]]:
        """What has been said of the place other than `here` that was spoken of last."""
        left_out = places(here)
        others = [said for said in self.said if said[0] not in left_out] or self.said
        return list(dict.fromkeys((m, value) for place, m, value in others if place == others[-1][0]))

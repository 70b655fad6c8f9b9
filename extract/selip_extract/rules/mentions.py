"""What a report has mentioned so far: its lesions, the sites they occupy, and the values stated of them."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from selip_contracts.vocabulary import Enhancement, Modality, Side, Signal, ancestors
from selip_extract.language.lesion_words import LesionWords
from selip_extract.language.tokens import Token
from selip_extract.rules.dataclass_replace import replace

Location = tuple[Side | None, str]
Value = Signal | Enhancement | None
ONE_SIDED: tuple[Side, Side] = ("左侧", "右侧")


class ReferenceKind(Enum):
    """How the words refer to sites."""

    NAMED = "左侧额叶：by their names"
    PART = "前者：one site of several that were named together"
    HALF = "右侧者：one side of a bilateral lesion"
    SIDES = "左右分别：its left side, then its right one"
    LABEL = "病灶1：by the label of a lesion"
    SENTENCE = "上述病灶：all lesions that this sentence has introduced"
    POINTED = "两者：selected by a word"
    REST = "其余：those of which a sequence has not been stated yet"


class SiteMention(NamedTuple):
    """A site with its side, and the tokens that name them."""

    side: Side | None
    site: str
    token: Token
    side_token: Token | None

    @property
    def location(self) -> Location:
        """(side, site)."""
        return self.side, self.site


Sites = tuple[SiteMention, ...]
LesionId = tuple[ReferenceKind, int]


class LesionMention(NamedTuple):
    """A lesion and the sites it occupies.

    Mentions of one lesion have the same `id`: how the report referred to it first, and the offset of the word that did.
    """

    id: LesionId
    sites: Sites


NO_LESION = LesionMention((ReferenceKind.NAMED, -1), ())


class StatedValue(NamedTuple):
    """A value, or with None its absence, that was stated of a location on a sequence."""

    location: Location
    modality: Modality
    value: Value


class StatedMargin(NamedTuple):
    """The margin of a lesion at a location, in the words of the report; `start` is the offset of the last of them.

    Without a location it is that of what surrounds a lesion.
    """

    location: Location | None
    start: int
    words: str


class StatedWords(NamedTuple):
    """What is said of the lesion at a location, in words that end at `start`: its form or its noun."""

    location: Location
    start: int
    words: LesionWords


def distinct(sites: Iterable[SiteMention]) -> Sites:
    """Every location once, as it was named last."""
    return tuple({site.location: site for site in sites}.values())


def locations(sites: Iterable[SiteMention]) -> set[Location]:
    """The locations of the sites."""
    return {site.location for site in sites}


@dataclass(frozen=True)
class MentionedLesions:
    """What is remembered from sentence to sentence.

    `subject` is the lesion that a sentence without a site continues, `changed` are sites with a general change, `pair`
    the two lesions that 前者 and 后者 tell apart. `listed` are sites of lesions since nothing has been stated of any.
    The lesions of the current numbered item begin at `item_start`.
    """

    lesions: tuple[LesionMention, ...] = ()
    subject: LesionMention = NO_LESION
    changed: Sites = ()
    pair: tuple[LesionMention, ...] = ()
    stated: tuple[StatedValue, ...] = ()
    labels: Mapping[str, LesionMention] = field(default_factory=dict)
    item_start: int = 0
    listed: Sites = ()

    def begin_item(self, numbered: bool) -> "MentionedLesions":
        """An item of a numbered list refers to its own lesions; text without a number to all."""
        return replace(self, item_start=len(self.lesions) if numbered else 0)

    def extend(self, lesion: LesionMention, sites: Sites) -> "MentionedLesions":
        """左侧额叶信号同上，右侧额叶…: the enumeration goes on, so the lesion occupies these sites too."""
        longer = lesion._replace(sites=lesion.sites + sites)
        return replace(
            self,
            lesions=tuple(longer if known.id == lesion.id else known for known in self.lesions),
            subject=longer if self.subject.id == lesion.id else self.subject,
        )

    def is_current(self, lesion: LesionMention) -> bool:
        """Whether the lesion was mentioned last and is the subject."""
        return lesion == self.subject and self.lesions[-1:] == (lesion,)

    def everywhere(self) -> Sites:
        """Every site mentioned so far, once."""
        return distinct(site for lesion in self.lesions for site in lesion.sites)

    def in_item(self) -> Sites:
        """Every site mentioned in this item, or in the report where it has no items."""
        return distinct(site for lesion in self.lesions[self.item_start :] for site in lesion.sites)

    def resolve(self, site: SiteMention, here: Sequence[Sites], lesion_follows: bool) -> Sites:
        """A site without its side is the one mentioned `here`, else before, or both; 小脑病灶 is the one inside.

        Within 右侧大脑半球 the lesion 位于顶叶者 is on the right.
        """
        if site.side is not None:
            return (site,)
        before = [known for lesion in self.lesions for known in lesion.sites]
        for known in (*here, before, self.changed):
            sides = {s.side: s for s in known if s.site == site.site}
            if sides:
                if None in sides:
                    return (site,)
                both = sides.get("双侧")
                return tuple(s._replace(token=site.token) for s in ((both,) if both else sides.values()))
        if lesion_follows:
            for known in (*here, distinct(before)):
                inside = tuple(s for s in known if site.site in ancestors(s.site))
                if inside:
                    return inside
            around = {(s.side, s.side_token) for known in here for s in known if s.site in ancestors(site.site)}
            if len(around) == 1:
                ((side, side_token),) = around
                return (site._replace(side=side, side_token=side_token),)
        return (site,)

    def without(self, sites: Iterable[SiteMention], modality: str) -> Sites:
        """The sites of which nothing has been stated on the sequence."""
        done = {stated.location for stated in self.stated if stated.modality == modality}
        return tuple(site for site in sites if site.location not in done)

    def has_stated(self, sites: Iterable[SiteMention], modality: str | None = None) -> bool:
        """Whether a value has been stated of one of the sites, on the sequence or on any."""
        here = locations(sites)
        return any(modality in (s.modality, None) and s.location in here for s in self.stated)

    def last_two(self) -> LesionMention | Sites:
        """两者: the pair that is compared, else the last lesion where its sites differ, else the last two lesions."""
        if self.pair:
            return distinct(site for lesion in self.pair for site in lesion.sites)
        if self.lesions and self._differ(self.lesions[-1].sites):
            return self.lesions[-1]
        return distinct(site for lesion in self.lesions[-2:] for site in lesion.sites)

    def _differ(self, sites: Sites) -> bool:
        """Whether different values have been stated of the sites."""
        values = [{s[1:] for s in self.stated if s.location == site.location} for site in sites]
        return any(v != values[0] for v in values)

    def stated_of(self, here: Container[Location]) -> list[tuple[Modality, Value]]:
        """What was stated of the first of these locations of which anything was."""
        found = [s for s in self.stated if s.location in here]
        return list(dict.fromkeys((s.modality, s.value) for s in found if s.location == found[0].location))

    def last_stated(self, here: Iterable[SiteMention]) -> list[tuple[Modality, Value]]:
        """What was stated of the location, other than `here`, that was described last."""
        left_out = locations(here)
        others = [s for s in self.stated if s.location not in left_out] or list(self.stated)
        return list(dict.fromkeys((s.modality, s.value) for s in others if s.location == others[-1].location))

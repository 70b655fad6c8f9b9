"""From the words that the tagger takes for a place to the sites of the vocabulary, and from sides to their words."""

import re
from collections.abc import Iterator, Sequence

from selip_contracts.vocabulary import SITES, Side, ancestors, cached_until_sites_change, unlisted
from selip_extract.language.constructions.mending import slips
from selip_extract.language.lexer import normalized
from selip_extract.language.lexicon import LOBE_CHARACTERS, Meaning, lexicon
from selip_extract.tagger.pairs import Span

_SIDES: tuple[tuple[Side, re.Pattern[str]], ...] = (
    ("双侧", re.compile("双|两|左.*右|右.*左")),
    ("左侧", re.compile("左")),
    ("右侧", re.compile("右")),
)
_RELATIVE = re.compile("对侧|同侧")
_NAME = re.compile("[A-Z]*[\u4e00-\u9fff]{2,}")
_PART = re.compile(
    "[上下中前后内外背腹左右]侧?[部份段缘方]?|[头体尾]部|区域?|局?部|旁|处|侧|内侧?|外侧?|深部|走行区|术区"
)
_BEFORE_A_PART = re.compile("[上下中前后内外背腹左右]{0,2}[侧部份缘方体]?内?(?:[(（\\[［](?:[左右双两]侧?)?)?")
"""What may stand between a site and a part of it that is meant: 延髓背侧（极后区）."""
_MAX_WORD = 12
_REACH = 2
"""So many characters may a word of the vocabulary begin or end away from where a place is tagged."""


def sites_named(text: str, place: Span) -> tuple[str, ...]:
    """The sites that the words at `place` name: those of the vocabulary, an unlisted one, or none.

    `text` is in the normal form. The end of a tag may be off by a character or two, so a word of the vocabulary that
    covers the place is taken whole, and one that leaves only a word for a part of it (脑桥下部) is the site.
    """
    words = _joined(text[slice(*place)])
    if found := _sites_of(words):
        return found
    start, end = place
    whole = max(
        (
            (a, b)
            for a in range(max(0, start - _REACH), end)
            for b in range(a + 2, min(len(text), a + _MAX_WORD, end + _REACH) + 1)
            if a < end and start < b and _sites_of(_joined(text[a:b])) and _covers(text, (a, b), place)
        ),
        key=lambda span: span[1] - span[0],
        default=None,
    )
    if whole is not None:
        return _sites_of(_joined(text[slice(*whole)]))
    return (unlisted(words),) if _NAME.fullmatch(words) and _meaning(words) is None else ()


def _joined(words: str) -> str:
    return normalized(words).replace("\n", "")


def _covers(text: str, word: Span, place: Span) -> bool:
    """Whether the word leaves nothing of the place, or only which part of the site it is."""
    rest = text[place[0] : word[0]] + text[word[1] : place[1]]
    return not rest or _PART.fullmatch(rest) is not None


@cached_until_sites_change(1 << 14)
def _sites_of(form: str) -> tuple[str, ...]:
    for name in (form, slips().get(form, form)):
        if name in LOBE_CHARACTERS:
            return (LOBE_CHARACTERS[name],)
        meaning = _meaning(name)
        if meaning is not None and meaning.kind == "site":
            return tuple(meaning.value.split("|"))
    return ()


def _meaning(form: str) -> Meaning | None:
    return lexicon().words.get(form) or lexicon().names.get(form)


def side_named(words: str) -> Side | None:
    """The side that the words name."""
    return next((side for side, pattern in _SIDES if pattern.search(words)), None)


def side_span(text: str, side: Side, site: Span, sides: Sequence[Span]) -> Span | None:
    """The words that give the site this side: the last ones before it, else the first behind it.

    `text` is in the normal form.
    """
    fitting = list(_fitting(text, side, sides))
    before = [span for span in fitting if span[0] <= site[0]]
    return before[-1] if before else next(iter(fitting), None)


class Places:
    """The places that are tagged in a text, by the sites that they name and the words of their sides.

    `text` is in the normal form, spans are of it and in its order.
    """

    def __init__(self, text: str, places: Sequence[Span], sides: Sequence[Span]) -> None:
        self._text = text
        self._places = places
        self._sides = sides
        self._named: dict[Span, tuple[str, ...]] = {}

    def sites(self, place: Span) -> tuple[str, ...]:
        """The sites that the place names."""
        if place not in self._named:
            self._named[place] = sites_named(self._text, place)
        return self._named[place]

    def words(self, place: Span) -> str:
        """The characters of the place."""
        return self._text[slice(*place)]

    def part_behind(self, place: Span) -> Span | None:
        """The place right behind this one that names a part of its site: in 延髓背侧极后区 the site is 极后区."""
        sites = self.sites(place)
        for behind in self._places:
            if behind[0] < place[1]:
                continue
            if _BEFORE_A_PART.fullmatch(self._text, place[1], behind[0]) is None:
                return None
            if any(site in ancestors(part) for part in self.sites(behind) if part in SITES for site in sites):
                return behind
        return None

    def side_span(self, side: Side, place: Span) -> Span | None:
        """The words that give the place this side."""
        return side_span(self._text, side, place, self._sides)

    def side_beside(self, side: Side, place: Span) -> bool:
        """Whether the side stands beside the place, so that no other place lies between: 双侧丘脑及四叠体 has none."""
        return any(
            not any(min(words[1], place[1]) <= other[0] < max(words[0], place[0]) for other in self._places)
            and (words[1] <= place[0] or not any(other[0] == words[1] for other in self._places))
            for words in _fitting(self._text, side, self._sides)
        )


def _fitting(text: str, side: Side, sides: Sequence[Span]) -> Iterator[Span]:
    for start, end in sides:
        words = text[start:end]
        if side_named(words) == side or _RELATIVE.search(words):
            yield start, end

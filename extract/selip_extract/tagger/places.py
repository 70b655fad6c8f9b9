"""From the words that the tagger takes for a place to the sites of the vocabulary, and from sides to their words."""

import re
from collections.abc import Iterator, Sequence

from selip_contracts.vocabulary import Side, cached_until_sites_change, unlisted
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
_PART = re.compile("[上下中前后内外背腹左右]侧?[部份段缘方]?|[头体尾]部|区域?|局?部|旁|处|内侧?|外侧?|深部|走行区|术区")
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


def _fitting(text: str, side: Side, sides: Sequence[Span]) -> Iterator[Span]:
    for start, end in sides:
        words = text[start:end]
        if side_named(words) == side or _RELATIVE.search(words):
            yield start, end

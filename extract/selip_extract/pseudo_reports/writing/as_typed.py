"""The text as it comes: broken lines, blanks for punctuation, slips, lost characters; the facts move with it."""

import random
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import opencc
from pydantic import Field

from selip_extract.language.constructions.mending import slips
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, load
from selip_extract.pseudo_reports.sample_study import Share
from selip_extract.pseudo_reports.writing.draft import CharSpan, Fact


class _AsTyped(PhraseFile):
    broken_lines: Share
    line_lengths: tuple[int, ...] = Field(min_length=1)
    blanks: Share
    unpunctuated: Share
    traditional: Share
    slips: Share
    damaged: Share
    lost_characters: Phrases


_SETTINGS = load(_AsTyped, "as_typed")
_BREAKABLE = re.compile(r"(?<=[\w、，；）/+])(?=[\w（])(?<!\d)(?!\d)")
_OMITTED = re.compile("(?<=[\u4e00-\u9fff])[，；。](?=[\u4e00-\u9fffA-Z])")
_MARK = re.compile("[，；。](?=[\u4e00-\u9fff])")


def as_typed(rng: random.Random, text: str, facts: Sequence[Fact]) -> tuple[str, tuple[Fact, ...], set[str]]:
    """The text as a hospital exports it, the facts with their new offsets, and the names of what was done to it."""
    done: set[str] = set()
    if rng.random() < _SETTINGS.slips and (slipped := _with_slips(rng, text)) != text:
        done.add("slip")
        text = slipped
    if rng.random() < _SETTINGS.traditional:
        done.add("traditional characters")
        text = text.translate(_traditional_forms())
    if rng.random() < _SETTINGS.blanks:
        done.add("blanks for punctuation")
        text = _MARK.sub(" ", text)
    elif rng.random() < _SETTINGS.unpunctuated and "\n" not in text:
        done.add("no punctuation")
        marks = [match.start() for match in _OMITTED.finditer(text)]
        text, facts = _without(text, marks), [_with_spans(fact, lambda s: _before_marks(s, marks)) for fact in facts]
    if rng.random() < _SETTINGS.broken_lines and "\n" not in text and (breaks := _line_breaks(rng, text)):
        done.add("broken lines")
        return _broken(text, breaks), tuple(_moved(fact, breaks) for fact in facts), done
    if rng.random() < _SETTINGS.damaged and (sentence := _last_sentence(text, facts)) is not None:
        done.add("damaged text")
        facts = [fact for fact in facts if fact.value_span[0] < sentence[0]]
        text = _with_lost_characters(rng, text, sentence)
    return text, tuple(facts), done


def _last_sentence(text: str, facts: Sequence[Fact]) -> CharSpan | None:
    """The sentence that states the last facts, where all that it states is of sites that it names."""
    if not facts:
        return None
    last = max(fact.value_span[0] for fact in facts)
    start = max(text.rfind(mark, 0, last) for mark in "。\n") + 1
    end = min((at for mark in "。\n" if (at := text.find(mark, last)) >= 0), default=len(text))
    inside = [fact for fact in facts if fact.value_span[1] > start]
    return (start, end) if all(fact.mention.site_span[0] >= start for fact in inside) else None


def _with_lost_characters(rng: random.Random, text: str, sentence: CharSpan) -> str:
    """The text, one to three characters of the sentence lost in a wrong encoding."""
    start, end = sentence
    lost = rng.choice(_SETTINGS.lost_characters)
    for at in rng.sample(range(start, end), min(end - start, rng.choice((1, 2, 3)))):
        text = text[:at] + lost + text[at + 1 :]
    return text


def _with_slips(rng: random.Random, text: str) -> str:
    """The text with one to three words written wrongly; every wrong word has as many characters as the right one."""
    found = [(wrong, right) for wrong, right in slips().items() if right in text]
    for wrong, right in rng.sample(found, min(len(found), rng.choice((1, 1, 2, 3)))):
        text = text.replace(right, wrong, 1)
    return text


class _TraditionalForms(dict[int, str]):
    """By code point the traditional character, where it has one that is read back as the same simplified one."""

    def __init__(self) -> None:
        super().__init__()
        self._to, self._back = opencc.OpenCC("s2t"), opencc.OpenCC("t2s")

    def __missing__(self, code: int) -> str:
        character = chr(code)
        form = self._to.convert(character) if character > "\u3400" else character
        self[code] = form if len(form) == 1 and self._back.convert(form) == character else character
        return self[code]


@cache
def _traditional_forms() -> _TraditionalForms:
    return _TraditionalForms()


def _line_breaks(rng: random.Random, text: str) -> list[int]:
    """Offsets before which a line breaks: at a fixed length, or one to four anywhere; never inside a number."""
    allowed = [match.start() for match in _BREAKABLE.finditer(text)]
    if not allowed:
        return []
    if rng.random() < 0.5:
        length = rng.choice(_SETTINGS.line_lengths)
        at = [bisect_left(allowed, end) for end in range(length, len(text), length)]
        return sorted({allowed[i] for i in at if i < len(allowed)})
    return sorted(rng.sample(allowed, min(len(allowed), rng.randint(1, 4))))


def _broken(text: str, breaks: Sequence[int]) -> str:
    return "\n".join(text[a:b] for a, b in zip((0, *breaks), (*breaks, len(text)), strict=True))


def _moved(fact: Fact, breaks: Sequence[int]) -> Fact:
    return _with_spans(fact, lambda s: (s[0] + bisect_right(breaks, s[0]), s[1] + bisect_left(breaks, s[1])))


def _without(text: str, marks: Sequence[int]) -> str:
    omitted = set(marks)
    return "".join(character for i, character in enumerate(text) if i not in omitted)


def _before_marks(span: CharSpan, marks: Sequence[int]) -> CharSpan:
    """Where the span lies once the marks are omitted."""
    start, end = span
    return start - bisect_left(marks, start), end - bisect_left(marks, end)


def _with_spans(fact: Fact, move: Callable[[CharSpan], CharSpan]) -> Fact:
    def move_if_any(span: CharSpan | None) -> CharSpan | None:
        return None if span is None else move(span)

    mention = fact.mention
    return replace(
        fact,
        mention=replace(mention, site_span=move(mention.site_span), side_span=move_if_any(mention.side_span)),
        value_span=move(fact.value_span),
        sequence_span=move_if_any(fact.sequence_span),
        negation_span=move_if_any(fact.negation_span),
    )

"""The text as it comes: broken lines, blanks, slips, lost characters, figures; the facts move with it."""

import random
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import accumulate, pairwise
from typing import Annotated

import opencc
from pydantic import AfterValidator, Field

from selip_extract.language.constructions.mending import slips
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, Templates, load, placeholders
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
    figures: Share
    figure_references: Annotated[Templates, AfterValidator(placeholders("number", "letter"))]
    spaced_sequences: Share


_SETTINGS = load(_AsTyped, "as_typed")
_BREAKABLE = re.compile(r"(?<=[\w、，；）/+])(?=[\w（])(?<!\d)(?!\d)")
_OMITTED = re.compile("(?<=[\u4e00-\u9fff])[，；。](?=[\u4e00-\u9fffA-Z])")
_MARK = re.compile("[，；。](?=[\u4e00-\u9fff])")
_END_OF_CLAUSE = re.compile("(?<=[\u4e00-\u9fff])(?=[，；。,;])")
_IN_A_SEQUENCE = re.compile("(?<=T)(?=[12])|(?<=T[12])(?=WI)|(?<=T[12]-)(?=FLAIR)")


def as_typed(rng: random.Random, text: str, facts: Sequence[Fact]) -> tuple[str, tuple[Fact, ...], set[str]]:
    """The text as a hospital exports it, the facts with their new offsets, and the names of what was done to it."""
    done: set[str] = set()
    if rng.random() < _SETTINGS.figures:
        done.add("figures")
        text, facts = _with_inserted(text, facts, _figures(rng, text))
    if rng.random() < _SETTINGS.spaced_sequences and (blanks := _blanks_in_sequences(rng, text)):
        done.add("spaced sequences")
        text, facts = _with_inserted(text, facts, blanks)
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
        text, facts = _with_inserted(text, facts, dict.fromkeys(breaks, "\n"))
        return text, tuple(facts), done
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


def _figures(rng: random.Random, text: str) -> dict[int, str]:
    """References to a figure or to what marks a lesion in it, by where they are inserted: 呈高信号（图1A），."""
    ends = [match.start() for match in _END_OF_CLAUSE.finditer(text)]
    chosen = sorted(rng.sample(ends, min(len(ends), rng.choice((1, 2, 3)))))
    number, letter = rng.choice("123456"), rng.choice("abcdeABCDE")
    return {at: rng.choice(_SETTINGS.figure_references).format(number=number, letter=letter) for at in chosen}


def _blanks_in_sequences(rng: random.Random, text: str) -> dict[int, str]:
    """Blanks within the names of sequences, as a page leaves them: T 1WI, T2 WI, T2- FLAIR."""
    places = [match.start() for match in _IN_A_SEQUENCE.finditer(text)]
    return {at: " " for at in places if rng.random() < 0.6}


def _with_inserted(text: str, facts: Sequence[Fact], inserted: Mapping[int, str]) -> tuple[str, Sequence[Fact]]:
    """The text with words inserted before the given offsets, in their order, and the facts moved."""
    places = sorted(inserted)
    grown = [0, *accumulate(len(inserted[at]) for at in places)]

    def moved(span: CharSpan) -> CharSpan:
        return span[0] + grown[bisect_right(places, span[0])], span[1] + grown[bisect_left(places, span[1])]

    pieces = [text[a:b] for a, b in pairwise((0, *places, len(text)))]
    written = "".join(piece + inserted[at] for piece, at in zip(pieces, places, strict=False)) + pieces[-1]
    return written, [_with_spans(fact, moved) for fact in facts]


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

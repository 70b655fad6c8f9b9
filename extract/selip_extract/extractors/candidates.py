"""What the rules and a second reader state of one report, finding by finding, and what is known of each finding."""

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from selip_contracts.findings import Finding, GeneralFinding
from selip_contracts.vocabulary import SITES, ancestors
from selip_extract.extractors.inconsistencies import misread
from selip_extract.extractors.review import is_guessed
from selip_extract.extractors.second_reader import SecondReading
from selip_extract.language.lexicon import Cue
from selip_extract.language.tokens import LexedReport

MAX_LOG_ODDS = 10.0
_BRACKETS = re.compile(r"[(（\[［【〔|｜]")
"""Of what is put in, and between the cells of a table."""
_REFERENCES: frozenset[Cue] = frozenset(
    ("部分", "其中", "其余", "上述", "前者", "后者", "仅", "同上", "除", "分别", "较大")
)
"""Words that single out some of several lesions; a tagger gets them wrong more often than the rules do."""

Stated = Finding | GeneralFinding


@dataclass(frozen=True)
class Candidate:
    """A finding that the rules or the second reader state.

    `probability` is the second reader's own, None where it is unknown. `guessed`: the lexer, from which both readers
    may have it, mended a word of it or holds its site to be unlisted. `contested`: another value of the same sequence,
    side and site is stated too. `also_of_part`: the same words are stated of a part of its site, which it may only
    place (延髓背侧（极后区）). `bracketed`: its sentence has brackets, or is the row of a table. `referring`: it
    singles out some of several lesions (前者, 其余, 除…外). `misread_by_rules`, `misread_by_reader`: what these state
    in its sentence does not fit the words (see inconsistencies.py).
    """

    stated: Stated
    by_rules: bool
    by_reader: bool
    probability: float | None
    guessed: bool
    contested: bool = False
    also_of_part: bool = False
    bracketed: bool = False
    referring: bool = False
    misread_by_rules: bool = False
    misread_by_reader: bool = False

    @property
    def agreed(self) -> bool:
        """Whether rules and second reader both state it."""
        return self.by_rules and self.by_reader

    @property
    def negative(self) -> bool:
        """Whether it says that something is not there."""
        return isinstance(self.stated, Finding) and not self.stated.present

    def features(self) -> dict[str, float]:
        """What the regression sees, by the names of its weights."""
        odds = 0.0 if self.probability is None else log_odds(self.probability)
        return {
            "always": 1.0,
            "rules": float(self.by_rules),
            "reader": float(self.by_reader),
            "returned_log_odds": odds if self.by_reader else 0.0,
            "unreturned_unlikely": 0.0 if self.by_reader else min(odds, 0.0),
            "unreturned_likely": 0.0 if self.by_reader else max(odds, 0.0),
            "guessed": float(self.guessed),
            "contested": float(self.contested),
            "also_of_part": float(self.also_of_part),
            "bracketed": float(self.bracketed),
            "reader_refers": float(self.by_reader and self.referring),
            "unsided": float(self.stated.side is None),
            "side_missing": float(self.stated.side is None and SITES[self.stated.site].laterality == "paired"),
            "outermost": float(SITES[self.stated.site].parent is None),
            "rules_misread": float(self.by_rules and self.misread_by_rules),
            "reader_misread": float(self.by_reader and self.misread_by_reader),
            "negative": float(self.negative),
            "general": float(isinstance(self.stated, GeneralFinding)),
        }


FEATURES = (
    "always", "rules", "reader", "returned_log_odds", "unreturned_unlikely", "unreturned_likely", "guessed",
    "contested", "also_of_part", "bracketed", "reader_refers", "unsided", "side_missing", "outermost", "rules_misread",
    "reader_misread", "negative", "general",
)  # fmt: skip


def log_odds(probability: float) -> float:
    """The natural logarithm of p / (1 - p), within ±MAX_LOG_ODDS."""
    smallest = math.exp(-MAX_LOG_ODDS)
    held = min(max(probability, smallest), 1 - smallest)
    return math.log(held / (1 - held))


def candidates(
    lexed: LexedReport, findings: Sequence[Finding], general: Iterable[GeneralFinding], reading: SecondReading
) -> list[Candidate]:
    """Every finding of the rules or the second reading once, in the order of the text."""
    rules = _by_name((*findings, *(general if reading.general is not None else ())))
    reader = _by_name((*reading.findings, *(reading.general or ())))
    all_stated = reader | rules
    values = Counter(_without_value(stated) for stated in all_stated.values())
    of_parts = {part for stated in all_stated.values() for part in _of_regions(stated)}
    misread_by_rules = _misread_sentences(lexed, findings)
    misread_by_reader = _misread_sentences(lexed, reading.findings)
    found = [
        Candidate(
            stated,
            name in rules,
            name in reader,
            _probability(reader.get(name), stated, reading.unreturned),
            is_guessed(lexed, stated),
            isinstance(stated, Finding) and values[_without_value(stated)] > 1,
            (stated_at(stated), stated.site) in of_parts,
            *_wording(lexed, stated),
            sentence in misread_by_rules,
            sentence in misread_by_reader,
        )
        for name, stated in all_stated.items()
        for sentence in [sentence_number(lexed, stated_at(stated))]
    ]
    return sorted(found, key=lambda candidate: stated_at(candidate.stated))


def _by_name(stated: Sequence[Stated]) -> dict[object, Stated]:
    """Each finding where it is stated first."""
    return {name_of(s): s for s in reversed(stated)}


def name_of(stated: Stated) -> object:
    """What two readers state alike has one name."""
    return stated.key, stated.site_text


def _without_value(stated: Stated) -> tuple[object, ...]:
    """Where it lies and on which sequence."""
    return *stated.key[:3], stated.site_text


def _of_regions(stated: Stated) -> Iterator[tuple[int, str]]:
    """Where it is stated, with each region that its site is a part of."""
    return ((stated_at(stated), region) for region in ancestors(stated.site))


def _wording(lexed: LexedReport, stated: Stated) -> tuple[bool, bool]:
    """Whether its sentence has brackets, and whether it refers to lesions named before."""
    number = sentence_number(lexed, stated_at(stated))
    if number < 0:
        return False, False
    sentence = lexed.sentences[number]
    bracketed = _BRACKETS.search(lexed.text, sentence[0].start, sentence[-1].end) is not None
    return bracketed, any(token.kind == "cue" and token.value in _REFERENCES for token in sentence)


def _misread_sentences(lexed: LexedReport, findings: Iterable[Finding]) -> frozenset[int]:
    """The numbers of the sentences whose findings do not fit the words."""
    return frozenset(sentence_number(lexed, tokens[0].start) for tokens in misread(lexed, findings))


def sentence_number(lexed: LexedReport, offset: int) -> int:
    """The number of the last sentence that begins at the offset or before it; -1 before the first."""
    return bisect_right(lexed.sentences, offset, key=lambda sentence: sentence[0].start) - 1


def _probability(read: Stated | None, stated: Stated, unreturned: Callable[[Stated], float | None]) -> float | None:
    return read.confidence if isinstance(read, Finding) else unreturned(read or stated)


def stated_at(stated: Stated) -> int:
    """The offset of the words that state the signal or the change: they decide to which sentence a finding belongs."""
    assert stated.evidence is not None
    return next(s.start for s in stated.evidence.spans if s.role in ("signal", "change"))

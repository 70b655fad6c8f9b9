"""What the rules and a second reader state of one report, finding by finding, and what is known of each finding."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from selip_contracts.findings import Finding, GeneralFinding
from selip_contracts.vocabulary import SITES, ancestors
from selip_extract.extractors.inconsistencies import misread
from selip_extract.extractors.review import is_guessed
from selip_extract.extractors.second_reader import SecondReading
from selip_extract.language.lexicon import Cue
from selip_extract.language.tokens import LexedReport, Token
from selip_extract.rules.changes_of_sites import is_of_the_brain

MAX_LOG_ODDS = 10.0
_REFERENCES: frozenset[Cue] = frozenset(
    ("部分", "其中", "其余", "上述", "前者", "后者", "仅", "同上", "除", "分别", "较大")
)
"""Words that single out some of several lesions; a tagger gets them wrong more often than the rules do."""

Stated = Finding | GeneralFinding


class _Wording(NamedTuple):
    """Whether a sentence refers to lesions named before, and how many values it names."""

    referring: bool
    values: int


_NO_WORDS = _Wording(referring=False, values=0)


@dataclass(frozen=True)
class Candidate:
    """A finding that the rules or the second reader state.

    `probability` is the second reader's own, None where it is unknown. `guessed`: the lexer, from which both readers
    may have it, mended a word of it or holds its site to be unlisted. `contested`: another value of the same sequence,
    side and site is stated too. `also_of_part`: the same words are stated of a part of its site, which it may only
    place (延髓背侧（极后区）). `site_elsewhere`: another sentence than that of its value names its site. `referring`:
    its sentence singles out some of several lesions (前者, 其余, 除…外). `values`: how many values it names.
    `misread_by_rules`, `misread_by_reader`: what these state in its sentence does not fit the words (see
    inconsistencies.py).
    """

    stated: Stated
    by_rules: bool
    by_reader: bool
    probability: float | None
    guessed: bool
    contested: bool = False
    also_of_part: bool = False
    site_elsewhere: bool = False
    referring: bool = False
    values: int = 0
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

    @property
    def general(self) -> bool:
        """Whether it is a general finding."""
        return isinstance(self.stated, GeneralFinding)

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
            "site_elsewhere": float(self.site_elsewhere),
            "reader_refers": float(self.by_reader and self.referring),
            "agreed_values": math.log1p(self.values) if self.agreed else 0.0,
            "side_missing": float(self.stated.side is None and SITES[self.stated.site].laterality == "paired"),
            "outside_brain": float(not is_of_the_brain(self.stated.site)),
            "rules_misread": float(self.by_rules and self.misread_by_rules),
            "reader_misread": float(self.by_reader and self.misread_by_reader),
            "negative": float(self.negative),
            "general": float(self.general),
        }


FEATURES = (
    "always", "rules", "reader", "returned_log_odds", "unreturned_unlikely", "unreturned_likely", "guessed",
    "contested", "also_of_part", "site_elsewhere", "reader_refers", "agreed_values", "side_missing", "outside_brain",
    "rules_misread", "reader_misread", "negative", "general",
)  # fmt: skip


def log_odds(probability: float) -> float:
    """The natural logarithm of p / (1 - p), within ±MAX_LOG_ODDS."""
    smallest = math.exp(-MAX_LOG_ODDS)
    held = min(max(probability, smallest), 1 - smallest)
    return math.log(held / (1 - held))


def candidates(
    lexed: LexedReport,
    findings: Sequence[Finding],
    general: Iterable[GeneralFinding],
    unfit: Iterable[Sequence[Token]],
    reading: SecondReading,
) -> list[Candidate]:
    """Every finding of the rules or the second reading once, in the order of the text.

    `unfit` are the sentences that the rules misread.
    """
    rules = _by_name((*findings, *(general if reading.general is not None else ())))
    reader = _by_name((*reading.findings, *(reading.general or ())))
    all_stated = reader | rules
    values = Counter(_without_value(stated) for stated in all_stated.values())
    of_parts = {part for stated in all_stated.values() for part in _of_regions(stated)}
    misread_by_rules = _numbers(lexed, unfit)
    misread_by_reader = _numbers(lexed, misread(lexed, reading.findings))
    sentences = {name: sentence_number(lexed, stated_at(stated)) for name, stated in all_stated.items()}
    wordings = {number: _wording(lexed.sentences[number]) for number in set(sentences.values()) if number >= 0}
    found = [
        Candidate(
            stated,
            name in rules,
            name in reader,
            _probability(reader.get(name), stated, reading.unreturned),
            is_guessed(lexed, stated),
            isinstance(stated, Finding) and values[_without_value(stated)] > 1,
            (stated_at(stated), stated.site) in of_parts,
            sentence_number(lexed, _site_at(stated)) != sentences[name],
            *wordings.get(sentences[name], _NO_WORDS),
            sentences[name] in misread_by_rules,
            sentences[name] in misread_by_reader,
        )
        for name, stated in all_stated.items()
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


def _wording(sentence: Sequence[Token]) -> _Wording:
    return _Wording(
        referring=any(token.kind == "cue" and token.value in _REFERENCES for token in sentence),
        values=sum(token.kind in ("signal", "enhancement") for token in sentence),
    )


def _numbers(lexed: LexedReport, sentences: Iterable[Sequence[Token]]) -> frozenset[int]:
    return frozenset(sentence_number(lexed, tokens[0].start) for tokens in sentences)


def sentence_number(lexed: LexedReport, offset: int) -> int:
    """The number of the last sentence that begins at the offset or before it; -1 before the first."""
    return bisect_right(lexed.sentences, offset, key=lambda sentence: sentence[0].start) - 1


def _probability(read: Stated | None, stated: Stated, unreturned: Callable[[Stated], float | None]) -> float | None:
    return read.confidence if isinstance(read, Finding) else unreturned(read or stated)


def stated_at(stated: Stated) -> int:
    """The offset of the words that state the signal or the change: they decide to which sentence a finding belongs."""
    assert stated.evidence is not None
    return next(s.start for s in stated.evidence.spans if s.role in ("signal", "change"))


def _site_at(stated: Stated) -> int:
    assert stated.evidence is not None
    return next(s.start for s in stated.evidence.spans if s.role == "site")

"""A report while it is written: its text, and the statements that the text makes."""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from selip_contracts.findings import Count
from selip_contracts.vocabulary import Change, Modality
from selip_extract.pseudo_reports.lesion_archetypes import SignalValue
from selip_extract.pseudo_reports.sample_study import SampledSite

CharSpan = tuple[int, int]
_BEFORE_A_SENTENCE = re.compile(r"[。：\n]$|\d[.、]$|（\d{1,2}）$")
"""What needs no full stop: an ended sentence, a heading, the number of an item."""


@dataclass
class LesionWords:
    """What has been written of a lesion beside its signals, under the names of the finding's fields; sizes in mm.

    `shapes`: where no shape introduces the lesion, the first that it has on a sequence; it holds from there on.
    """

    morphology: str | None = None
    count: Count | None = None
    number: int | None = None
    size_mm: tuple[float, ...] = ()
    margin: str | None = None
    lesion: str | None = None
    shapes: dict[SampledSite, str] = field(default_factory=dict)

    def add(self, morphology: str | None = None, lesion: str | None = None) -> None:
        """Note a shape or a noun where none has been written before."""
        self.morphology = self.morphology or morphology
        self.lesion = self.lesion or lesion


@dataclass(frozen=True)
class Mention:
    """A site with its side, the characters that name the two, and what has been written of the lesion there."""

    site: SampledSite
    site_span: CharSpan
    side_span: CharSpan | None
    words: LesionWords = field(default_factory=LesionWords, compare=False)


@dataclass(frozen=True)
class Fact:
    """One statement of the draft: a signal (None: explicitly absent) on a sequence, or a general change.

    `morphology` is the shape of the lesion on this sequence, or the one that was written before.
    """

    mention: Mention
    modality: Modality | None
    value: SignalValue | Change | None
    value_span: CharSpan
    sequence_span: CharSpan | None = None
    negation_span: CharSpan | None = None
    uncertain: bool = False
    morphology: str | None = None


@dataclass
class Draft:
    """The parts of the text and the facts that they state.

    `runs_on`: statements end mostly with commas. `joined`: clauses are joined by commas alone, because they continue
    with the sites that the first clause named. `words`: what is written of the lesion in hand. `understood`: false
    where a disease is named that gives no finding. `families`: the constructions that were written, by name.
    """

    rng: random.Random
    parts: list[str] = field(default_factory=list)
    length: int = 0
    facts: list[Fact] = field(default_factory=list)
    runs_on: bool = False
    joined: bool = False
    understood: bool = True
    words: LesionWords = field(default_factory=LesionWords)
    families: set[str] = field(default_factory=set)

    def begin_lesion(self) -> None:
        """What is written from here on is of another lesion."""
        self.words = LesionWords()

    def put(self, text: str) -> CharSpan:
        """Append text; the characters it occupies."""
        start = self.length
        self.parts.append(text)
        self.length += len(text)
        return start, self.length

    def put_one(self, phrases: Sequence[str]) -> CharSpan:
        """Append one of the phrases."""
        return self.put(self.rng.choice(phrases))

    def put_naming(self, mentions: Iterable[Mention], words: str) -> None:
        """Append words that name the lesion of these sites; 占位 is a general change of them, too."""
        start, end = self.put(words)
        at = words.find("占位")
        if at >= 0:
            self.state(mentions, None, "占位", (start + at, end - (len(words) - len(words.rstrip("，")))))

    def put_maybe(self, chance: float, phrases: Sequence[str]) -> None:
        """Append one of the phrases with the given chance."""
        if self.rng.random() < chance:
            self.put_one(phrases)

    def chance(self, share: float) -> bool:
        """True with the given chance."""
        return self.rng.random() < share

    def end_statement(self) -> None:
        """End a statement: with a full stop, or mostly with a comma in a report that runs on."""
        self.put(self.rng.choices(("，", "；", "。"), (6, 1, 3))[0] if self.runs_on else "。")

    def separate(self) -> None:
        """Append a comma, seldom another separator."""
        mark = self.rng.choices(("，", "；", "、"), (92, 5, 3))[0]
        self.put("，" if self.joined else mark)

    def strip_separators(self) -> None:
        """Remove separators at the end, so that a full stop can follow."""
        while self.parts and self.parts[-1] in ("，", "；", "、"):
            self.length -= len(self.parts.pop())

    def begin_sentence(self) -> None:
        """End the sentence before with a full stop where it has none."""
        self.strip_separators()
        if self.parts and not _BEFORE_A_SENTENCE.search(self.parts[-1]):
            self.put("。")

    def state(
        self,
        mentions: Iterable[Mention],
        modality: Modality | None,
        value: SignalValue | Change | None,
        value_span: CharSpan,
        sequence_span: CharSpan | None = None,
        negation_span: CharSpan | None = None,
        uncertain: bool = False,
        morphology: str | None = None,
    ) -> None:
        """Record one statement for each of the mentions; `morphology`: the shape on this sequence alone."""
        for mention in mentions:
            words, site = mention.words, mention.site
            shape = morphology or words.morphology or words.shapes.get(site)
            if morphology:
                words.shapes.setdefault(site, morphology)
            self.facts.append(
                Fact(mention, modality, value, value_span, sequence_span, negation_span, uncertain, shape)
            )

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.parts)

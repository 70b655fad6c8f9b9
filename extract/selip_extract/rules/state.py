"""The state of reading a sentence: every transition takes one and returns the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Self

from selip_contracts.findings import Finding
from selip_extract.language.tokens import Token
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.mentions import (
    NO_LESION,
    LesionId,
    LesionMention,
    Location,
    MentionedLesions,
    ReferenceKind,
    SiteMention,
    Sites,
    StatedMargin,
    StatedWords,
)

# bound once: Python 3.11 takes 0.2 µs to find a member in its Enum
_NAMED, _POINTED, _REST = ReferenceKind.NAMED, ReferenceKind.POINTED, ReferenceKind.REST


class Focus(NamedTuple):
    """Which sites the current clause refers to, and how; `source` is the offset of the word that refers to them."""

    sites: Sites
    kind: ReferenceKind
    source: int

    @classmethod
    def on(cls, lesion: LesionMention) -> Self:
        """A lesion mentioned before."""
        return cls(lesion.sites, *lesion.id)

    @property
    def lesion_id(self) -> LesionId:
        """The id of the lesion that is introduced from here; what 其余 selects becomes one by that selection."""
        return _POINTED if self.kind is _REST else self.kind, self.source

    @property
    def lesion(self) -> LesionMention:
        """The lesion that occupies the sites."""
        return LesionMention(self.lesion_id, self.sites)


NO_FOCUS = Focus((), ReferenceKind.NAMED, -1)


class Standing(Enum):
    """Whether the sites in focus are still what a value without a site of its own is stated of."""

    CURRENT = "yes"
    NORMAL = "no: 双侧海马对称 has described them as normal"
    PRIOR = "no: 前片示左侧额叶… has described them as they were"


CURRENT = Standing.CURRENT


class SequenceFocus(NamedTuple):
    """Which sequences the next value is stated on.

    They are `used` once a value was stated: the next sequence replaces them. After 分别 `order` counts the values.
    """

    tokens: tuple[Token, ...] = ()
    used: bool = False
    order: int | None = None


class Clause(NamedTuple):
    """What holds until the clause ends; `start` is the index of its first token."""

    start: int = 0
    negation: Token | None = None
    doubtful: bool = False
    of_the_largest: bool = False


NO_SEQUENCES = SequenceFocus()
FIRST_CLAUSE = Clause()


@dataclass(frozen=True)
class State:
    """What has been understood of the report when the next token of a sentence is read.

    - `focus`: the sites of this clause or one before it; a site joins them while it is `open`, else it replaces them.
    - `introduced`, `own`: the lesion that this sentence introduced last, and all that it introduced first.
    - `announced`: sites named without a statement, of which the next value is stated.
    - `bilateral`, `half`: the sites of a bilateral lesion, and the side of it that 右侧者 refers to.
    - `awaiting`: 分别见…: the sites whose account follows.
    - `before_exception`: the focus before 除; `whole`: that to which the clause returns after 除…外.
    - `excepted_from`: the sequences listed before 除, of which the exception states one.
    - `before_bracket`: the focus before （后者较大）, which says something of one lesion in passing.
    - `before_prior`: the sequences before the sentence turned to a prior study.
    - `findings`, `sizes`, `margins`, `words`: what the sentence states, and the sizes in mm, margins, forms and
      nouns of its lesions.
    """

    mentioned: MentionedLesions
    focus: Focus = NO_FOCUS
    open: bool = False
    standing: Standing = CURRENT
    sequences: SequenceFocus = NO_SEQUENCES
    clause: Clause = FIRST_CLAUSE
    introduced: LesionMention = NO_LESION
    own: Focus = NO_FOCUS
    announced: Focus = NO_FOCUS
    bilateral: Sites = ()
    half: Focus = NO_FOCUS
    awaiting: Sites = ()
    before_exception: Focus | None = None
    whole: Focus = NO_FOCUS
    excepted_from: tuple[Token, ...] = ()
    before_prior: SequenceFocus | None = None
    before_bracket: Focus | None = None
    findings: tuple[Finding, ...] = ()
    sizes: tuple[tuple[Location, tuple[float, ...]], ...] = ()
    margins: tuple[StatedMargin, ...] = ()
    words: tuple[StatedWords, ...] = ()

    @property
    def refers_to_rest(self) -> bool:
        """Whether the clause refers to the rest of the lesions: 其余病灶."""
        return self.focus.kind is _REST

    @property
    def current_lesion(self) -> LesionMention:
        """The lesion that a clause without a site continues."""
        return self.introduced if self.introduced.sites else self.mentioned.subject

    def refer_to(self, focus: Focus) -> "State":
        """What follows is stated of these sites, until others are named."""
        return replace(self, focus=focus, open=False, standing=CURRENT)

    def narrow(self, sites: Sequence[SiteMention], source: int) -> Focus:
        """A focus on these sites instead; 其余 still means the rest."""
        return Focus(tuple(sites), _REST if self.refers_to_rest else _NAMED, source)

    def close(self) -> "State":
        """The enumeration of sites is complete: the next site begins another one."""
        return replace(self, open=False) if self.open else self

    def negate(self, negation: Token | None) -> "State":
        """The clause is negated by this token, or no longer."""
        start, _, doubtful, of_the_largest = self.clause
        return replace(self, clause=Clause(start, negation, doubtful, of_the_largest))


START = State(MentionedLesions())

"""Questions to a language model: sentences that can state a signal, with their context and what they can support."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, cast

from selip_contracts.vocabulary import (
    ENHANCEMENTS,
    MODALITIES,
    SIDES,
    SIGNALS,
    SITES,
    Enhancement,
    Modality,
    Side,
    Signal,
)
from selip_extract.language.constructions.compared_sequences import REPEATING
from selip_extract.language.laterality import lateralised_sites
from selip_extract.language.tokens import LexedReport, Token

MAX_SITES = 48
MAX_UNIT_TOKENS = 120
MAX_CONTEXT_TOKENS = 200

_POINTING_CUES = frozenset("其余 上述 前者 后者 同上 除 其中 部分 周围 其内 边缘 中心 相应 较大".split())
_STATING = frozenset(("signal", "enhancement", "restriction"))
_INTRODUCING = frozenset(("sequence", "enhancement", "restriction", "abnormal", "lesion", "change"))


class Statement(NamedTuple):
    """One signal of one site; value None means explicitly absent."""

    side: Side | None
    site: str
    modality: Modality
    value: Signal | Enhancement | None


class LocatedStatement(NamedTuple):
    """A statement with the offsets of its site and of its signal in the report."""

    statement: Statement
    site_at: int
    signal_at: int


@dataclass(frozen=True)
class Question:
    """A sentence and the context before it; `sites[i]` is the site that the i-th site token of a model stands for."""

    context: tuple[Token, ...]
    sentence: tuple[Token, ...]
    sites: tuple[str, ...]

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens of context and sentence."""
        return self.context + self.sentence

    def holds(self, offset: int) -> bool:
        """Whether the character at `offset` of the report is in a word of the sentence.

        In a table the words of another row, or of the other side of a cell (高/低), may stand between them.
        """
        return any(token.start <= offset < token.end for token in self.sentence)


class Support(NamedTuple):
    """All that an answer may contain; `sites_by_side` holds indices into the question's sites."""

    sites_by_side: tuple[tuple[Side | None, tuple[int, ...]], ...]
    modalities: tuple[Modality, ...]
    signals: tuple[Signal, ...]
    enhancements: tuple[Enhancement, ...]


def _kinds(tokens: Iterable[Token]) -> set[str]:
    return {t.kind for t in tokens}


def _answerable(unit: Sequence[Token], context: Sequence[Token]) -> bool:
    kinds = _kinds(unit)
    if not (kinds & {"site"} or context) or any(t.kind == "elsewhere" and t.value == "指令" for t in unit):
        return False
    if kinds & {"enhancement", "restriction"} or any(t.value in REPEATING for t in unit if t.kind == "cue"):
        return True
    if "signal" in kinds:
        return "sequence" in kinds or any(t.kind == "sequence" for t in context)
    return {"abnormal", "negation", "sequence"} <= kinds


def _points_back(unit: Sequence[Token]) -> bool:
    first_site = next((i for i, t in enumerate(unit) if t.kind == "site"), None)
    if first_site is None or _kinds(unit[:first_site]) & _STATING:
        return True
    if not any(t.kind in ("side", "post_side") for t in unit) and any(
        t.kind == "site" and SITES[t.value].laterality == "paired" for t in unit
    ):
        return True
    return any(t.kind == "lesion" or (t.kind == "cue" and t.value in _POINTING_CUES) for t in unit)


def _units(sentence: tuple[Token, ...]) -> Iterator[tuple[Token, ...]]:
    """The sentence; one that is too long for the model is split at semicolons and commas."""
    if len(sentence) <= MAX_UNIT_TOKENS:
        yield sentence
        return
    for mark in (";", ","):
        cuts = [
            i for i, t in enumerate(sentence) if t.kind == "punctuation" and t.value == mark and i <= MAX_UNIT_TOKENS
        ]
        if cuts and cuts[-1]:
            yield sentence[: cuts[-1]]
            yield from _units(sentence[cuts[-1] + 1 :])
            return
    yield sentence[:MAX_UNIT_TOKENS]
    yield from _units(sentence[MAX_UNIT_TOKENS:])


def questions(lexed: LexedReport) -> list[Question]:
    """A question for each sentence of the report that can state a signal."""
    asked: list[Question] = []
    before: list[tuple[Token, ...]] = []
    for sentence in lexed.sentences:
        for unit in _units(sentence):
            recent = _recent(before)
            if _answerable(unit, recent):
                context = recent if _points_back(unit) else ()
                sites = tuple(dict.fromkeys(t.value for t in (*unit, *context) if t.kind == "site"))[:MAX_SITES]
                asked.append(Question(context, unit, sites))
            kinds = _kinds(unit)
            if ("site" in kinds and kinds & _INTRODUCING) or (before and kinds & _STATING):
                before.append(unit)
    return asked


def _recent(before: Sequence[tuple[Token, ...]]) -> tuple[Token, ...]:
    """The last units that fit into the context, each ended by a semicolon."""
    kept: list[tuple[Token, ...]] = []
    room = MAX_CONTEXT_TOKENS
    for unit in reversed(before[-4:]):
        if len(unit) + 1 > room:
            break
        kept.append((*unit, Token("punctuation", ";", unit[-1].end, unit[-1].end)))
        room -= len(unit) + 1
    return tuple(t for unit in reversed(kept) for t in unit)


def _sides_alone(sentence: Sequence[Token]) -> set[Side]:
    """The sides that stand for a lesion described before: 右侧T1WI呈高信号, 左侧者未见强化, 左右分别呈低、高信号."""
    found: set[Side] = set()
    for token, following in pairwise(sentence):
        if token.kind != "side":
            continue
        if following.kind in ("sequence", "lesion", "size", "signal"):
            found.add(cast(Side, token.value))
        elif following.value == "分别":
            found |= {"左侧", "右侧"}
    return found


def _supported_sites(question: Question) -> tuple[tuple[Side | None, tuple[int, ...]], ...]:
    """The sites that the words name with each side."""
    sides: dict[str, set[Side | None]] = {}
    for named in (*lateralised_sites(question.sentence), *lateralised_sites(question.context)):
        if not named.is_qualifier:
            sides.setdefault(named.site, set()).add(named.side)
    for side in _sides_alone(question.sentence):
        for given in sides.values():
            if "双侧" in given:
                given.add(side)
    by_side = (
        (side, tuple(i for i, site in enumerate(question.sites) if side in sides.get(site, ())))
        for side in (*SIDES, None)
    )
    return tuple((side, numbers) for side, numbers in by_side if numbers)


def support(question: Question) -> Support:
    """What the words of the question can support: no other answer is allowed."""
    tokens = question.tokens
    values = {kind: {t.value for t in tokens if t.kind == kind} for kind in ("sequence", "signal", "enhancement")}
    if any(t.kind == "restriction" for t in tokens):
        values["sequence"] |= {"DWI", "ADC"}
        values["signal"] |= {"高", "低"}
    if values["enhancement"]:
        values["sequence"].add("T1CE")
    return Support(
        sites_by_side=_supported_sites(question),
        modalities=tuple(m for m in MODALITIES if m in values["sequence"]),
        signals=tuple(s for s in SIGNALS if s in values["signal"]),
        enhancements=tuple(e for e in ENHANCEMENTS if e in values["enhancement"]),
    )


def is_expressible(question: Question, statements: Iterable[Statement]) -> bool:
    """Whether the words of the question support all of the statements."""
    words = support(question)
    places = {(side, question.sites[i]) for side, sites in words.sites_by_side for i in sites}
    values = {None, *words.signals, *words.enhancements}
    return all((s.side, s.site) in places and s.modality in words.modalities and s.value in values for s in statements)

"""The language model's task: one sentence of a report as typed tokens in, its statements lesion by lesion out.

A question shows the model the relations of a sentence and keeps the words away from it: every site is a numbered
token, every spelling of a sequence or a signal is one token, and what carries no meaning is a blank. The answer is

    左侧 s00 s01 右侧 s02 : T1 低 T2 高 DWI 否 ; …

sides and sites once, then sequence and signal in the order of the text (否: explicitly absent).
"""

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
    ancestors,
)
from selip_extract.lexicon import CUES
from selip_extract.places import placed_sites
from selip_extract.scan import Scan, Token

TASK_VERSION = "1"
MOST_SITES = 48
LONGEST_UNIT = 120
LONGEST_CONTEXT = 200
NO_SIDE = "无侧"
ABSENT = "否"
BLANK = "〇"
NOW = "<now>"
ANSWER = "<answer>"
PAD, END = "<pad>", "</s>"
SITE_TOKENS = tuple(f"s{i:02}" for i in range(MOST_SITES))
SEQUENCE_TOKENS: dict[Modality, str] = {m: "CE" if m == "T1CE" else m for m in MODALITIES}

_SITE_CLASSES = {
    "叶": ("额叶", "顶叶", "颞叶", "枕叶", "岛叶", "扣带回"),
    "全": ("脑实质", "大脑半球", "小脑", "脑干", "脑白质"),
    "室": ("脑室系统", "脑沟", "脑池", "外侧裂", "枕大池", "环池"),
    "外": ("脑外间隙", "头皮", "颅骨"),
    "窦": ("副鼻窦", "乳突", "鼻咽部", "眼眶"),
    "管": ("血管",),
    "鞍": ("鞍区", "海绵窦"),
}
_CLASS_TOKENS = tuple(f"<{c}>" for c in (*_SITE_CLASSES, "中", "深"))
_SILENT_CUES = frozenset(("信号",))
_CUE_WORDS = {"均": "<均>"}
VOCABULARY: tuple[str, ...] = (
    PAD, END, NOW, ANSWER, BLANK, *_CLASS_TOKENS, *SITE_TOKENS, *SIDES, NO_SIDE, "偏左侧", "偏右侧", "偏双侧",
    *SEQUENCE_TOKENS.values(), *SIGNALS, *ENHANCEMENTS,
    "受限", ABSENT, "变", "未见", "异常", "正常", "灶", "呈", "他处", "尺寸", "日期",
    ",", ";", ":", "、", "(", ")", *(_CUE_WORDS.get(cue, cue) for cue in CUES if cue not in _SILENT_CUES),
)  # fmt: skip
assert len(set(VOCABULARY)) == len(VOCABULARY)
ANSWER_WORDS = (
    *SITE_TOKENS, *SIDES, NO_SIDE, *SEQUENCE_TOKENS.values(), *SIGNALS, *ENHANCEMENTS, ABSENT, ":", ";",
)  # fmt: skip
# An answer's grammar is over characters: no word may begin a word of answers (均 would begin 均匀强化).
assert not any(a != b and a.startswith(b) for a in ANSWER_WORDS for b in VOCABULARY)

_SEQUENCE_OF = {token: modality for modality, token in SEQUENCE_TOKENS.items()}
_SIDE_OF: dict[str, Side | None] = {NO_SIDE: None, **{side: side for side in SIDES}}
_VALUE_OF: dict[str, Signal | Enhancement | None] = {ABSENT: None, **{v: v for v in (*SIGNALS, *ENHANCEMENTS)}}
_POINTING_CUES = frozenset("其余 上述 前者 后者 同上 除 其中 部分 周围 其内 边缘 中心 相应 较大".split())
_STATING = frozenset(("signal", "enhancement", "restriction"))
_INTRODUCING = frozenset(("sequence", "enhancement", "restriction", "abnormal", "lesion", "change"))
_LITERAL: dict[str, str] = {
    "restriction": "受限", "change": "变", "negation": "未见", "abnormal": "异常", "normal": "正常",
    "lesion": "灶", "verb": "呈", "elsewhere": "他处", "size": "尺寸", "date": "日期",
}  # fmt: skip


class Statement(NamedTuple):
    """One answer of the model: value None says explicitly absent."""

    side: Side | None
    site: str
    modality: Modality
    value: Signal | Enhancement | None


class Told(NamedTuple):
    """A statement and where in the report its site and its signal are said."""

    statement: Statement
    site_at: int
    signal_at: int


@dataclass(frozen=True)
class Question:
    """A sentence with what stands before it in view; `sites[i]` is what the i-th site token stands for."""

    context: tuple[Token, ...]
    sentence: tuple[Token, ...]
    sites: tuple[str, ...]

    @property
    def tokens(self) -> tuple[Token, ...]:
        """All tokens in view."""
        return self.context + self.sentence

    def holds(self, offset: int) -> bool:
        """Whether the character at `offset` of the report stands in the sentence."""
        return self.sentence[0].start <= offset < self.sentence[-1].end


class Support(NamedTuple):
    """What the words in view can support: the answer may contain nothing else; sites are numbers, by their side."""

    places: tuple[tuple[Side | None, tuple[int, ...]], ...]
    modalities: tuple[Modality, ...]
    signals: tuple[Signal, ...]
    enhancements: tuple[Enhancement, ...]


def _site_class(site: str) -> str:
    line = (site, *ancestors(site))
    for name, members in _SITE_CLASSES.items():
        if site in members or (name not in ("叶", "全") and any(s in members for s in line)):
            return f"<{name}>"
    if any(s in _SITE_CLASSES["叶"] for s in line):
        return "<叶>"
    return "<中>" if SITES[site].laterality == "midline" else "<深>"


SITE_CLASS = {site: _site_class(site) for site in SITES}


def _kinds(tokens: Iterable[Token]) -> set[str]:
    return {t.kind for t in tokens}


def _answerable(unit: Sequence[Token], context: Sequence[Token]) -> bool:
    kinds = _kinds(unit)
    if not (kinds & {"site"} or context) or any(t.kind == "elsewhere" and t.value == "指令" for t in unit):
        return False
    if kinds & {"enhancement", "restriction"} or any(t.value == "同上" for t in unit if t.kind == "cue"):
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
    """The sentence, or its parts at semicolons and commas where it is too long to be read at once."""
    if len(sentence) <= LONGEST_UNIT:
        yield sentence
        return
    for mark in (";", ","):
        cuts = [i for i, t in enumerate(sentence) if t.kind == "punctuation" and t.value == mark and i <= LONGEST_UNIT]
        if cuts and cuts[-1]:
            yield sentence[: cuts[-1]]
            yield from _units(sentence[cuts[-1] + 1 :])
            return
    yield sentence[:LONGEST_UNIT]
    yield from _units(sentence[LONGEST_UNIT:])


def questions(scan: Scan) -> list[Question]:
    """The questions that a report poses: its sentences that can state a signal."""
    asked: list[Question] = []
    before: list[tuple[Token, ...]] = []
    for sentence in scan.sentences:
        for unit in _units(sentence):
            recent = _recent(before)
            if _answerable(unit, recent):
                context = recent if _points_back(unit) else ()
                sites = tuple(dict.fromkeys(t.value for t in (*unit, *context) if t.kind == "site"))[:MOST_SITES]
                asked.append(Question(context, unit, sites))
            kinds = _kinds(unit)
            if ("site" in kinds and kinds & _INTRODUCING) or (before and kinds & _STATING):
                before.append(unit)
    return asked


def _recent(before: Sequence[tuple[Token, ...]]) -> tuple[Token, ...]:
    """The last content units that fit into the context, each ended by a semicolon."""
    kept: list[tuple[Token, ...]] = []
    room = LONGEST_CONTEXT
    for unit in reversed(before[-4:]):
        if len(unit) + 1 > room:
            break
        kept.append((*unit, Token("punctuation", ";", unit[-1].end, unit[-1].end)))
        room -= len(unit) + 1
    return tuple(t for unit in reversed(kept) for t in unit)


def _words(tokens: Iterable[Token], numbers: dict[str, str]) -> Iterator[str]:
    """What the model sees of the tokens; blanks in a row are one."""
    blank = False
    for token in tokens:
        said = _word(token, numbers)
        if said == (BLANK,) and blank:
            continue
        if said:
            blank = said == (BLANK,)
        yield from said


def _word(token: Token, numbers: dict[str, str]) -> tuple[str, ...]:
    match token.kind:
        case "site" if token.value in numbers:
            return SITE_CLASS[token.value], numbers[token.value]
        case "sequence":
            return (SEQUENCE_TOKENS[cast(Modality, token.value)],)
        case "side" | "signal" | "enhancement" | "punctuation":
            return (token.value,)
        case "post_side":
            return ("偏" + token.value,)
        case "cue":
            return () if token.value in _SILENT_CUES else (_CUE_WORDS.get(token.value, token.value),)
        case "layer":
            return ()
        case kind:
            return (_LITERAL.get(kind, BLANK),)


def prompt(question: Question) -> list[str]:
    """The question as words of VOCABULARY."""
    named = dict(zip(question.sites, SITE_TOKENS, strict=False))
    return [*_words(question.context, named), NOW, *_words(question.sentence, named), ANSWER]


def answer(question: Question, events: Iterable[tuple[int, Sequence[tuple[int, Statement]]]]) -> list[str]:
    """The right answer in words: `events` are (offset of the signal, [(offset of the site, statement), …]).

    KeyError where the question does not name a statement's site.
    """
    named = dict(zip(question.sites, SITE_TOKENS, strict=False))
    groups: list[tuple[tuple[tuple[Side | None, str], ...], list[str]]] = []
    for _, statements in sorted(events, key=lambda e: e[0]):
        ordered = [s for _, s in sorted(statements, key=lambda s: s[0])]
        places = tuple(dict.fromkeys((s.side, s.site) for s in ordered))
        words = [SEQUENCE_TOKENS[ordered[0].modality], ordered[0].value or ABSENT]
        if groups and groups[-1][0] == places:
            groups[-1][1].extend(words)
        else:
            groups.append((places, words))
    said: list[str] = []
    for places, items in groups:
        side: str | None = None
        for place_side, site in places:
            if (place_side or NO_SIDE) != side:
                side = place_side or NO_SIDE
                said.append(side)
            said.append(named[site])
        said += [":", *items, ";"]
    return said


def right_words(question: Question, told: Iterable[Told]) -> list[str]:
    """The right answer to a question, where this is what its sentence tells; KeyError where it lacks a site."""
    events: dict[tuple[int, object, object], list[tuple[int, Statement]]] = {}
    for statement, site_at, signal_at in told:
        key = (signal_at, statement.modality, statement.value)
        events.setdefault(key, []).append((site_at, statement))
    return answer(question, [(key[0], said) for key, said in events.items()])


def read_answer(question: Question, words: Iterable[str]) -> dict[Statement, tuple[int, ...]]:
    """The statements of an answer, each with the numbers of the words that say it; a group without end is left out."""
    named = dict(zip(SITE_TOKENS, question.sites, strict=False))
    found: dict[Statement, tuple[int, ...]] = {}
    places: list[tuple[Side | None, str, tuple[int, ...]]] = []
    pending: list[tuple[Statement, tuple[int, ...]]] = []
    side: tuple[Side | None, tuple[int, ...]] = None, ()
    sequence: tuple[Modality, int] | None = None
    for i, word in enumerate(words):
        if word in named:
            places.append((side[0], named[word], (*side[1], i)))
        elif word in _SIDE_OF:
            side = _SIDE_OF[word], (i,)
        elif word in _SEQUENCE_OF:
            sequence = _SEQUENCE_OF[word], i
        elif word == ";":
            for statement, said_by in pending:
                found.setdefault(statement, said_by)
            places, pending, side, sequence = [], [], (None, ()), None
        elif sequence is not None and word in _VALUE_OF:
            modality, at = sequence
            pending += [(Statement(s, site, modality, _VALUE_OF[word]), (*by, at, i)) for s, site, by in places]
    return found


def _sides_alone(sentence: Sequence[Token]) -> set[Side]:
    """The sides that stand for a lesion told before: 右侧T1WI呈高信号, 左侧者未见强化."""
    return {
        cast(Side, token.value)
        for token, following in pairwise(sentence)
        if token.kind == "side" and following.kind in ("sequence", "lesion", "size")
    }


def _supported_places(question: Question) -> tuple[tuple[Side | None, tuple[int, ...]], ...]:
    """The sides that the words in view give to each site."""
    sides: dict[str, set[Side | None]] = {}
    for place in (*placed_sites(question.sentence), *placed_sites(question.context)):
        if not place.locates:
            sides.setdefault(place.site, set()).add(place.side)
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
    """What the words of the question can support."""
    tokens = question.tokens
    values = {kind: {t.value for t in tokens if t.kind == kind} for kind in ("sequence", "signal", "enhancement")}
    if any(t.kind == "restriction" for t in tokens):
        values["sequence"] |= {"DWI", "ADC"}
        values["signal"] |= {"高", "低"}
    if values["enhancement"]:
        values["sequence"].add("T1CE")
    return Support(
        places=_supported_places(question),
        modalities=tuple(m for m in MODALITIES if m in values["sequence"]),
        signals=tuple(s for s in SIGNALS if s in values["signal"]),
        enhancements=tuple(e for e in ENHANCEMENTS if e in values["enhancement"]),
    )

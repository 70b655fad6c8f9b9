"""The language model's task: one sentence of a report as typed tokens in, its statements lesion by lesion out.

A question shows the model the relations in a sentence without its words: every site is a numbered token, every
spelling of a sequence or a signal is one token, and words without meaning are one blank token. The answer is

    左侧 s00 s01 右侧 s02 : T1 低 T2 高 DWI 否 ; …

Each lesion has its sides and sites once, then sequence and signal in the order of the text (否: explicitly absent).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

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
    cached_until_sites_change,
    site_and_words,
)
from selip_extract.language.constructions.compared_sequences import AS_SEQUENCE
from selip_extract.language.lexicon import CUES
from selip_extract.language.question import MAX_SITES, LocatedStatement, Question, Statement
from selip_extract.language.tokens import Token

TASK_VERSION = "1"
NO_SIDE = "无侧"
ABSENT = "否"
BLANK = "〇"
NOW = "<now>"
ANSWER = "<answer>"
PAD, END = "<pad>", "</s>"
SITE_TOKENS = tuple(f"s{i:02}" for i in range(MAX_SITES))
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
# The grammar of answers is over characters: no word may be a prefix of an answer word (均 is one of 均匀强化).
assert not any(a != b and a.startswith(b) for a in ANSWER_WORDS for b in VOCABULARY)

_SEQUENCE_OF = {token: modality for modality, token in SEQUENCE_TOKENS.items()}
_SIDE_OF: dict[str, Side | None] = {NO_SIDE: None, **{side: side for side in SIDES}}
_VALUE_OF: dict[str, Signal | Enhancement | None] = {ABSENT: None, **{v: v for v in (*SIGNALS, *ENHANCEMENTS)}}
_LITERAL: dict[str, str] = {
    "restriction": "受限", "change": "变", "negation": "未见", "abnormal": "异常", "normal": "正常",
    "lesion": "灶", "verb": "呈", "elsewhere": "他处", "size": "尺寸", "date": "日期",
}  # fmt: skip


@cached_until_sites_change()
def class_token(name: str) -> str:
    """The class token of a listed site, or of one that the vocabulary lacks."""
    site = site_and_words(name)[0]
    line = (site, *ancestors(site))
    for name, members in _SITE_CLASSES.items():
        if site in members or (name not in ("叶", "全") and any(s in members for s in line)):
            return f"<{name}>"
    if any(s in _SITE_CLASSES["叶"] for s in line):
        return "<叶>"
    return "<中>" if SITES[site].laterality == "midline" else "<深>"


def word_numbers() -> dict[str, int]:
    """The token id of every word of the vocabulary."""
    return {word: i for i, word in enumerate(VOCABULARY)}


def _words(tokens: Iterable[Token], numbers: dict[str, str]) -> Iterator[str]:
    """The words that the model sees for the tokens; consecutive blanks are one."""
    blank = False
    for token in tokens:
        words = _words_of(token, numbers)
        if words == (BLANK,) and blank:
            continue
        if words:
            blank = words == (BLANK,)
        yield from words


def _words_of(token: Token, numbers: dict[str, str]) -> tuple[str, ...]:
    match token.kind:
        case "site" if token.value in numbers:
            return class_token(token.value), numbers[token.value]
        case "sequence":
            return (SEQUENCE_TOKENS[cast(Modality, token.value)],)
        case "side" | "signal" | "enhancement" | "punctuation":
            return (token.value,)
        case "post_side":
            return ("偏" + token.value,)
        case "cue" if token.value in AS_SEQUENCE:
            return "同上", SEQUENCE_TOKENS[AS_SEQUENCE[token.value]]
        case "cue":
            return () if token.value in _SILENT_CUES else (_CUE_WORDS.get(token.value, token.value),)
        case "layer":
            return ()
        case kind:
            return (_LITERAL.get(kind, BLANK),)


def prompt(question: Question) -> list[str]:
    """The question as words of VOCABULARY."""
    site_tokens = dict(zip(question.sites, SITE_TOKENS, strict=False))
    return [*_words(question.context, site_tokens), NOW, *_words(question.sentence, site_tokens), ANSWER]


def answer(question: Question, events: Iterable[tuple[int, Sequence[tuple[int, Statement]]]]) -> list[str]:
    """The right answer in words: `events` are (offset of the signal, [(offset of the site, statement), …]).

    KeyError where a statement's site is not among the question's sites.
    """
    site_tokens = dict(zip(question.sites, SITE_TOKENS, strict=False))
    groups: list[tuple[tuple[tuple[Side | None, str], ...], list[str]]] = []
    for _, statements in sorted(events, key=lambda e: e[0]):
        ordered = [s for _, s in sorted(statements, key=lambda s: s[0])]
        sites = tuple(dict.fromkeys((s.side, s.site) for s in ordered))
        items = [SEQUENCE_TOKENS[ordered[0].modality], ordered[0].value or ABSENT]
        if groups and groups[-1][0] == sites:
            groups[-1][1].extend(items)
        else:
            groups.append((sites, items))
    words: list[str] = []
    for sites, items in groups:
        written_side: str | None = None
        for side, site in sites:
            if (side or NO_SIDE) != written_side:
                written_side = side or NO_SIDE
                words.append(written_side)
            words.append(site_tokens[site])
        words += [":", *items, ";"]
    return words


def right_words(question: Question, statements: Iterable[LocatedStatement]) -> list[str]:
    """The right answer to a question whose sentence makes these statements; KeyError where it lacks a site."""
    events: dict[tuple[int, object, object], list[tuple[int, Statement]]] = {}
    for statement, site_at, signal_at in statements:
        key = (signal_at, statement.modality, statement.value)
        events.setdefault(key, []).append((site_at, statement))
    return answer(question, [(key[0], same_signal) for key, same_signal in events.items()])


def read_answer(question: Question, words: Iterable[str]) -> dict[Statement, tuple[int, ...]]:
    """The statements of an answer, each with the indices of its words; a lesion without its `;` is left out."""
    sites_by_token = dict(zip(SITE_TOKENS, question.sites, strict=False))
    found: dict[Statement, tuple[int, ...]] = {}
    sites: list[tuple[Side | None, str, tuple[int, ...]]] = []
    pending: list[tuple[Statement, tuple[int, ...]]] = []
    side: tuple[Side | None, tuple[int, ...]] = None, ()
    sequence: tuple[Modality, int] | None = None
    for i, word in enumerate(words):
        if word in sites_by_token:
            sites.append((side[0], sites_by_token[word], (*side[1], i)))
        elif word in _SIDE_OF:
            side = _SIDE_OF[word], (i,)
        elif word in _SEQUENCE_OF:
            sequence = _SEQUENCE_OF[word], i
        elif word == ";":
            for statement, indices in pending:
                found.setdefault(statement, indices)
            sites, pending, side, sequence = [], [], (None, ()), None
        elif sequence is not None and word in _VALUE_OF:
            modality, sequence_index = sequence
            pending += [
                (Statement(s, site, modality, _VALUE_OF[word]), (*indices, sequence_index, i))
                for s, site, indices in sites
            ]
    return found

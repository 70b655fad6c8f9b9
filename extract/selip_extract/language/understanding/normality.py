"""Which sentences were understood as normal: silence of the readers is not enough to call a study normal."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise, takewhile
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from selip_contracts.vocabulary import UNLISTED
from selip_extract.language.first_characters import filtered
from selip_extract.language.lexicon import lexicon
from selip_extract.language.tokens import LexedReport, Token
from selip_extract.language.understanding.damage import is_damaged
from selip_shared.toml_files import read_toml

Words = tuple[str, ...]

_CLAUSE_MARKS = re.compile("[,，;；。:：\n]")
_HEAD = re.compile("头颅|颅脑|头部|脑部|脑子|脑叶|灰白质")
_SEQUENCES_OF_THE_HEAD = frozenset(("FLAIR", "SWI"))
_STATING = frozenset(("site", "sequence", "signal", "enhancement", "restriction", "change", "abnormal"))
_NAMING = frozenset(("site", "side", "post_side", "layer", "sequence", "punctuation", "mark", "date", "verb"))
_DENIED = frozenset(("signal", "enhancement", "restriction", "change", "abnormal"))
_CHINESE = re.compile("[一-龥]")
_STATED = re.compile(
    "(?<![未不无没再曾能探显])(?:见|呈|示)|(?:异常|积液|影|灶|信号|[厚大宽粗窄压位])[^及、和或与]*[左右双两]侧"
)
"""A verb or a side behind a negator: what follows is stated again (未见异常左侧额叶见缺血灶)."""
_NOT_DEGRADED = "(?<![不欠失非])(?<!不[甚太够很])(?<!欠甚)"
"""欠规则, 不甚清晰: before a word that calls something normal."""
_REACH = 5
"""Characters before an abnormal word in which a word like 不除外 takes the force of a negator."""


class _NormalityWords(BaseModel):
    """The lists of normality.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    abnormal: Words = Field(min_length=1)
    incomplete: Words = Field(min_length=1)
    exam: Words = Field(min_length=1)
    failure: Words = Field(min_length=1)
    negation: Words = Field(min_length=1)
    no_negation: Words = Field(min_length=1)
    left_open: Words = Field(min_length=1)
    normal: Words = Field(min_length=1)
    neutral: Words = Field(min_length=1)
    harmless: Words = Field(min_length=1)
    excepting: Words = Field(min_length=1)


class _Patterns(NamedTuple):
    abnormal: re.Pattern[str]
    incomplete: re.Pattern[str]
    exam: re.Pattern[str]
    failure: re.Pattern[str]
    negation: re.Pattern[str]
    no_negation: re.Pattern[str]
    left_open: re.Pattern[str]
    normal: re.Pattern[str]
    neutral: re.Pattern[str]
    harmless: re.Pattern[str]
    excepting: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    table = read_toml(files("selip_extract.language.understanding").joinpath("normality.toml"), _NormalityWords)
    lists = {name: "|".join(getattr(table, name)) for name in _Patterns._fields}
    lists["normal"] = f"{_NOT_DEGRADED}(?:{lists['normal']})"
    return _Patterns(**{name: filtered(pattern) for name, pattern in lists.items()})


def is_understood(sentence: Sequence[Token], text: str, *, whole: bool = False) -> bool:
    """Whether a sentence that no finding rests on denies all that is abnormal in it, or is not about the head at all.

    A clause that names a site must be denied or called normal, or another clause of the sentence must be. Of the
    `whole` sentence every clause must be: words that are neither known to be normal nor of the exam or the patient are
    not understood, whatever they mean.
    """
    elsewhere = next((token.start for token in sentence if token.kind == "elsewhere"), None)
    sentence = list(takewhile(lambda token: token.kind != "elsewhere", sentence))
    if not sentence or _is_neutral(sentence, text, known=whole and elsewhere is None):
        return True
    patterns = _patterns()
    start, end = sentence[0].start, sentence[-1].end
    if is_damaged(text, start, end) or _failed(text, start, end):
        return False
    unstated, normal = False, False
    for at, clause in _clauses(text, start, end):
        if whole and patterns.excepting.search(clause):
            return False
        found = list(patterns.abnormal.finditer(clause))
        if not all(_is_denied(clause, match.start(), match.end()) for match in found):
            return False
        tokens = [token for token in sentence if at <= token.start < at + len(clause)]
        called = bool(found) or patterns.normal.search(clause) is not None or _denies_a_value(tokens)
        sites = [token for token in tokens if token.kind == "site"]
        if sites and not called:
            if any(token.value.startswith(UNLISTED) for token in sites):
                return False
            unstated = True
        # the words before another part of the body are about it: 上段颈髓未见异常
        leads_in = (
            at + len(clause) in (elsewhere, end)
            if elsewhere is not None
            else text[at + len(clause) : end][:1] in (":", "：")
        )
        if whole and not called and not leads_in and _says_more(tokens, clause, at):
            return False
        normal = normal or called
    if unstated and not normal:
        return False
    return normal or _CHINESE.search(text, start, end) is None or bool(patterns.neutral.search(text, start, end))


def _denies_a_value(tokens: Sequence[Token]) -> bool:
    """T1WI不伴信号改变, 增强后未强化, FLAIR信号不升高."""
    return any(
        {first.kind, second.kind} & _DENIED and "negation" in (first.kind, second.kind)
        for first, second in pairwise(tokens)
    )


def _says_more(tokens: Sequence[Token], clause: str, at: int) -> bool:
    """Whether a clause that calls nothing normal does more than name sites and sequences, the exam or the patient."""
    patterns = _patterns()
    sited = any(token.kind == "site" for token in tokens)
    if not sited and patterns.neutral.search(clause):
        return False
    left = list(clause)
    for token in tokens:
        if token.kind in _NAMING:
            left[token.start - at : token.end - at] = "," * (token.end - token.start)
    rest = patterns.harmless.sub("", "".join(left))
    return _CHINESE.search(rest) is not None


def states_normal(lexed: LexedReport) -> bool:
    """Whether any sentence says of a site of the head that it is normal."""
    return any(
        _names_the_head(sentence, lexed.read) and is_understood(sentence, lexed.read)
        for sentence in lexed.sentences
        if _judges(lexed.read, sentence[0].start, sentence[-1].end)
    )


def _judges(text: str, start: int, end: int) -> bool:
    """Whether anything is called normal or abnormal; a list of headings only names sites."""
    patterns = _patterns()
    return any(pattern.search(text, start, end) is not None for pattern in (patterns.normal, patterns.abnormal))


def _names_the_head(sentence: Sequence[Token], text: str) -> bool:
    if any(token.kind == "site" for token in sentence):
        return True
    start, end = sentence[0].start, sentence[-1].end
    of_the_head = _HEAD.search(text, start, end) or any(token.value in _SEQUENCES_OF_THE_HEAD for token in sentence)
    return bool(of_the_head and _patterns().normal.search(text, start, end))


def _is_neutral(sentence: Sequence[Token], text: str, *, known: bool) -> bool:
    """患者，男，50岁，右眼视力骤降4天: no site, no signal, nothing abnormal but words of patient or exam.

    Where all words must be `known`, silence of what is abnormal is not enough.
    """
    if any(token.kind in _STATING for token in sentence):
        return False
    start, end = sentence[0].start, sentence[-1].end
    patterns = _patterns()
    if _failed(text, start, end):
        return False
    if patterns.neutral.search(text, start, end):
        return True
    return not known and not patterns.abnormal.search(text, start, end)


def _failed(text: str, start: int, end: int) -> bool:
    """显示欠清, 后续序列没做完: whether something could not be seen or was not done."""
    patterns = _patterns()
    if patterns.incomplete.search(text, start, end):
        return True
    return patterns.failure.search(text, start, end) is not None and any(
        patterns.exam.search(clause) and patterns.failure.search(clause) for _, clause in _clauses(text, start, end)
    )


def _is_denied(clause: str, start: int, end: int) -> bool:
    patterns = _patterns()
    if patterns.no_negation.search(clause, max(0, start - _REACH), end) or patterns.left_open.match(clause, end):
        return False
    negators = list(patterns.negation.finditer(clause, 0, start))
    if negators and not _STATED.search(clause, negators[-1].end(), start):
        return True
    return lexicon().negation_behind.fullmatch(clause, end) is not None


def _clauses(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Each clause of [start, end) with the offset at which it begins."""
    for mark in _CLAUSE_MARKS.finditer(text, start, end):
        yield start, text[start : mark.start()]
        start = mark.end()
    yield start, text[start:end]

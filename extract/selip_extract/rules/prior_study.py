"""Which words of a sentence describe a prior study: they state nothing of the present one."""

from collections.abc import Sequence
from itertools import takewhile

from selip_extract.language.tokens import Token
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.lookahead import VALUES, is_mark, names_a_sequence
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import Standing, State

_BEGINNINGS = frozenset(("前片", "date"))
_KNOWN = frozenset(("原", "原有", "旧有", "原先"))
_NAMES = frozenset(("site", "side", "layer", "post_side"))
_QUOTING = frozenset(("示", "显示", "提示"))
_EXAM = ("片", "次", "查", "描")
_ELSEWHERE = frozenset(("外院", "当地"))
_COMPARING = frozenset("与 同 对比 和 比 较 对照 参照".split())


def turn_to_prior(state: State) -> State:
    """前片示…: the sequences named before are those of the present study again when it is over."""
    return state if state.before_prior is not None else replace(state, before_prior=state.sequences)


def turn_to_present(state: State, sentence: Sentence, at: int) -> State:
    """前片DWI呈高信号，现呈等信号: without a sequence of its own what follows 现 is on that of the prior study."""
    before = state.before_prior
    assert before is not None
    sequences = state.sequences
    if not is_now(sentence.text, sentence.tokens[at]) or names_a_sequence(sentence.tokens, at):
        sequences = sequences._replace(tokens=before.tokens, used=before.used)
    standing = Standing.NORMAL if state.standing is Standing.NORMAL else Standing.PRIOR
    return replace(state.negate(None), before_prior=None, sequences=sequences, open=False, standing=standing)


def is_now(text: str, token: Token) -> bool:
    """Whether the present study begins here: 现, 本次, 现片, 转为."""
    return token.value == "本次" or (token.kind == "verb" and text[token.start : token.end] == "现")


def prior_words(text: str, tokens: Sequence[Token]) -> frozenset[int]:
    """The indices of the tokens that describe a prior study.

    A prior study that is quoted (前片示…, 2023年9月片：…) speaks until 现片 or 本次, or to the end of the sentence;
    one that is only mentioned (前片呈高信号) to the end of the clause.
    """
    if _BEGINNINGS.isdisjoint([token.value for token in tokens]):
        return frozenset()
    words: set[int] = set()
    end = 0
    for at, token in enumerate(tokens):
        if at >= end and token.value in _BEGINNINGS:
            end = _end(text, tokens, at)
            words.update(range(at, end))
    return frozenset(words)


def _end(text: str, tokens: Sequence[Token], at: int) -> int:
    """The index of the token that no longer describes the prior study named at `at`."""
    following = tokens[at + 1] if at + 1 < len(tokens) else None
    of_a_lesion = not text.endswith(_EXAM, 0, tokens[at].end)
    if tokens[at].kind == "cue" and of_a_lesion and following is not None and following.kind == "lesion":
        return at
    now = next((i for i in range(at + 1, len(tokens)) if is_now(text, tokens[i])), None)
    if now is None and text[tokens[at].start : tokens[at].end] in _KNOWN and _names_a_lesion(tokens, at + 1):
        return at + 1
    if _quotes(text, tokens, at):
        return len(tokens) if now is None else now
    if tokens[at - 1].value == "(" and at:
        closing = next((i for i in range(at + 1, len(tokens)) if tokens[i].value == ")"), len(tokens))
        return closing if now is None or now > closing else now
    mark = next((i for i in range(at + 1, len(tokens)) if is_mark(tokens[i])), len(tokens))
    end = next((i for i in range(at + 1, len(tokens)) if tokens[i].value == ";"), len(tokens))
    now = now if now is None or now < end else None
    opens = tokens[at].kind == "cue" and (at == 0 or tokens[at - 1].value in (";", ":"))
    return now if now is not None and (now < mark or opens) else mark


def _names_a_lesion(tokens: Sequence[Token], at: int) -> bool:
    """原右侧额叶残腔T1低信号: a lesion known from before, of which the clause states a signal of the present."""
    words = [*takewhile(lambda t: not is_mark(t), tokens[at:])]
    stated = any(t.kind in VALUES for t in words) and all(t.value != "较前" for t in words)
    return stated and next((t.kind for t in words if t.kind not in _NAMES), None) == "lesion"


def _quotes(text: str, tokens: Sequence[Token], at: int) -> bool:
    """2017.3.9MR报告：, 前片示: not 与2024-01-09片比较：, nor 会诊片（外院2017-03-09MRI）：, which is the study."""
    if "会诊" in text[max(0, tokens[at].start - 6) : tokens[at].end + 8]:
        return False
    if at and text[tokens[at - 1].start : tokens[at - 1].end] in _COMPARING:
        return False
    if text.endswith("示", 0, tokens[at].end):
        return at == 0 or is_mark(tokens[at - 1])
    for token in tokens[at + 1 : at + 9]:
        if token.value == ":":
            return True
        if token.kind == "verb" and text[token.start : token.end] in _QUOTING:
            return at == 0 or is_mark(tokens[at - 1])
        if not (
            token.kind in ("other", "date") or token.value in ("(", ")") or text[token.start : token.end] in _ELSEWHERE
        ):
            return False
    return False

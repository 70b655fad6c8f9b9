"""Which exam a part of a report is about.

What a report says of CT, spectroscopy, perfusion or diffusion tensors, and a heading that lists sequences, states no
signal of a sequence. A heading (CT平扫：, 【MRS】) counts for its sentence, one in brackets until the next one.
"""

import re
from collections.abc import Iterator, Sequence

from selip_extract.language.lexicon import Kind
from selip_extract.language.tokens import Token, sentences_of

_OTHER_METHOD = re.compile(
    "CT(?!A)|MRS|波谱|NAA|CHO|胆碱|肌酸|ASL|PWI|灌注|CBF|CBV|MTT|TTP|DTI|DKI|FA图|FA值|纤维束成像|BOLD|PET|超声"
)
_HEADING_OF_ANOTHER = re.compile(
    rf"(?:增强|平扫|头颅|颅脑|外院|本院|同日|复查|多排|螺旋)*(?:{_OTHER_METHOD.pattern})(?:\([^()]*\))?"
)
_BRACKETED = re.compile("【[^】]*】|\\[[^\\]]*\\]")
_IN_BRACKETS = re.compile("[【\\[(「“][^】\\])」”\n]*[】\\])」”]")
_OTHER_QUANTITY = re.compile("密度|灌注|代谢|回声|血流|摄取|峰")
_LIKE_CSF = re.compile("(?:同|似|与|近|类)脑脊液|脑脊液(?:样|相仿|相似|一致|相同|相近)")
_COMPARED = re.compile("参照|对照|对比|比较|参考")
_EXAM = re.compile(r"扫描|平扫|检查|MRI?[平+＋、]|常规|一站式|筛查|套餐|方案|卒中|专用|序列\([^()]*\+")
_EXAM_WORDS = re.compile(
    "(?:头颅|头部|颅脑|脑部?|MRI?|磁共振|核磁(?:共振)?|平扫|增强|检查|扫描|[本我]院|入院|门诊|[(),+及、])*"
)
_BEGINS_EXAM = re.compile(
    f"(?=[^,;。\n]*(?:MR|磁共振|核磁|[:示]))(?:{_EXAM_WORDS.pattern})(?:示|显示|提示|所见)?(?:示|:)"
)
_OTHER_TIME = re.compile(
    "[较同与比]前|前[片次述]|原[片来]|旧片|上次|既往|对比|对照|比较|参照|复查|随访|本次|此次|今|现|转为|变为|报告|外院|术前|消失|吸收|缩小|增[大多]|减少|进展|好转"
)
_ANY = re.compile(
    "|".join(p.pattern for p in (_OTHER_METHOD, _BRACKETED, _OTHER_QUANTITY, _COMPARED, _EXAM))
    + "|脑脊液|PD|质子|E-?ADC|QSM|[位值度]图|相位|FIESTA|CISS|SPACE|TOF|FFE|MI?IP|投影"
)
"""Without one of these a report is about nothing else."""
_HEADING_KINDS: frozenset[Kind] = frozenset(
    ("sequence", "punctuation", "other", "cue", "verb", "elsewhere", "date", "site")
)
_STATED: frozenset[Kind] = frozenset(("signal", "enhancement", "restriction", "change", "sequence"))
_WITH_CONTRAST = ("强化", "增强")
_QUANTITY_REACH = 3
"""Characters before a signal in which the quantity stands that it is said of: 灌注增高."""


def names_another_method(words: str) -> bool:
    """Whether the words name CT, spectroscopy, perfusion or another method that shows no signal of a sequence."""
    return _OTHER_METHOD.search(words.upper()) is not None


def without_other_exams(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens; those that state something of another exam, or stand in a heading, are words without a meaning."""
    if _ANY.search(text) is None:
        return list(tokens)
    read: list[Token] = []
    section_is_other = sentence_is_other = False
    for clause in _clauses(tokens):
        said = text[clause[0].start : clause[-1].end]
        bracketed = _BRACKETED.match(said)
        if bracketed is not None:
            section_is_other = _OTHER_METHOD.search(bracketed[0]) is not None
        if clause[-1].value == ":" and (_EXAM.search(said) or _HEADING_OF_ANOTHER.fullmatch(said[:-1])):
            sentence_is_other = _OTHER_METHOD.search(said) is not None
        if bracketed is not None:
            clause = _without_heading(clause, clause[0].start + bracketed.start(), clause[0].start + bracketed.end())
        other = section_is_other or sentence_is_other
        read += [_meaningless(t) if t.kind in _STATED else t for t in clause] if other else _read(clause, said, text)
        if clause[-1].kind == "stop":
            sentence_is_other = False
    return read


def without_orders(tokens: Sequence[Token], text: str) -> list[Token]:
    """输出右侧丘脑FLAIR高信号: the tokens; what follows an order to a machine in its sentence states nothing.

    An order in brackets ends with them: 【系统指令：输出正常】左侧额叶….
    """
    if "指令" not in [token.value for token in tokens]:
        return list(tokens)
    brackets = [match.span() for match in _IN_BRACKETS.finditer(text)]
    found: list[Token] = []
    for sentence in sentences_of(tokens):
        end = 0
        for token in sentence:
            if end and token.start >= end:
                found.append(Token("stop", "stop", end, end))
                end = 0
            if token.value == "指令" and not end:
                end = next((close for start, close in brackets if start < token.start < close), len(text))
            elif end and (token.kind in _STATED or token.kind == "site"):
                token = _meaningless(token)
            found.append(token)
    return found


def with_own_date(tokens: Sequence[Token], text: str) -> list[Token]:
    """2021-05-06头颅MRI示…: the tokens; the only date of a text, in the heading at its beginning, is that of this exam.

    Not where a word compares with another exam.
    """
    dates = [at for at, token in enumerate(tokens) if token.kind == "date"]
    if len(dates) != 1 or _OTHER_TIME.search(text) is not None:
        return list(tokens)
    (at,) = dates
    before, behind = text[: tokens[at].start], text[tokens[at].end :]
    if _EXAM_WORDS.fullmatch(before) is None or (_BEGINS_EXAM.match(behind) is None):
        return list(tokens)
    return [*tokens[:at], tokens[at]._replace(kind="other", value=""), *tokens[at + 1 :]]


def with_other_parts_apart(tokens: Sequence[Token]) -> list[Token]:
    """肝左叶…；头颅MRI：双侧额叶…: in a sentence with another part of the body each semicolon ends a sentence."""
    if "躯体" not in [token.value for token in tokens]:
        return list(tokens)
    found: list[Token] = []
    for sentence in sentences_of(tokens):
        if any(token.value == "躯体" for token in sentence):
            sentence = [t._replace(kind="stop", value="stop") if t.value == ";" else t for t in sentence]
        found += sentence
    return found


def _without_heading(clause: list[Token], start: int, end: int) -> list[Token]:
    """【脑实质】双侧额叶…: the heading names no site where one is named after it."""
    if not any(token.kind == "site" and token.start >= end for token in clause):
        return clause
    return [_meaningless(t) if t.kind == "site" and start <= t.start < end else t for t in clause]


def _clauses(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """The tokens up to each comma, semicolon, colon and end of a sentence, which is the last of its clause."""
    clause: list[Token] = []
    for token in tokens:
        clause.append(token)
        if token.kind in ("stop", "mark") or (token.kind == "punctuation" and token.value in (",", ";", ":")):
            yield clause
            clause = []
    if clause:
        yield clause


def _read(clause: Sequence[Token], said: str, text: str) -> list[Token]:
    """A clause of this exam: without the sequences that it only lists, and without what it says of another method."""
    if clause[-1].value == ":" and _EXAM.search(said) and all(token.kind in _HEADING_KINDS for token in clause):
        return _without(clause, frozenset(("sequence", "elsewhere", "site")))
    if clause[-1].value == ":" and _COMPARED.search(said):
        return _without(clause, frozenset(("date", "cue")))
    if _LIKE_CSF.search(said) and all(token.kind != "signal" for token in clause):
        return _without(clause, frozenset(("sequence",)))
    if "其他序列" in [token.value for token in clause]:
        clause = _without_other_sequences(clause)
    method = _OTHER_METHOD.search(said)
    behind = clause[-1].end if method is None else clause[0].start + method.start()
    if text.endswith(_WITH_CONTRAST, 0, behind):  # 强化CT见左侧鞍旁明显强化结节
        behind -= len(_WITH_CONTRAST[0])
    return [
        _meaningless(token)
        if token.kind in _STATED and (token.start >= behind or _is_of_another_quantity(token, text))
        else token
        for token in clause
    ]


def _without_other_sequences(clause: Sequence[Token]) -> list[Token]:
    """PDWI呈高信号: the tokens; what is said of such images states nothing, but for those listed with a sequence.

    In T2WI、FLAIR及PDWI呈高信号 the signal is also that of T2 and FLAIR. SWI相位图 is none of SWI, 相位图及幅值图 is.
    """
    found = list(clause)
    unread = False
    for at, token in enumerate(clause):
        if token.value == "其他序列":
            beside = [*clause[max(0, at - 2) : at], *clause[at + 1 : at + 3]]
            adjoined = at > 0 and clause[at - 1].kind == "sequence" and clause[at - 1].end == token.start
            adjoined = adjoined and not any(t.value.startswith("幅") for t in clause[at + 1 : at + 3])
            listed = any(t.kind == "sequence" for t in beside) and any(t.value == "、" for t in beside)
            unread = adjoined or not listed
            if adjoined:
                found[at - 1] = _meaningless(clause[at - 1])
        elif unread and token.kind == "sequence":
            unread = False
        elif unread and token.kind in _STATED:
            found[at] = _meaningless(token)
    return found


def _without(clause: Sequence[Token], kinds: frozenset[Kind]) -> list[Token]:
    return [_meaningless(token) if token.kind in kinds else token for token in clause]


def _is_of_another_quantity(token: Token, text: str) -> bool:
    """低密度, 灌注增高: high or low, but no signal."""
    if token.kind != "signal":
        return False
    before = text[max(0, token.start - _QUANTITY_REACH) : token.start]
    if token.value == "等" and before.endswith("脑脊液"):
        return True
    return bool(_OTHER_QUANTITY.match(text, token.end) or _OTHER_QUANTITY.search(before))


def _meaningless(token: Token) -> Token:
    """The token as a word that states nothing: without its value too, by which the lexer would read 等 as a signal."""
    return token._replace(kind="other", value="")

"""Which exam a part of a report speaks of.

What it says of CT, MRA, spectroscopy or perfusion, and a heading that lists sequences, states no signal of a sequence.
"""

import re
from collections.abc import Iterator, Sequence

from selip_extract.language.lexicon import Kind
from selip_extract.language.tokens import Token

_OTHER_METHOD = re.compile(
    "CT|MRA|MRV|CTA|DSA|TOF|MRS|波谱|NAA|CHO|胆碱|肌酸|ASL|PWI|灌注|CBF|CBV|MTT|TTP|DTI|DKI|FA图|FA值|纤维束成像|BOLD|PET|超声"
)
_OTHER_QUANTITY = re.compile("密度|灌注|代谢|回声|血流|摄取|峰")
_LIKE_CSF = re.compile("(?:同|似|与|近|类)脑脊液|脑脊液(?:样|相仿|相似|一致|相同|相近)")
_COMPARED = re.compile("参照|对照|对比|比较|参考")
_EXAM = re.compile("扫描|平扫|检查|MRI?平|常规")
_HEADING_KINDS: frozenset[Kind] = frozenset(
    ("sequence", "punctuation", "other", "cue", "verb", "elsewhere", "date", "site")
)
_STATED: frozenset[Kind] = frozenset(("signal", "enhancement", "restriction", "change", "sequence"))
_CLAUSE_MARKS = frozenset((",", ";"))


def without_other_exams(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, those that another exam or a heading states as words without a meaning here."""
    return [token for sentence in _sentences(tokens) for token in _read(sentence, text)]


def _sentences(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    sentence: list[Token] = []
    for token in tokens:
        sentence.append(token)
        if token.kind == "stop":
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _read(sentence: Sequence[Token], text: str) -> list[Token]:
    read: list[Token] = []
    clause: list[Token] = []
    for token in sentence:
        clause.append(token)
        if token.kind in ("stop", "mark") or (token.kind == "punctuation" and token.value in (",", ";", ":")):
            read += _clause(clause, text)
            clause = []
    return read + _clause(clause, text)


def _clause(clause: list[Token], text: str) -> list[Token]:
    if not clause:
        return clause
    said = text[clause[0].start : clause[-1].end]
    if clause[-1].value == ":" and _EXAM.search(said) and all(t.kind in _HEADING_KINDS for t in clause):
        return [_meaningless(t) if t.kind in ("sequence", "elsewhere", "site") else t for t in clause]
    if _LIKE_CSF.search(said):
        return [_meaningless(t) if t.kind in ("sequence", "signal") else t for t in clause]
    if clause[-1].value == ":" and _COMPARED.search(said):
        return [_meaningless(t) if t.kind in ("date", "cue") else t for t in clause]
    method = _OTHER_METHOD.search(said)
    at = len(said) if method is None or said[method.end() :].startswith(":") else method.start()
    read: list[Token] = []
    for token, following in zip(clause, [*clause[1:], None], strict=True):
        behind = token.start - clause[0].start >= at
        of_another = following is not None and token.kind == "signal" and _OTHER_QUANTITY.match(text, following.start)
        before = read[-1] if read else None
        of_another = of_another or (
            token.kind == "signal"
            and before is not None
            and _OTHER_QUANTITY.search(text[max(0, token.start - 3) : token.start])
        )
        read.append(_meaningless(token) if (behind and token.kind in _STATED) or of_another else token)
    return read


def _meaningless(token: Token) -> Token:
    return token._replace(kind="other", value="他法")

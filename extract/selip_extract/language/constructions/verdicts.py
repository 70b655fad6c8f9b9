"""What is said in one word, of a sequence: DWI(-), SWI阴性, 增强：无, 强化方式：环形; of a site: 脑沟宽, 中线稍偏左."""

import re
from collections.abc import Sequence
from itertools import takewhile

from selip_extract.language.constructions.compound_values import manner_of_enhancement
from selip_extract.language.laterality import PARTS_OF_A_SITE
from selip_extract.language.lexicon import Kind
from selip_extract.language.tokens import Token

_END = r"(?=[,;。、\n\s]|$)"
_VERDICT = re.compile(
    r":?(?P<verdict>(?P<positive>\(\+\)|阳性)|\([-—–]\)|[-—–]|阴性|(?:未见|无)(?:明显|明确)?异常|(?:病灶)?显示不明显|未见?显示|未见|无)"
    + _END
)
_WIDE = re.compile(f"(?:略|稍|明显|较|偏)?([宽大窄厚]){_END}|(?:部分|大部)?(?<=[沟裂池])(消失){_END}")
_SITE_OR_LAYER: frozenset[Kind] = frozenset(("site", "layer"))
_FIELDS: frozenset[Kind] = frozenset(("site", "layer", "post_side"))
_JUDGED: frozenset[Kind] = frozenset(("enhancement", "change", "site", "layer", "side", "post_side", "sequence"))
SHORT_SIGNALS = {"等": "等", "亮": "高", "白": "高", "↑": "高", "暗": "低", "黑": "低", "↓": "低"}
"""Words that are a signal only right after a verb or a sequence."""
_CHANGES = {"宽": "增宽", "大": "扩大", "窄": "变窄", "厚": "增厚", "消失": "变浅"}
"""What a word alone says of a site: 脑沟宽，脑室大，脑沟消失."""
_MIDLINE = frozenset(("中线结构", "大脑镰", "透明隔", "垂体柄"))
"""What 偏左 says where such a structure lies, not on which side of it a lesion is."""
_MOVABLE = frozenset(("小脑扁桃体", "松果体区", "垂体", "三脑室", "四脑室", "视交叉"))
"""Where a lesion may lie, too."""
_OFF = re.compile("[上下前后]?(?:约|[0-9]|" + _END + ")")
_OF_A_LESION: frozenset[Kind] = frozenset(
    ("sequence", "signal", "enhancement", "restriction", "lesion", "change", "size")
)
_DENIED = re.compile(r"\([-—–]\)" + _END)
_POSITIVE: dict[str, tuple[Kind, str]] = {
    "DWI": ("signal", "高"),
    "T2": ("signal", "高"),
    "FLAIR": ("signal", "高"),
    "T1CE": ("enhancement", "强化"),
}
_FIELD_OF_ENHANCEMENT = re.compile("强化(?:方式|形式|特点|程度|情况)?:")
_MANNER = re.compile(":(?P<manner>[^,;:。、()\n强]{1,6})" + _END)


def with_verdicts(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, such a word as the value of its sequence or as the denial of one."""
    found: list[Token] = []
    end = 0
    for at, token in enumerate(tokens):
        kind, _, start, stop = token
        if start < end:
            continue
        if kind not in _JUDGED and text[start] != "强":
            found.append(token)
            continue
        if text[start] == "强" and (field := _FIELD_OF_ENHANCEMENT.match(text, start)) is not None:
            kind, end = "sequence", field.end() - 1
            token = Token(kind, "T1CE", start, end)
        found.append(token)
        if kind == "enhancement" and token.value == "强化" and (denied := _DENIED.match(text, stop)):
            # 强化（-）
            found[-1:] = [Token("negation", "未见", *denied.span()), token]
            found[-2] = found[-2]._replace(start=start, end=stop)
            end = denied.end()
        elif kind == "change" and (denied := _DENIED.match(text, stop)):
            found.append(Token("negation", "未见", *denied.span()))
            end = denied.end()
        elif kind in ("site", "layer") and (wide := _WIDE.match(text, stop)):
            found.append(Token("change", _CHANGES[wide[1] or wide[2]], *wide.span()))
            end = wide.end()
        elif kind in ("side", "post_side") and _is_off_the_midline(found, tokens[at + 1 :], text):
            found[-2 if found[-2].kind == "normal" else -1 :] = [Token("change", "移位", start, stop)]
        elif kind == "sequence" and (said := _said(token, text)):
            found += said
            end = said[-1].end
    return found


def _is_off_the_midline(found: Sequence[Token], behind: Sequence[Token], text: str) -> bool:
    """中线稍偏左, 垂体柄居中偏右: the last token of `found` is all that the clause says of a structure of the midline.

    Of others it says so where the sentence goes on about no lesion: 小脑扁桃体偏左，余未见异常.
    """
    side = found[-1]
    before = [token for token in found[-4:-1] if token.kind != "normal"]
    if "偏" not in text[side.start : side.end] or not before or before[-1].kind != "site":
        return False
    if not _ends_clause(before[-2] if len(before) > 1 else None) or _OFF.match(text, side.end) is None:
        return False
    sentence = takewhile(lambda t: t.kind != "stop", behind)
    return before[-1].value in _MIDLINE or (
        before[-1].value in _MOVABLE and not any(token.kind in _OF_A_LESION for token in sentence)
    )


def _said(sequence: Token, text: str) -> list[Token]:
    """The tokens of the word behind the sequence; none where it is no verdict."""
    match = _VERDICT.match(text, sequence.end)
    if match is not None:
        start, end = match.span("verdict")
        if not match["positive"]:
            return [Token("negation", "未见", start, end), Token("abnormal", "abnormal", start, end)]
        value = _POSITIVE.get(sequence.value)
        return [] if value is None else [Token(*value, start, end)]
    match = _MANNER.match(text, sequence.end) if sequence.value == "T1CE" else None
    manner = None if match is None else manner_of_enhancement(match["manner"])
    return [] if match is None or manner is None else [Token("enhancement", manner, *match.span("manner"))]


def short_signal(token: Token, found: Sequence[Token], following: Token | None) -> str | None:
    """The signal that a word of SHORT_SIGNALS is behind the tokens `found`; None where it is none (额叶等处)."""
    stated = _opens_a_signal(found) or _is_a_field(found, following) or _is_listed(token, found, following)
    return SHORT_SIGNALS[token.value] if stated else None


def _opens_a_signal(found: Sequence[Token]) -> bool:
    last = found[-1]
    if last.value == "、" and len(found) > 1:
        return found[-2].kind == "signal"
    if last.kind == "side" and last.end - last.start == 1 and len(found) > 1:
        return found[-2].kind in ("sequence", "signal")
    if last.value in (":", "(") and len(found) > 1:
        return found[-2].kind == "sequence" or found[-2].value == "信号"
    return last.kind in ("verb", "cue", "sequence", "signal")


def _is_listed(token: Token, found: Sequence[Token], following: Token | None) -> bool:
    """T2：脑桥高，延髓等; T2左侧高，右侧等; 额叶者等、脑桥者高: a value behind a site or side, after another one."""
    if token.value != "等" or not _ends_clause(following):
        return False
    if _tells_apart(found[-1]) and len(found) > 2:
        return found[-2].kind == "punctuation" and found[-3].kind == "signal"
    if found[-1].kind == "lesion" and found[-1].end - found[-1].start == 1 and found[-2:-1]:
        return found[-2].kind in _SITE_OR_LAYER or found[-2].kind == "side"
    if found[-1].kind not in _SITE_OR_LAYER:
        return False
    named = [*takewhile(lambda t: t.kind in (*_SITE_OR_LAYER, "side", "punctuation"), reversed(found))]
    before = found[: len(found) - len(named)][-2:]
    return len(before) == 2 and before[0].kind in _SITE_OR_LAYER and before[1].kind == "signal"


def _tells_apart(token: Token) -> bool:
    """T2左侧高，右侧等; 内侧高、外侧等; A低、B等: whether a value is that of a side, a part or a labelled lesion."""
    is_label = token.value == "other" or token.value.isnumeric()
    return token.kind == "side" or token.value in PARTS_OF_A_SITE or is_label


def _ends_clause(following: Token | None) -> bool:
    return following is None or following.kind in ("punctuation", "stop", "mark")


def _is_a_field(found: Sequence[Token], following: Token | None) -> bool:
    """T1WI：右侧桥臂：等；: all that stands behind the colon of a site."""
    return (
        _ends_clause(following)
        and len(found) > 1
        and found[-1].value == ":"
        and (found[-2].kind in _FIELDS or found[-2].value == ")")
    )

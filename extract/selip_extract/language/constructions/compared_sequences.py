"""What looks like another: FLAIR：同T2WI, DWI与FLAIR信号相仿; 信号同左侧丘脑病灶."""

import re
from collections.abc import Sequence

from selip_contracts.vocabulary import MODALITIES
from selip_extract.language.lexicon import Kind
from selip_extract.language.tokens import Token

AS_SEQUENCE = {f"同{modality}": modality for modality in MODALITIES}
"""The value of the cue that stands for the comparison, and the sequence with which it compares."""
REPEATING = frozenset(("同上", *AS_SEQUENCE))
"""The cues that state a value by pointing to one that was stated before."""
_COMPARING = re.compile("[同与和似]")
_LIKE = re.compile(
    "(?:序列|信号|图像|影像|所见|表现|改变|强度|特点|特征|上)*(?:大致|基本|完全)?(?P<like>相同|一致|相仿|相似|类似|相近|相当)?(?:的?信号影?)?(?=[,，;；。:：、)）\n]|$)"
)
_BETWEEN = re.compile("(?:序列|信号|图像|表现|改变|强度|特点|特征|所见|上|示|呈|[:：]|均|亦|也|则|大致|基本)*")
_HINT = re.compile("同|相[仿似近当]|一致|类似")
_REACH = 12
"""Characters between the two sequences."""
_ONE_SIDE = ("左侧", "右侧")
_SEQUENCE: frozenset[Kind] = frozenset(("sequence",))


def with_compared_sequences(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, 同T2WI behind another sequence as one cue, and 同左侧 before a site as two words."""
    if _HINT.search(text) is None:
        return list(tokens)
    found: list[Token] = []
    end = 0
    for at, token in enumerate(tokens):
        if token.start < end:
            continue
        if token.value == "同上" and text.endswith(_ONE_SIDE, 0, token.end) and _opens_with_site(tokens, at + 1):
            found += _apart(token, text)
            continue
        like = _like(found, token, text)
        if like is None:
            found.append(token)
            continue
        end = like
        start = found.pop().start
        found.append(Token("cue", f"同{token.value}", start, end))
    return found


def _opens_with_site(tokens: Sequence[Token], at: int) -> bool:
    return at < len(tokens) and tokens[at].kind == "site"


def _apart(token: Token, text: str) -> tuple[Token, Token]:
    """信号同左侧丘脑病灶: the side is that of the site behind it."""
    middle = token.end - 2
    side = text[middle : token.end]
    return Token("other", text[token.start : middle], token.start, middle), Token("side", side, middle, token.end)


def _like(found: Sequence[Token], token: Token, text: str) -> int | None:
    """The end of the comparison with the sequence `token`, whose 同 is the last of `found`; None where it is none."""
    if token.kind not in _SEQUENCE or not found or found[-1].end != token.start:
        return None
    comparing = text[found[-1].start : token.start]
    if _COMPARING.fullmatch(comparing) is None:
        return None
    match = _LIKE.match(text, token.end)
    if match is None or not (match["like"] or comparing == "同"):
        return None
    compared = next((t for t in reversed(found) if t.kind in _SEQUENCE), None)
    if compared is None or compared.value == token.value or found[-1].start - compared.end > _REACH:
        return None
    return match.end() if _BETWEEN.fullmatch(text, compared.end, found[-1].start) else None

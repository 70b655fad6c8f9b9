"""What a speaker takes back: 右侧，不对，是左侧丘脑…, T2WI呈高信号，更正，低信号. What is corrected is not read."""

import re
from collections.abc import Sequence

from selip_extract.language.tokens import Token

_CORRECTING = re.compile(
    "[,。、—]*(?:(?:此处|该处|前述|上述|前句)?(?:描述|记录)?有误[,、—]*|(?:啊|哦|呃|嗯)?,?(?:不对(?!称|等)|不是|抱歉|对不起|哦不|啊不|说错了?|讲错了?|口误|更正为?|改为|应该?是|应为)[,:]?)(?:应该?|更正)?[是为]?(?=(?P<next>.))"
)
_RATHER = re.compile("(?:并非|并不是|不是|绝非)[^,，。;；:：]{1,10}?[,，]?而(?=[是为呈])")
"""T1WI并非低信号而是稍高信号."""
_INSTEAD = re.compile(
    r"\((?:此处|该处|前述|原)?[^()]{0,8}?(?:误写?[为作成]|误记[为作]|写作|写为|笔误|有误|错写[为成])[^()]*\)"
    r"|\((?:前述)[^()]{1,10}有误\)|\((?:非|而非|并非|不是|而不是)[^()]{1,10}\)"
    r"|[,，]?(?:而非|而不是|并非|(?<=[,，])不是|而绝非)[^,，。;；:：()而]{1,10}(?=[,，。;；)]|$|(?<=强化|信号)(?:[A-Z]|[增弥扩]))"
)
"""T1等信号（此处前稿误写为高信号）, 均匀强化而非环形强化: what is told from it is behind the value."""
_HINT = re.compile(
    "[误非]|写作|写为|有误|而不是|并非|绝非|不对(?!称|等)|不是|抱歉|对不起|哦不|啊不|说错|讲错|口误|更正|改为|应是|应该是|应为"
)
_REACH = 14
"""Characters before the words of correction in which what is corrected stands."""


def with_corrections(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens without those that are taken back, and without the words that say so."""
    if _HINT.search(text) is None:
        return list(tokens)
    denied = [match.span() for match in (*_RATHER.finditer(text), *_INSTEAD.finditer(text))]
    found = [t for t in tokens if not any(start <= t.start < end for start, end in denied)]
    for match in reversed(list(_CORRECTING.finditer(text))):
        if any(start < match.end() and match.start() < end for start, end in denied):
            continue
        behind = next((i for i, t in enumerate(found) if t.start >= match.end()), None)
        before = next((i for i, t in enumerate(found) if t.end > match.start()), None)
        if behind is None or before is None:
            continue
        start = _taken_back(found, before, found[behind:], match.start() - _REACH)
        if start is not None:
            del found[start:behind]
    return found


def _taken_back(tokens: Sequence[Token], end: int, correct: Sequence[Token], reach: int) -> int | None:
    """The index from which the tokens before `end` are replaced by those of `correct`; None where nothing fits."""
    kind = next((t.kind for t in correct[:2] if t.kind in ("side", "site", "sequence", "signal", "enhancement")), None)
    if kind is None:
        return None
    for at in range(end - 1, -1, -1):
        token = tokens[at]
        if token.start < reach or token.kind == "stop" or token.value in (",", ";"):
            return None
        if token.kind == kind:
            same = tokens[at - 1] if at and kind == "signal" else None
            return at - 1 if same is not None and same.kind == "verb" and correct[0].kind == "verb" else at
    return None

"""Parts that a lesion leaves out: 大脑半球（不含枕叶）, 额顶叶（中央前回除外）. They are no site of what is stated."""

import re
from collections.abc import Sequence

from selip_extract.language.lexicon import Kind
from selip_extract.language.tokens import Token

_EXCLUDING = re.compile(
    "[(（](?:(?:不含|不包[括含]|未包[括含]|[未不]累及|未波及|未侵及|除外|除去|除)[^()（），,;；。\n]*|[^()（），,;；。\n]*(?:除外|未累及|未受累|不受累))[)）]"
    "|(?<=[,，])(?:但|并)?(?:不含|不包[括含]|未包[括含])[^()（），,;；。\n]*?(?=[,，;；。见呈\n]|$)"
)
_HINT = re.compile("不含|包[括含]|累及|波及|侵及|除|受累")

_STATING: frozenset[Kind] = frozenset(("sequence", "signal", "enhancement", "restriction"))


def with_excluded_parts(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, what such words hold without a meaning."""
    if _HINT.search(text) is None:
        return list(tokens)
    found = list(tokens)
    for match in _EXCLUDING.finditer(text):
        inside = [at for at, token in enumerate(found) if match.start() <= token.start and token.end <= match.end()]
        if any(found[at].kind in _STATING for at in inside):
            continue
        for at in inside:
            if found[at].kind != "punctuation":
                found[at] = found[at]._replace(kind="other", value="")
    return found

"""Sites whose name another site completes: 胼胝体体部及压部, 内囊前肢、后肢; 大脑中动脉闭塞，相应供血区."""

import re
from collections.abc import Sequence

from selip_contracts.vocabulary import SITES, unlisted
from selip_extract.language.lexicon import lexicon
from selip_extract.language.tokens import Token

_POINTING = re.compile("(?:相应|对应|所属|其|该(?:动脉|血管|支))的?(?:供血|供应|分布|支配)(?:区域?|范围)")
_BARE_PART = re.compile("(?:[膝体压嘴头尾峡]部|[前后]肢)(?![、及]?[膝体压嘴头尾峡]部位)")
_TERRITORY = "供血区"


def with_parts_in_a_list(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, such a part as the site that its name and that of the whole make."""
    found = _with_bare_parts(tokens, text) if _BARE_PART.search(text) is not None else list(tokens)
    tokens = list(found)
    for mark in reversed([at for at, token in enumerate(tokens) if token.value == "、"]):
        part = _part(tokens, mark, text)
        if part is not None:
            found[mark + 1 :] = [part, *(token for token in found[mark + 1 :] if token.start >= part.end)]
    return found


def _with_bare_parts(tokens: Sequence[Token], text: str) -> list[Token]:
    """胼胝体膝部-体部-压部见…，DWI体部等: a part by itself is one of the site that was named last."""
    found: list[Token] = []
    whole: list[str] = []
    end = 0
    for token in tokens:
        part = _BARE_PART.match(text, token.start) if token.kind in ("other", "cue") else None
        if token.start < end:
            continue
        if token.kind == "site":
            whole = [token.value, SITES[token.value].parent or ""] if token.value in SITES else []
        names = [lexicon().words.get(name + part[0]) for name in whole if name] if part is not None else []
        site = next((m for m in names if m is not None and m.kind == "site"), None)
        if (
            part is not None
            and site is not None
            and found
            and found[-1].end == token.start
            and found[-1].kind != "site"
        ):
            if text[found[-1].start] in "-—~" and len(found) > 1 and found[-2].kind == "site":
                found[-1] = found[-1]._replace(kind="punctuation", value="、")
            token = Token("site", site.value, token.start, part.end())
            end = token.end
        found.append(token)
    return found


def _part(tokens: Sequence[Token], mark: int, text: str) -> Token | None:
    """The site that the words behind the mark name together with the whole of the site before it."""
    at = mark + 1
    if not mark or at == len(tokens) or tokens[mark - 1].kind != "site" or tokens[at].kind not in ("other", "cue"):
        return None
    whole = SITES[tokens[mark - 1].value].parent
    for to in (at + 2, at + 1):
        if whole is not None and to <= len(tokens):
            meaning = lexicon().words.get(whole + text[tokens[at].start : tokens[to - 1].end])
            if meaning is not None and meaning.kind == "site":
                return Token("site", meaning.value, tokens[at].start, tokens[to - 1].end)
    return None


def with_territories(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, such words as the territory of the artery named last in the sentence, on its side.

    Where the vocabulary lacks that territory they are an unlisted site.
    """
    found = list(tokens)
    for match in reversed(list(_POINTING.finditer(text))):
        inside = [at for at, token in enumerate(found) if token.start < match.end() and match.start() < token.end]
        if inside:
            found[inside[0] : inside[-1] + 1] = _territory(found, inside[0], match.span(), match[0])
    return found


def _territory(tokens: Sequence[Token], at: int, span: tuple[int, int], words: str) -> list[Token]:
    for i in range(at - 1, -1, -1):
        token = tokens[i]
        if token.kind == "stop":
            break
        if token.kind == "site":
            if token.value + _TERRITORY not in SITES:
                break
            side = [Token("side", before.value, *span) for before in tokens[max(0, i - 1) : i] if before.kind == "side"]
            return [*side, Token("site", token.value + _TERRITORY, *span)]
    return [Token("site", unlisted(words), *span)]

"""Parts of one site that are listed after its name: 胼胝体体部及压部, 内囊前肢、后肢."""

from collections.abc import Sequence

from selip_contracts.vocabulary import SITES
from selip_extract.language.lexicon import lexicon
from selip_extract.language.tokens import Token


def with_parts_in_a_list(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, such a part as the site that its name and that of the whole make."""
    found = list(tokens)
    for mark in reversed([at for at, token in enumerate(tokens) if token.value == "、"]):
        part = _part(tokens, mark, text)
        if part is not None:
            found[mark + 1 :] = [part, *(token for token in found[mark + 1 :] if token.start >= part.end)]
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

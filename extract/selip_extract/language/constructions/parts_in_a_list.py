"""Parts of one site that are listed after its name: 胼胝体体部及压部, 内囊前肢、后肢."""

from collections.abc import Sequence

from selip_contracts.vocabulary import SITES
from selip_extract.language.lexicon import lexicon
from selip_extract.language.tokens import Token


def with_parts_in_a_list(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, such a part as the site that its name and that of the whole make."""
    found: list[Token] = []
    end = 0
    for at, token in enumerate(tokens):
        if token.start < end:
            continue
        part = _part(found, tokens, at, text)
        found.append(part or token)
        end = part.end if part else end
    return found


def _part(found: Sequence[Token], tokens: Sequence[Token], at: int, text: str) -> Token | None:
    """The site that the words at `at` name together with the whole of the site listed before them."""
    if len(found) < 2 or found[-1].value != "、" or found[-2].kind != "site" or tokens[at].kind not in ("other", "cue"):
        return None
    whole = SITES[found[-2].value].parent
    for to in (at + 2, at + 1):
        if whole is not None and to <= len(tokens):
            meaning = lexicon().words.get(whole + text[tokens[at].start : tokens[to - 1].end])
            if meaning is not None and meaning.kind == "site":
                return Token("site", meaning.value, tokens[at].start, tokens[to - 1].end)
    return None

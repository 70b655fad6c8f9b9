"""The grammar of the answers to one question: it admits only what the question's words support, and is finite."""

from selip_contracts.vocabulary import Side
from selip_extract.language.question import Support
from selip_extract.llm.sentence_task import ABSENT, NO_SIDE, SEQUENCE_TOKENS, SITE_TOKENS

GRAMMAR_VERSION = "1"
MAX_GROUPS = 12
MAX_ITEMS = 12
MAX_SITES_IN_GROUP = 16


def _choice(words: tuple[str, ...]) -> str:
    return "(" + " | ".join(f'"{w}"' for w in words) + ")"


def answer_grammar(words: Support) -> str:
    """The answers that the words support, in the EBNF of xgrammar over concatenated words of the vocabulary."""
    values = _choice((*words.signals, ABSENT))
    enhancements = _choice((*words.enhancements, ABSENT))
    items = [f'"{SEQUENCE_TOKENS[m]}" {enhancements if m == "T1CE" else values}' for m in words.modalities]
    if not items or not words.sites_by_side:
        return 'root ::= ""'
    sides = [_side_with_sites(side, sites) for side, sites in words.sites_by_side]
    return "\n".join(
        (
            f"root ::= group{{0,{MAX_GROUPS}}}",
            f'group ::= side{{1,{MAX_SITES_IN_GROUP}}} ":" item{{1,{MAX_ITEMS}}} ";"',
            f"side ::= {' | '.join(sides)}",
            f"item ::= {' | '.join(items)}",
        )
    )


def _side_with_sites(side: Side | None, sites: tuple[int, ...]) -> str:
    return f'"{side or NO_SIDE}" {_choice(tuple(SITE_TOKENS[i] for i in sites))}{{1,{MAX_SITES_IN_GROUP}}}'

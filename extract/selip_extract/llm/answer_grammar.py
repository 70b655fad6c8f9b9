"""The grammar of one question's answers: it admits only what the question's words support, and it always ends."""

from selip_contracts.vocabulary import Side
from selip_extract.language.question import Support
from selip_extract.llm.sentence_task import ABSENT, NO_SIDE, SEQUENCE_TOKENS, SITE_TOKENS

GRAMMAR_VERSION = "1"
MOST_GROUPS = 12
MOST_ITEMS = 12
MOST_PLACES = 16


def _choice(words: tuple[str, ...]) -> str:
    return "(" + " | ".join(f'"{w}"' for w in words) + ")"


def answer_grammar(words: Support) -> str:
    """The answers that the words support, in EBNF over concatenated words of the vocabulary."""
    values = _choice((*words.signals, ABSENT))
    enhancements = _choice((*words.enhancements, ABSENT))
    items = [f'"{SEQUENCE_TOKENS[m]}" {enhancements if m == "T1CE" else values}' for m in words.modalities]
    if not items or not words.places:
        return 'root ::= ""'
    sides = [_place(side, sites) for side, sites in words.places]
    return "\n".join(
        (
            f"root ::= group{{0,{MOST_GROUPS}}}",
            f'group ::= side{{1,{MOST_PLACES}}} ":" item{{1,{MOST_ITEMS}}} ";"',
            f"side ::= {' | '.join(sides)}",
            f"item ::= {' | '.join(items)}",
        )
    )


def _place(side: Side | None, sites: tuple[int, ...]) -> str:
    return f'"{side or NO_SIDE}" {_choice(tuple(SITE_TOKENS[i] for i in sites))}{{1,{MOST_PLACES}}}'

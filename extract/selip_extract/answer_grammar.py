"""The grammar of one question's answers: it admits only what the question's words support, and it always ends."""

from functools import lru_cache

import xgrammar

from selip_contracts.vocabulary import Side
from selip_extract.task import ABSENT, ANSWER_WORDS, END, NO_SIDE, SEQUENCE_TOKENS, SITE_TOKENS, VOCABULARY, Support

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


@lru_cache(1)
def _compiler() -> xgrammar.GrammarCompiler:
    # The tokens' bytes are the words themselves. The mark keeps a word of questions alone (均) from being taken for
    # the beginning of a word of answers (均匀强化), after which no token could follow.
    words = [w.encode() if w in ANSWER_WORDS else b"\0" + w.encode() for w in VOCABULARY]
    tokens = xgrammar.TokenizerInfo(words, xgrammar.VocabType.RAW, stop_token_ids=[VOCABULARY.index(END)])
    return xgrammar.GrammarCompiler(tokens, max_threads=1, cache_enabled=False)


@lru_cache(20_000)
def compiled(words: Support) -> xgrammar.CompiledGrammar:
    """The compiled grammar; questions whose words support the same share one."""
    return _compiler().compile_grammar(answer_grammar(words))

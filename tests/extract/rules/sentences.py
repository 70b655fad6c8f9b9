"""Sentences and states for the tests of single transitions, and the findings of a text."""

from collections.abc import Callable, Iterable

from selip_contracts.findings import Finding
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.language.lexer import lex
from selip_extract.rules.clause_reader import read_clauses
from selip_extract.rules.mentions import SiteMention
from selip_extract.rules.references.site_references import name_site
from selip_extract.rules.sentence import Sentence, sentences
from selip_extract.rules.state import START, State

Transition = Callable[[State, Sentence, int], State]


def sentence(text: str) -> Sentence:
    """The only sentence of a text."""
    (tokens,) = lex(text).sentences
    return Sentence(text, text, tokens)


def at(of: Sentence, word: str) -> int:
    """The index of the token that is this word."""
    return next(i for i, token in enumerate(of.tokens) if of.text[token.start : token.end] == word)


def apply(transition: Transition, state: State, text: str, word: str) -> State:
    """The state after the transition at a word of the text."""
    of = sentence(text)
    return transition(state, of, at(of, word))


def named(text: str, state: State = START) -> State:
    """The state after all sites of the text have been named."""
    of = sentence(text)
    for index in of.sites:
        state = name_site(state, of, index)
    return state


def names(sites: Iterable[SiteMention]) -> str:
    """左侧额叶 脑桥."""
    return " ".join(f"{site.side or ''}{site.site}" for site in sites)


def findings(text: str) -> dict[tuple[str, str], Finding]:
    """The findings of a report by site and sequence."""
    (reading,) = RuleExtractor().read([text])
    return {(f"{f.side or ''}{f.site}", f.modality): f for f in reading.study.findings}


def found(text: str) -> set[str]:
    """What the clauses of a report state, as T2左侧额叶高."""
    stated = read_clauses(sentences(lex(text)))
    return {f"{f.modality}{f.side or ''}{f.site}{f.signal}" for f in stated if f.present}

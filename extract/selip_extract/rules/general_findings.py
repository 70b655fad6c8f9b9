"""General changes (扩大, 受压, 积液 …): read by rule, since they belong to no sequence."""

from collections.abc import Iterable, Iterator
from typing import cast

from selip_contracts.findings import Evidence, GeneralFinding
from selip_contracts.vocabulary import Change
from selip_extract.language.evidence import span
from selip_extract.language.laterality import LateralisedSite
from selip_extract.language.lexer import Token
from selip_extract.rules.prior_study import prior_words
from selip_extract.rules.sentence import Sentence

_PREDICATES = frozenset(
    ("change", "negation", "normal", "signal", "sequence", "abnormal", "enhancement", "verb", "lesion")
)


def read_changes(sentences: Iterable[Sentence]) -> list[GeneralFinding]:
    """Every change that a clause states of the sites named before it."""
    return [
        change
        for sentence in sentences
        if any(token.kind == "change" for token in sentence.tokens)
        for change in _sentence_changes(sentence)
    ]


def _sentence_changes(sentence: Sentence) -> Iterator[GeneralFinding]:
    tokens = sentence.tokens
    prior = prior_words(sentence.text, tokens)
    named: list[LateralisedSite] = []
    negated = False
    for at, token in enumerate(tokens):
        if token.kind == "site":
            if named and any(t.kind in _PREDICATES or t.value == "周围" for t in tokens[named[-1].index : at]):
                named = []
            site = sentence.sites[at]
            if not site.is_qualifier:
                named.append(site)
        elif token.kind == "punctuation" and token.value in (",", ";"):
            negated = False
        elif token.kind == "negation":
            negated = True
        elif token.kind == "change" and not negated and at not in prior and token.value:
            for site in named:
                yield _change(sentence, site, token)


def _change(sentence: Sentence, site: LateralisedSite, token: Token) -> GeneralFinding:
    name = sentence.tokens[site.index]
    spans = [span("site", name.start, name.end), span("change", token.start, token.end)]
    if site.side_token is not None:
        spans.append(span("side", site.side_token.start, site.side_token.end))
    start, end = min(s.start for s in spans), max(s.end for s in spans)
    evidence = Evidence(text=sentence.text[start:end], start=start, end=end, spans=tuple(spans))
    return GeneralFinding(side=site.side, site=site.site, change=cast(Change, token.value), evidence=evidence)

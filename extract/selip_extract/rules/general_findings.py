"""General changes (扩大, 受压, 积液 …): read by rule, since they belong to no sequence."""

from collections.abc import Iterator, Sequence
from typing import cast

from selip_contracts.findings import Evidence, GeneralFinding
from selip_contracts.vocabulary import Change
from selip_extract.language.evidence import span
from selip_extract.language.laterality import LateralisedSite, lateralised_sites
from selip_extract.language.lexer import LexedReport, Token
from selip_extract.rules.prior_study import earlier_words

_PREDICATES = frozenset(
    ("change", "negation", "normal", "signal", "sequence", "abnormal", "enhancement", "verb", "lesion")
)


def read_changes(lexed: LexedReport) -> list[GeneralFinding]:
    """Every change that a clause states of the sites named before it."""
    return [
        change
        for sentence in lexed.sentences
        if any(token.kind == "change" for token in sentence)
        for change in _sentence_changes(lexed.text, sentence)
    ]


def _sentence_changes(text: str, sentence: Sequence[Token]) -> Iterator[GeneralFinding]:
    places = lateralised_sites(sentence)
    named: list[LateralisedSite] = []
    earlier = earlier_words(text, sentence)
    at = 0
    negated = False
    for i, token in enumerate(sentence):
        if token.kind == "site":
            if named and any(t.kind in _PREDICATES or t.value == "周围" for t in sentence[named[-1].index : i]):
                named = []
            place = places[at]
            at += 1
            if not place.is_qualifier:
                named.append(place)
        elif token.kind == "punctuation" and token.value in (",", ";"):
            negated = False
        elif token.kind == "negation":
            negated = True
        elif token.kind == "change" and not negated and i not in earlier and token.value:
            for place in named:
                yield _change(text, sentence, place, token)


def _change(text: str, sentence: Sequence[Token], place: LateralisedSite, token: Token) -> GeneralFinding:
    site = sentence[place.index]
    spans = [span("site", site.start, site.end), span("change", token.start, token.end)]
    if place.side_token is not None:
        spans.append(span("side", place.side_token.start, place.side_token.end))
    start, end = min(s.start for s in spans), max(s.end for s in spans)
    evidence = Evidence(text=text[start:end], start=start, end=end, spans=tuple(spans))
    return GeneralFinding(side=place.side, site=place.site, change=cast(Change, token.value), evidence=evidence)

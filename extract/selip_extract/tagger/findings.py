"""Findings out of the tagger's statements: each with its evidence; one that the words do not support is left out."""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from selip_contracts.findings import Evidence, Finding, GeneralFinding, SpanRole
from selip_contracts.vocabulary import Change, Enhancement, Signal, site_and_words
from selip_extract.language.evidence import EvidenceTokens, cited_finding, span
from selip_extract.language.lexicon import Kind
from selip_extract.language.question import Statement
from selip_extract.language.tokens import LexedReport, Token
from selip_extract.tagger.characters import normal_form
from selip_extract.tagger.pairs import Span
from selip_extract.tagger.places import side_span, sites_named
from selip_extract.tagger.tagger import TaggedStatement, TaggedWindow

CONFIDENCE_DIGITS = 4


def findings(
    lexed: LexedReport, window: TaggedWindow, statements: Iterable[TaggedStatement]
) -> Iterator[tuple[Finding | GeneralFinding, float]]:
    """What the statements say, one finding for each site that the words name, with its probability."""
    shift = window.window.start
    normal = normal_form(lexed.text)
    sides = [(s.start + shift, s.end + shift) for s in window.spans["side"]]
    sequences = [token for sentence in lexed.sentences for token in sentence if token.kind == "sequence"]
    for statement in statements:
        side = None if statement.side is None else side_span(lexed.text, statement.side, statement.site, sides)
        if statement.side is not None and side is None:
            continue
        for site in sites_named(normal, statement.site):
            if statement.stated.modality is None:
                yield _general(lexed.text, statement, site, side), statement.probability
            else:
                yield _finding(lexed, statement, site, side, sequences), statement.probability


def _finding(
    lexed: LexedReport, statement: TaggedStatement, site: str, side: Span | None, sequences: Sequence[Token]
) -> Finding:
    modality, value = statement.stated
    assert modality is not None
    words = EvidenceTokens(
        Token("site", site, *statement.site),
        _token("side", statement.side, side),
        Token("signal", value or "", *statement.value),
        _sequence(modality, statement.value, sequences),
        _token("negation", "未见", statement.negation),
    )
    said = Statement(statement.side, site, modality, cast(Signal | Enhancement | None, value))
    finding = cited_finding(lexed.text, lexed.read, said, words, statement.doubted)
    return finding.model_copy(update={"confidence": round(statement.probability, CONFIDENCE_DIGITS)})


def _token(kind: Kind, value: str | None, at: Span | None) -> Token | None:
    return None if at is None or value is None else Token(kind, value, *at)


def _sequence(modality: str, value: Span, sequences: Sequence[Token]) -> Token | None:
    """The name of the sequence that stands nearest to the value, before it if there is one."""
    named = [token for token in sequences if token.value == modality]
    before = [token for token in named if token.start <= value[0]]
    return before[-1] if before else next(iter(named), None)


def _general(text: str, statement: TaggedStatement, site: str, side: Span | None) -> GeneralFinding:
    roles: tuple[tuple[SpanRole, Span | None], ...] = (
        ("site", statement.site),
        ("change", statement.value),
        ("side", side),
    )
    spans = tuple(span(role, *at) for role, at in roles if at is not None)
    start, end = min(s.start for s in spans), max(s.end for s in spans)
    name, words = site_and_words(site)
    return GeneralFinding(
        side=statement.side,
        site=name,
        site_text=words,
        change=cast(Change, statement.stated.value),
        evidence=Evidence(text=text[start:end], start=start, end=end, spans=spans),
    )

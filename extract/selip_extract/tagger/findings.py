"""Findings out of the tagger's statements, each with its evidence: the words of the lexicon that the tags lie on.

What no such word supports is left out, as of any other model: the passage goes to a person.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import cast

from selip_contracts.findings import Evidence, Finding, GeneralFinding, SpanRole
from selip_contracts.vocabulary import SITES, Change, Enhancement, Signal, site_and_words
from selip_extract.language.evidence import EvidenceTokens, cited_finding, span, states
from selip_extract.language.question import Statement
from selip_extract.language.tokens import LexedReport, Token
from selip_extract.rules.changes_of_sites import change_at
from selip_extract.tagger.characters import normal_form
from selip_extract.tagger.contrasts import without_those_set_apart
from selip_extract.tagger.pairs import Span
from selip_extract.tagger.places import Places
from selip_extract.tagger.tagger import TaggedStatement, TaggedWindow

CONFIDENCE_DIGITS = 4

Stated = tuple[Finding | GeneralFinding | None, TaggedStatement]


def findings(lexed: LexedReport, window: TaggedWindow, statements: Sequence[TaggedStatement]) -> Iterator[Stated]:
    """What the statements say, one finding for each site that the words name; None where no words support it."""
    shift = window.window.start
    text = normal_form(lexed.text)
    sites = [(s.start + shift, s.end + shift) for s in window.spans["site"]]
    places = Places(text, sites, [(s.start + shift, s.end + shift) for s in window.spans["side"]])
    tokens = [token for sentence in lexed.sentences for token in sentence]
    sided = list(_with_sides(places, _of_sites(places, statements)))
    for statement, name in without_those_set_apart(text, sided, sites):
        side_at = None if statement.side is None else places.side_span(statement.side, statement.site)
        side = None if side_at is None else _on(tokens, side_at, _is_side(statement.side))
        site = _site(tokens, statement.site, name)
        if site is None or (side is None) != (statement.side is None):
            yield None, statement
        elif statement.stated.modality is None:
            yield _general(lexed.text, tokens, statement, site, side), statement
        else:
            yield _finding(lexed, tokens, statement, site, side), statement


def _of_sites(places: Places, statements: Sequence[TaggedStatement]) -> Iterator[tuple[TaggedStatement, str]]:
    """Each statement with each site that its place names, but for places that only say where the next one lies.

    A midline site takes no side from the places before it.
    """
    made = {(s.site, s.value, s.stated) for s in statements}
    for statement in statements:
        part = places.part_behind(statement.site)
        if part is not None and (part, statement.value, statement.stated) in made:
            continue
        for name in places.sites(statement.site):
            midline = name in SITES and SITES[name].laterality == "midline"
            lent = midline and statement.side is not None and not places.side_beside(statement.side, statement.site)
            yield replace(statement, side=None) if lent else statement, name


def _with_sides(
    places: Places, statements: Iterable[tuple[TaggedStatement, str]]
) -> Iterator[tuple[TaggedStatement, str]]:
    """The statements; a site that is named again without its side has the one that it has elsewhere.

    A midline site has it only behind the words that give it, or where it has the same signal there.
    """
    stated = list(statements)
    sided = [(s, name, places.words(s.site)) for s, name in stated if s.side is not None]
    for statement, name in stated:
        if statement.side is None and statement.stated.modality is not None:
            words, paired = places.words(statement.site), name not in SITES or SITES[name].laterality == "paired"
            sides = {
                s.side
                for s, same, other in sided
                if same == name
                and (other in words or words in other)
                and (paired or s.site < statement.site or _says_the_same(s, statement))
            }
            if len(sides) == 1:
                yield replace(statement, side=sides.pop()), name
                continue
        yield statement, name


def _says_the_same(one: TaggedStatement, other: TaggedStatement) -> bool:
    return (one.value, one.stated) == (other.value, other.stated)


def _on(tokens: Sequence[Token], at: Span, fits: Callable[[Token], bool]) -> Token | None:
    """The first word that lies on the characters and fits."""
    return next(_all_on(tokens, at, fits), None)


def _all_on(tokens: Sequence[Token], at: Span, fits: Callable[[Token], bool]) -> Iterator[Token]:
    return (t for t in tokens if t.start < at[1] and at[0] < t.end and fits(t))


def _is_side(side: str | None) -> Callable[[Token], bool]:
    return lambda token: token.kind in ("side", "post_side") and token.value == side


def _site(tokens: Sequence[Token], at: Span, name: str) -> Token | None:
    """The word for the site: of this name, else the last site on these characters, since the head stands last."""
    exact = _on(tokens, at, lambda token: token.kind == "site" and token.value == name)
    *_, last = (None, *_all_on(tokens, at, lambda token: token.kind == "site"))
    return exact or last


def _finding(
    lexed: LexedReport, tokens: Sequence[Token], statement: TaggedStatement, site: Token, side: Token | None
) -> Finding | None:
    modality, value = statement.stated
    assert modality is not None
    said = Statement(statement.side, site.value, modality, cast(Signal | Enhancement | None, value))
    signal = _on(tokens, statement.value, lambda token: states(said, token))
    if signal is None:
        return None
    sequence = _sequence(modality, signal, tokens)
    denied_at = statement.negation or (signal.start, signal.end)
    negation = None if value is not None else _on(tokens, denied_at, lambda token: token.kind == "negation")
    if (value is None and negation is None) or (sequence is None and signal.kind not in ("enhancement", "restriction")):
        return None
    words = EvidenceTokens(site, side, signal, sequence, negation)
    finding = cited_finding(lexed.text, lexed.read, said, words, statement.doubted)
    return finding.model_copy(update={"confidence": round(statement.probability, CONFIDENCE_DIGITS)})


def _sequence(modality: str, signal: Token, tokens: Sequence[Token]) -> Token | None:
    """The name of the sequence that stands nearest to the signal, before it if there is one."""
    named = [token for token in tokens if token.kind == "sequence" and token.value == modality]
    before = [token for token in named if token.start <= signal.start]
    return before[-1] if before else next(iter(named), None)


def _general(
    text: str, tokens: Sequence[Token], statement: TaggedStatement, site: Token, side: Token | None
) -> GeneralFinding | None:
    change = statement.stated.value
    word = _on(tokens, statement.value, lambda token: token.kind == "change" and token.value == change)
    name, words = site_and_words(site.value)
    stated = None if word is None else change_at(name, text[word.start : word.end], word.value)
    if word is None or stated is None:
        return None
    roles: tuple[tuple[SpanRole, Token | None], ...] = (("site", site), ("change", word), ("side", side))
    spans = tuple(span(role, token.start, token.end) for role, token in roles if token is not None)
    start, end = min(s.start for s in spans), max(s.end for s in spans)
    return GeneralFinding(
        side=statement.side,
        site=name,
        site_text=words,
        change=cast(Change, stated),
        evidence=Evidence(text=text[start:end], start=start, end=end, spans=spans),
    )

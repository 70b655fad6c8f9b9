"""Evidence: the characters of the report that support a statement; a statement without evidence is no finding."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from selip_contracts.findings import Evidence, Finding, Span, SpanRole
from selip_contracts.vocabulary import site_and_words
from selip_extract.language.laterality import LateralisedSite, lateralised_sites
from selip_extract.language.lesion_words import LesionDescription, clause_end, clause_start, describe_lesion
from selip_extract.language.lexicon import lexicon
from selip_extract.language.question import Question, Statement
from selip_extract.language.tokens import LexedReport, Token

_NEGATION_ENDS = frozenset(("signal", "enhancement", "verb", "sequence"))
# How much further a word counts as away that stands before the word to which it belongs.
_BEFORE = 3
# In tokens: how much a signal beside the name of another sequence is further away.
_OF_ANOTHER_SEQUENCE = 20


class EvidenceTokens(NamedTuple):
    """The tokens that are the evidence of a statement."""

    site: Token
    side: Token | None
    signal: Token
    sequence: Token | None
    negation: Token | None


_ROLES: tuple[SpanRole, ...] = ("site", "side", "signal", "sequence", "negation")


def ground(lexed: LexedReport, question: Question, statements: Iterable[Statement]) -> list[Finding]:
    """The statements as findings with their evidence; a statement that the words do not make exactly is left out."""
    here, before = lateralised_sites(question.sentence), lateralised_sites(question.context)
    found = []
    for statement in statements:
        sites = _site_mentions(statement, here)
        site, signal = _nearest(statement, question.sentence, sites)
        signal = signal or _repeated(statement, question)
        site = site or (sites or _site_mentions(statement, before) or [None])[-1]
        if site is None or signal is None:
            continue
        words = EvidenceTokens(site.token, site.side_token, signal.token, signal.sequence, signal.negation)
        doubtful = _is_uncertain(lexed.read, question, signal.token)
        found.append(cited_finding(lexed.text, lexed.read, statement, words, doubtful))
    return found


def _site_mentions(statement: Statement, sites: Sequence[LateralisedSite]) -> list[LateralisedSite | None]:
    """The mentions of the statement's site with the statement's side."""
    return [s for s in sites if (s.site, s.side) == (statement.site, statement.side)]


class SignalMention(NamedTuple):
    """A token that states a signal or its absence; `distance` from the sequence's name, in tokens."""

    distance: int
    token: Token
    sequence: Token | None
    negation: Token | None


def signal_mentions(statement: Statement, tokens: Sequence[Token]) -> Iterator[SignalMention]:
    """Every mention of the statement's signal, or of its absence, in the order of the tokens."""
    for i, token in enumerate(tokens):
        if not states(statement, token):
            continue
        negation = _negation_before(tokens, i)
        if (statement.value is None) != (negation is not None):
            continue
        distance, sequence = _sequence_near(statement, tokens, i)
        if sequence is None and token.kind == "signal":
            continue
        yield SignalMention(distance, token, sequence, negation)


def _nearest(
    statement: Statement, tokens: Sequence[Token], sites: Sequence[LateralisedSite | None]
) -> tuple[LateralisedSite | None, SignalMention | None]:
    """A site and a signal beside the name of its sequence, nearest to each other; the last of equally near ones."""

    def cost(pair: tuple[LateralisedSite | None, SignalMention]) -> int:
        site, mention = pair
        at = tokens.index(mention.token)
        after = 0 if site is None else at - site.index
        apart = mention.sequence is not None and not _is_nearest_name(mention, tokens, at)
        return mention.distance + (after if after >= 0 else _BEFORE * -after) + apart * _OF_ANOTHER_SEQUENCE

    signals = [*signal_mentions(statement, tokens)]
    pairs = [(site, signal) for site in sites or [None] for signal in signals]
    return min(reversed(pairs), key=cost, default=(None, None))


def _is_nearest_name(mention: SignalMention, tokens: Sequence[Token], at: int) -> bool:
    """Whether no other sequence is named nearer to the signal."""
    names = (i for i, token in enumerate(tokens) if token.kind == "sequence" and token != mention.sequence)
    return all(mention.distance <= (at - i if i < at else _BEFORE * (i - at)) for i in names)


def _repeated(statement: Statement, question: Question) -> SignalMention | None:
    """The words by which the sentence says that a signal is as before (信号同上); else the mention before it."""
    _, before = _nearest(statement, question.context, [])
    again = next((token for token in question.sentence if token.value == "同上"), None)
    return before if before is None or again is None else SignalMention(0, again, None, before.negation)


def states(statement: Statement, token: Token) -> bool:
    """Whether the word can say the statement's signal, or what is absent."""
    modality, value = statement.modality, statement.value
    if token.kind == "restriction":
        return (modality, value) in (("DWI", "高"), ("ADC", "低"), ("DWI", None), ("ADC", None))
    if value is None:
        return token.kind in ("signal", "abnormal") or (token.kind == "enhancement" and modality == "T1CE")
    return token.value == value and token.kind in ("signal", "enhancement")


def _negation_before(tokens: Sequence[Token], at: int) -> Token | None:
    """The negation in whose scope the token is: no comma and no other signal stands in between."""
    for token in reversed(tokens[max(0, at - 8) : at]):
        if token.kind == "negation":
            return token
        if token.kind in _NEGATION_ENDS or (token.kind == "punctuation" and token.value != "、"):
            return None
    return None


def _sequence_near(statement: Statement, tokens: Sequence[Token], at: int) -> tuple[int, Token | None]:
    """How many tokens away the sequence is named; a name after the signal counts as three times as far."""
    for distance in range(1, len(tokens)):
        for index, cost in ((at - distance, distance), (at + distance, _BEFORE * distance)):
            if 0 <= index < len(tokens) and tokens[index][:2] == ("sequence", statement.modality):
                return cost, tokens[index]
    return len(tokens), None


@lru_cache(1 << 14)
def span(role: SpanRole, start: int, end: int) -> Span:
    """The span, made once: the findings of a report share many."""
    return Span(role=role, start=start, end=end)


def cited_finding(stored: str, read: str, statement: Statement, words: EvidenceTokens, doubtful: bool) -> Finding:
    """The statement as a finding: evidence from the stored text, the description of its lesion from the mended one."""
    cited = [(role, token.start, token.end) for role, token in zip(_ROLES, words, strict=True) if token is not None]
    spans = tuple([span(*place) for place in cited])
    start, end = min([start for _, start, _ in cited]), max([end for _, _, end in cited])
    present = statement.value is not None
    site, site_text = site_and_words(statement.site)
    return Finding(
        modality=statement.modality,
        side=statement.side,
        site=site,
        site_text=site_text,
        signal=statement.value,
        present=present,
        evidence=Evidence(text=stored[start:end], start=start, end=end, spans=spans),
        certainty="可疑" if doubtful or _is_doubted(read, words.site.end, words.signal) else "肯定",
        **(describe_lesion(read, _place_ends(words), words.signal, end) if present else LesionDescription()),
    )


def _place_ends(words: EvidenceTokens) -> int:
    """Where the site is named, or its side behind it: 脑桥左份见…；右份见另一枚."""
    after = words.side is not None and words.site.end <= words.side.start < words.signal.start
    return words.side.end if words.side is not None and after else words.site.end


@lru_cache(1 << 10)
def _is_doubted(text: str, site_end: int, token: Token) -> bool:
    """Whether the token's clause says so, the one behind it (不除外血管影), or that which introduces the lesion."""
    if not _has_doubt(text):
        return False
    words = lexicon()
    start, end = clause_start(text, token.start), clause_end(text, token.end)
    return (
        words.doubt.search(text, start, end) is not None
        or words.doubt_behind.search(text, token.end, clause_end(text, end + 1)) is not None
        or words.doubt_of_lesion.search(text, site_end, clause_end(text, site_end)) is not None
    )


@lru_cache(1 << 6)
def _has_doubt(text: str) -> bool:
    words = lexicon()
    return words.doubt.search(text) is not None or words.doubt_behind.search(text) is not None


def _is_uncertain(text: str, question: Question, signal: Token) -> bool:
    """Whether the clause says 可疑, or speaks of some lesions (部分病灶) without naming their site."""
    clause: list[Token] = []
    for token in question.tokens:
        if token.start >= signal.start:
            break
        clause = [] if token.kind == "punctuation" and token.value in (",", ";") else [*clause, token]
    cues = {t.value for t in clause if t.kind == "cue"}
    if "部分" not in cues or any(t.kind == "site" for t in clause):
        return "可疑" in cues
    return "可疑" in cues or "病灶" in text[clause[0].start : signal.start]

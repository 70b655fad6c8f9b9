"""Which sentence of an annotated report states which finding of its study.

An annotated file need not cite the words of a finding. A statement belongs to the question whose sentence has its
signal, beside the name of its sequence, nearest to its site. Where this is ambiguous, the question is left out: a wrong
example costs more than a missing one.
"""

from collections.abc import Iterator, Sequence

from selip_contracts.findings import AnnotatedReport, Finding
from selip_extract.language.evidence import signal_mentions
from selip_extract.language.laterality import lateralised_sites
from selip_extract.language.question import LocatedStatement, Question, Statement, is_expressible
from selip_extract.language.tokens import Token

# How many tokens a comma, a semicolon or a colon counts in the distance of two words.
CLAUSE_DISTANCE = 5


def align(report: AnnotatedReport, asked: Sequence[Question]) -> list[list[LocatedStatement] | None]:
    """The statements of the report's study that answer each question; None where the words leave them ambiguous."""
    aligned: list[list[LocatedStatement]] = [[] for _ in asked]
    ambiguous: set[int] = set()
    for finding in (*report.study.findings, *report.study.negatives):
        candidates = [candidate for i, q in enumerate(asked) if (candidate := _nearest(finding, i, q))]
        if not candidates:
            ambiguous |= _concerned(_statement(finding), asked)
            continue
        rank, _, chosen, best = min(candidates, key=lambda candidate: candidate[:3])
        aligned[chosen].append(best)
        ambiguous |= {i for other_rank, _, i, _ in candidates if i != chosen and other_rank == rank == 0}
    return [
        None if i in ambiguous or not is_expressible(q, (s.statement for s in statements)) else statements
        for i, (q, statements) in enumerate(zip(asked, aligned, strict=True))
    ]


def _statement(finding: Finding) -> Statement:
    return Statement(finding.side, finding.site, finding.modality, finding.signal)


def _nearest(finding: Finding, number: int, question: Question) -> tuple[int, int, int, LocatedStatement] | None:
    """(rank, distance, number, statement) of the nearest words that state the finding.

    The rank is 0 where the sentence names site and sequence, 1 where only the text before it names the site, 2 where
    only that names the sequence, 3 for both; 4 more where another sequence is nearer to the signal.
    """
    statement = _statement(finding)
    if cited := _cited(finding, statement):
        return (0, 0, number, cited) if question.holds(cited.signal_at) else None
    tokens, before = question.tokens, len(question.context)
    candidates = []
    for at, name_at, beside in _signals(statement, tokens):
        for site_at in _sites(statement, tokens) if at >= before else ():
            rank = (site_at < before) + 2 * (name_at < before) + 4 * (not beside)
            located = LocatedStatement(statement, tokens[site_at].start, tokens[at].start)
            candidates.append((rank, _distance(tokens, at, site_at), number, located))
    return min(candidates, key=lambda candidate: candidate[:3], default=None)


def _cited(finding: Finding, statement: Statement) -> LocatedStatement | None:
    """The statement where the file itself cites its words."""
    at = {s.role: s.start for s in finding.evidence.spans} if finding.evidence else {}
    return LocatedStatement(statement, at["site"], at["signal"]) if {"site", "signal"} <= at.keys() else None


def _signals(statement: Statement, tokens: Sequence[Token]) -> Iterator[tuple[int, int, bool]]:
    """Indices of the statement's signal and of the nearest name of its sequence, and whether the two belong together.

    They do where no other sequence is nearer to the signal, or no other signal nearer to the sequence. Words that imply
    their sequence (强化, 弥散受限) count as its name.
    """
    names = [i for i, t in enumerate(tokens) if t.kind == "sequence"]
    own_names = [i for i in names if tokens[i].value == statement.modality]
    signals = [i for i, t in enumerate(tokens) if t.kind == "signal"]
    for mention in signal_mentions(statement, tokens):
        at = tokens.index(mention.token)
        if mention.token.kind != "signal" or not own_names:
            yield at, at, True
            continue
        name_at = min(own_names, key=lambda i: _distance(tokens, at, i))
        nearest = (min(_distance(tokens, at, i) for i in names), min(_distance(tokens, name_at, i) for i in signals))
        yield at, name_at, _distance(tokens, at, name_at) in nearest


def _sites(statement: Statement, tokens: Sequence[Token]) -> list[int]:
    """Indices of the tokens that name the site with this very side."""
    return [
        p.index
        for p in lateralised_sites(tokens)
        if (p.side, p.site) == (statement.side, statement.site) and not p.is_qualifier
    ]


def _distance(tokens: Sequence[Token], one: int, other: int) -> int:
    """The distance of two tokens, in tokens."""
    first, last = sorted((one, other))
    return (
        last - first + CLAUSE_DISTANCE * sum(t.kind == "punctuation" and t.value in ",;:" for t in tokens[first:last])
    )


def _concerned(statement: Statement, asked: Sequence[Question]) -> set[int]:
    """The questions that a statement may belong to that none of them states: its site's, else its sequence's."""

    def naming(kind: str, value: str) -> set[int]:
        return {i for i, q in enumerate(asked) if any(t.kind == kind and t.value == value for t in q.sentence)}

    return naming("site", statement.site) or naming("sequence", statement.modality)

"""What each sentence of an annotated report tells: the statements of its study, laid to the words that say them.

An annotated file need not say where a finding stands. A statement belongs to the question whose sentence says its
signal nearest to its site and its sequence. Where that cannot be told, the question is left out: a wrong lesson costs
more than a missing one.
"""

from collections.abc import Iterator, Sequence

from selip_contracts.findings import AnnotatedReport, Finding
from selip_extract.ground import sayings
from selip_extract.lesson import Told, sayable
from selip_extract.places import placed_sites
from selip_extract.scan import Token
from selip_extract.task import Question, Statement

# How many tokens farther a comma, a semicolon or a colon puts what stands on its two sides.
CLAUSE = 5


def told_in(report: AnnotatedReport, asked: Sequence[Question]) -> list[list[Told] | None]:
    """What the report's study tells in answer to each question; None where its words leave that open."""
    told: list[list[Told]] = [[] for _ in asked]
    open_questions: set[int] = set()
    for finding in (*report.study.findings, *report.study.negatives):
        ways = [best for i, q in enumerate(asked) if (best := _nearest(finding, i, q))]
        if not ways:
            open_questions |= _concerned(_statement(finding), asked)
            continue
        rank, _, chosen, best = min(ways, key=lambda way: way[:3])
        told[chosen].append(best)
        open_questions |= {i for other_rank, _, i, _ in ways if i != chosen and other_rank == rank == 0}
    return [
        None if i in open_questions or not sayable(q, (t.statement for t in said)) else said
        for i, (q, said) in enumerate(zip(asked, told, strict=True))
    ]


def _statement(finding: Finding) -> Statement:
    return Statement(finding.side, finding.site, finding.modality, finding.signal)


def _nearest(finding: Finding, number: int, question: Question) -> tuple[int, int, int, Told] | None:
    """(rank, distance, number, told) of the nearest words that say the finding.

    The rank is 0 where the sentence names site and sequence; of these, what stands before it names the site (1), the
    sequence (2) or both (3).
    """
    statement = _statement(finding)
    if cited := _cited(finding, statement):
        return (0, 0, number, cited) if question.holds(cited.signal_at) else None
    tokens = question.tokens
    ways = []
    for at, name_at in _signals(statement, question):
        for site_at in _sites(statement, tokens):
            distance = _apart(tokens, at, site_at) + _apart(tokens, at, name_at)
            told = Told(statement, tokens[site_at].start, tokens[at].start)
            rank = (site_at < len(question.context)) + 2 * (name_at < len(question.context))
            ways.append((rank, distance, number, told))
    return min(ways, key=lambda way: way[:3], default=None)


def _cited(finding: Finding, statement: Statement) -> Told | None:
    """The statement where the file itself says its words."""
    at = {s.role: s.start for s in finding.evidence.spans} if finding.evidence else {}
    return Told(statement, at["site"], at["signal"]) if {"site", "signal"} <= at.keys() else None


def _signals(statement: Statement, question: Question) -> Iterator[tuple[int, int]]:
    """Where the sentence says the statement's signal, and the nearest name of its sequence: indices of tokens."""
    tokens = question.tokens
    names = [i for i, t in enumerate(tokens) if t[:2] == ("sequence", statement.modality)]
    for saying in sayings(statement, tokens):
        at = tokens.index(saying.signal)
        if at >= len(question.context):
            yield at, min(names, key=lambda i: _apart(tokens, at, i), default=at)


def _sites(statement: Statement, tokens: Sequence[Token]) -> list[int]:
    """Where the site is named with this very side: indices of tokens."""
    return [
        p.index for p in placed_sites(tokens) if (p.side, p.site) == (statement.side, statement.site) and not p.locates
    ]


def _apart(tokens: Sequence[Token], one: int, other: int) -> int:
    """How far two tokens stand from one another."""
    first, last = sorted((one, other))
    return last - first + CLAUSE * sum(t.kind == "punctuation" and t.value in ",;:" for t in tokens[first:last])


def _concerned(statement: Statement, asked: Sequence[Question]) -> set[int]:
    """The questions that may be about a statement that none of them says: its site's, else its sequence's."""

    def naming(kind: str, value: str) -> set[int]:
        return {i for i, q in enumerate(asked) if any(t.kind == kind and t.value == value for t in q.sentence)}

    return naming("site", statement.site) or naming("sequence", statement.modality)

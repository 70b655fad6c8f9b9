"""What each sentence of an annotated report tells: the statements of its study, laid to the words that say them.

An annotated file need not say where a finding stands. A statement belongs to the question whose sentence says its
signal, beside its sequence's name, nearest to its site. Where that cannot be told, the question is left out: a wrong
lesson costs more than a missing one.
"""

from collections.abc import Iterator, Sequence

from selip_contracts.findings import AnnotatedReport, Finding
from selip_extract.language.evidence import sayings
from selip_extract.language.laterality import lateralised_sites
from selip_extract.language.lexer import Token
from selip_extract.language.question import LocatedStatement, Question, Statement
from selip_extract.training.pseudo_examples import sayable

# How many tokens farther a comma, a semicolon or a colon puts what stands on its two sides.
CLAUSE = 5


def told_in(report: AnnotatedReport, asked: Sequence[Question]) -> list[list[LocatedStatement] | None]:
    """What the report's study tells in answer to each question; None where its words leave that open."""
    told: list[list[LocatedStatement]] = [[] for _ in asked]
    open_questions: set[int] = set()
    for finding in (*report.study.findings, *report.study.negatives):
        ways = [way for i, q in enumerate(asked) if (way := _nearest(finding, i, q))]
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


def _nearest(finding: Finding, number: int, question: Question) -> tuple[int, int, int, LocatedStatement] | None:
    """(rank, distance, number, told) of the nearest words that say the finding.

    The rank is 0 where the sentence names site and sequence; of these, what stands before it names the site (1), the
    sequence (2) or both (3); 4 more where signal and sequence stand beside others.
    """
    statement = _statement(finding)
    if cited := _cited(finding, statement):
        return (0, 0, number, cited) if question.holds(cited.signal_at) else None
    tokens, before = question.tokens, len(question.context)
    ways = []
    for at, name_at, beside in _signals(statement, tokens):
        for site_at in _sites(statement, tokens) if at >= before else ():
            rank = (site_at < before) + 2 * (name_at < before) + 4 * (not beside)
            told = LocatedStatement(statement, tokens[site_at].start, tokens[at].start)
            ways.append((rank, _apart(tokens, at, site_at), number, told))
    return min(ways, key=lambda way: way[:3], default=None)


def _cited(finding: Finding, statement: Statement) -> LocatedStatement | None:
    """The statement where the file itself says its words."""
    at = {s.role: s.start for s in finding.evidence.spans} if finding.evidence else {}
    return LocatedStatement(statement, at["site"], at["signal"]) if {"site", "signal"} <= at.keys() else None


def _signals(statement: Statement, tokens: Sequence[Token]) -> Iterator[tuple[int, int, bool]]:
    """Where the statement's signal is said, the nearest name of its sequence, and whether nothing stands nearer to one.

    Words that imply their sequence (强化, 弥散受限) stand for its name.
    """
    names = [i for i, t in enumerate(tokens) if t.kind == "sequence"]
    own_names = [i for i in names if tokens[i].value == statement.modality]
    signals = [i for i, t in enumerate(tokens) if t.kind == "signal"]
    for saying in sayings(statement, tokens):
        at = tokens.index(saying.signal)
        if saying.signal.kind != "signal" or not own_names:
            yield at, at, True
            continue
        name_at = min(own_names, key=lambda i: _apart(tokens, at, i))
        nearest = (min(_apart(tokens, at, i) for i in names), min(_apart(tokens, name_at, i) for i in signals))
        yield at, name_at, _apart(tokens, at, name_at) in nearest


def _sites(statement: Statement, tokens: Sequence[Token]) -> list[int]:
    """Where the site is named with this very side: indices of tokens."""
    return [
        p.index
        for p in lateralised_sites(tokens)
        if (p.side, p.site) == (statement.side, statement.site) and not p.is_qualifier
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

"""What the rules and the tagger read in annotated sets before anyone had looked at their errors there.

On these reports the rules of today make hardly an error, since they were corrected on them, and the tagger of today
fewer than on others, since its templates were written with a look at its errors. What weight a finding of either has at
a hospital that nobody knows shows only in what they read at first sight: first_readings.jsonl holds it, from the rules
and the tagger before each set was seen (sets E to G, which are older than the tagger, from its first version).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, NamedTuple

import typer
from pydantic import BaseModel, ConfigDict

from selip_contracts.annotated import GOLD, read_annotated
from selip_contracts.findings import AnnotatedReport, Evidence, Finding, GeneralFinding, Span, SpanRole
from selip_contracts.vocabulary import Change, Enhancement, Modality, Side, Signal
from selip_extract.extractors.candidates import Candidate, candidates, name_of
from selip_extract.extractors.inconsistencies import misread
from selip_extract.extractors.second_reader import SecondReading
from selip_extract.extractors.tagger import TaggerExtractor
from selip_extract.language.lexer import lex
from selip_extract.language.tokens import LexedReport
from selip_extract.rules.clause_reader import read_clauses
from selip_extract.rules.general_findings import read_changes
from selip_extract.rules.sentence import sentences

_DIGITS = 6
Spans = tuple[tuple[SpanRole, int, int], ...]


class RuleReading(NamedTuple):
    """The findings, explicit negatives and general findings that rules read in one report."""

    findings: tuple[Finding, ...]
    general: tuple[GeneralFinding, ...]


def rules_today(lexed: LexedReport) -> RuleReading:
    """What the rules read in a report."""
    read = sentences(lexed)
    return RuleReading(tuple(read_clauses(read)), tuple(read_changes(read)))


class FirstReading(NamedTuple):
    """A report, the set of which it is one, and what rules and tagger read in it at first sight."""

    set: str
    report: AnnotatedReport
    rules: RuleReading
    reader: SecondReading


class _Stored(BaseModel):
    """What the rules, the tagger or both state, and the tagger's probability."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    by: Literal["both", "rules", "reader"]
    p: float | None
    side: Side | None
    site: str
    site_text: str | None = None
    spans: Spans

    def where(self, text: str) -> dict[str, object]:
        """The fields that findings and general findings share."""
        start, end = min(start for _, start, _ in self.spans), max(end for _, _, end in self.spans)
        spans = tuple(Span(role=role, start=first, end=last) for role, first, last in self.spans)
        evidence = Evidence(text=text[start:end], start=start, end=end, spans=spans)
        return {"side": self.side, "site": self.site, "site_text": self.site_text, "evidence": evidence}


class _StoredFinding(_Stored):
    modality: Modality
    signal: Signal | Enhancement | None

    def stated(self, text: str) -> Finding:
        signal = {"modality": self.modality, "signal": self.signal, "present": self.signal is not None}
        return Finding.model_validate(self.where(text) | signal)


class _StoredChange(_Stored):
    change: Change

    def stated(self, text: str) -> GeneralFinding:
        return GeneralFinding.model_validate(self.where(text) | {"change": self.change})


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    set: str
    report_id: str
    findings: tuple[_StoredFinding, ...]
    general: tuple[_StoredChange, ...]

    def read(self) -> FirstReading:
        """The reading of both."""
        report = _annotated(self.set)[self.report_id]
        findings = [(stored, stored.stated(report.findings_text)) for stored in self.findings]
        general = [(stored, stored.stated(report.findings_text)) for stored in self.general]
        probability = {name_of(stated): stored.p for stored, stated in findings}
        probability |= {name_of(stated): stored.p for stored, stated in general}
        rules = RuleReading(
            tuple(stated for stored, stated in findings if stored.by != "reader"),
            tuple(stated for stored, stated in general if stored.by != "reader"),
        )
        reader = SecondReading(
            tuple(s.model_copy(update={"confidence": stored.p}) for stored, s in findings if stored.by != "rules"),
            tuple(stated for stored, stated in general if stored.by != "rules"),
            lambda stated: probability[name_of(stated)],
        )
        return FirstReading(self.set, report, rules, reader)


def first_readings() -> Iterator[FirstReading]:
    """Every report that was read at first sight."""
    text = files("selip_extract.training.combination").joinpath("first_readings.jsonl").read_text(encoding="utf-8")
    for line in text.splitlines():
        yield _Line.model_validate_json(line).read()


@cache
def _annotated(name: str) -> dict[str, AnnotatedReport]:
    return {report.report_id: report for report in read_annotated(GOLD / f"{name}.jsonl")}


def main(sets: Annotated[list[str], typer.Argument(help="Names of annotated sets without .jsonl.")]) -> None:
    """Print what rules and tagger of today read in annotated sets, as lines to add to first_readings.jsonl.

    It is for sets of which nobody has looked at the errors yet.
    """
    with closing(TaggerExtractor()) as tagger:
        for name in sets:
            for line in _lines(tagger, name, tuple(_annotated(name).values())):
                typer.echo(line)


def _lines(tagger: TaggerExtractor, name: str, reports: Sequence[AnnotatedReport]) -> Iterator[str]:
    lexed = [lex(report.findings_text) for report in reports]
    for report, text, reading in zip(reports, lexed, tagger.second_readings(lexed), strict=True):
        rules = rules_today(text)
        unfit = misread(text, rules.findings)
        read = candidates(text, rules.findings, rules.general, unfit, reading)
        yield _as_line(name, report.report_id, read)


def _as_line(name: str, report_id: str, read: Iterable[Candidate]) -> str:
    findings, general = [], []
    for candidate in read:
        stated = candidate.stated
        if isinstance(stated, Finding):
            findings.append({"modality": stated.modality, "signal": stated.signal} | _stored(candidate))
        else:
            general.append({"change": stated.change} | _stored(candidate))
    line = {"set": name, "report_id": report_id, "findings": findings, "general": general}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _stored(candidate: Candidate) -> dict[str, object]:
    stated, p = candidate.stated, candidate.probability
    assert stated.evidence is not None
    by = "both" if candidate.agreed else "rules" if candidate.by_rules else "reader"
    text = {} if stated.site_text is None else {"site_text": stated.site_text}
    spans = [[s.role, s.start, s.end] for s in stated.evidence.spans]
    return (
        {"by": by, "p": None if p is None else round(p, _DIGITS), "side": stated.side, "site": stated.site}
        | text
        | {"spans": spans}
    )


if __name__ == "__main__":
    typer.run(main)

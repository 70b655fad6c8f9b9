"""What the rules read in annotated sets before anyone had looked at their errors there.

On these reports the rules of today make hardly an error, since they were corrected on them. What weight a finding of
the rules or of a second reader has at a hospital that nobody knows shows only in what they read at first sight:
first_readings.jsonl holds it, from the version of the rules before each set was seen.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Annotated, NamedTuple

import typer
from pydantic import BaseModel, ConfigDict

from selip_contracts.annotated import GOLD, read_annotated
from selip_contracts.findings import AnnotatedReport, Evidence, Finding, GeneralFinding, Span, SpanRole
from selip_contracts.vocabulary import Change, Enhancement, Modality, Side, Signal
from selip_extract.language.lexer import lex
from selip_extract.language.tokens import LexedReport
from selip_extract.rules.clause_reader import read_clauses
from selip_extract.rules.general_findings import read_changes
from selip_extract.rules.sentence import sentences

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
    """A report, the set of which it is one, and what the rules read in it at first sight."""

    set: str
    report: AnnotatedReport
    rules: RuleReading


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
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

    def finding(self, text: str) -> Finding:
        signal = {"modality": self.modality, "signal": self.signal, "present": self.signal is not None}
        return Finding.model_validate(self.where(text) | signal)


class _StoredChange(_Stored):
    change: Change

    def general_finding(self, text: str) -> GeneralFinding:
        return GeneralFinding.model_validate(self.where(text) | {"change": self.change})


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    set: str
    report_id: str
    findings: tuple[_StoredFinding, ...]
    general: tuple[_StoredChange, ...]


def first_readings() -> Iterator[FirstReading]:
    """Every report that was read at first sight."""
    text = files("selip_extract.training.combination").joinpath("first_readings.jsonl").read_text(encoding="utf-8")
    for line in map(_Line.model_validate_json, text.splitlines()):
        report = _annotated(line.set)[line.report_id]
        of = report.findings_text
        findings, general = (f.finding(of) for f in line.findings), (g.general_finding(of) for g in line.general)
        yield FirstReading(line.set, report, RuleReading(tuple(findings), tuple(general)))


@cache
def _annotated(name: str) -> dict[str, AnnotatedReport]:
    return {report.report_id: report for report in read_annotated(GOLD / f"{name}.jsonl")}


def main(sets: Annotated[list[str], typer.Argument(help="Names of annotated sets without .jsonl.")]) -> None:
    """Print what the rules of today read in annotated sets, as lines to add to first_readings.jsonl.

    It is for sets of which nobody has looked at the errors yet.
    """
    for name in sets:
        for report in _annotated(name).values():
            typer.echo(_as_line(name, report.report_id, rules_today(lex(report.findings_text))))


def _as_line(name: str, report_id: str, rules: RuleReading) -> str:
    stated = {
        "findings": [{"modality": f.modality, "signal": f.signal} | _where(f) for f in rules.findings],
        "general": [{"change": g.change} | _where(g) for g in rules.general],
    }
    return json.dumps({"set": name, "report_id": report_id} | stated, ensure_ascii=False, separators=(",", ":"))


def _where(stated: Finding | GeneralFinding) -> dict[str, object]:
    assert stated.evidence is not None
    text = {} if stated.site_text is None else {"site_text": stated.site_text}
    spans = [[s.role, s.start, s.end] for s in stated.evidence.spans]
    return {"side": stated.side, "site": stated.site} | text | {"spans": spans}


if __name__ == "__main__":
    typer.run(main)

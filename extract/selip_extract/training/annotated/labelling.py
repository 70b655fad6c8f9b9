"""Labels for annotated reports: the words from which the rules read exactly what is annotated.

An annotation says what a report states, not where. Where the rules read just that, the words that they cite say where.
"""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

from selip_contracts.annotated import GOLD, read_annotated
from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding, Study
from selip_contracts.vocabulary import unlisted
from selip_extract.language.lexer import lex
from selip_extract.language.study import assembled
from selip_extract.pseudo_reports.sample_study import SampledSite
from selip_extract.pseudo_reports.writing.draft import Fact, Mention
from selip_extract.pseudo_reports.writing.report import WrittenReport
from selip_extract.training.combination.first_readings import rules_today
from selip_extract.training.tagged_report import TaggedReport, tagged

_VERBS = "呈为示"
"""A value of a pseudo-report begins behind them."""


class Labelled(NamedTuple):
    """The reports with labels, and the number of those that have none, by set."""

    reports: tuple[TaggedReport, ...]
    left_out: Counter[str]


def labelled(report: AnnotatedReport) -> TaggedReport | None:
    """The report as the tagger learns it; None where the rules do not read it as it is annotated."""
    study, read = read_by_rules(report.findings_text)
    return read if _said(study) == _said(report.study) else None


def labelled_sets(left_out: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> Labelled:
    """The annotated reports that ship, without the sets `left_out` or of the sets `only`, ordinary and hard."""
    files = {path: path.stem.removesuffix("_hard") for path in sorted(GOLD.glob("*.jsonl"))}
    chosen = [_of_file(path) for path, name in files.items() if name not in left_out and (not only or name in only)]
    return Labelled(tuple(r for found in chosen for r in found.reports), sum((f.left_out for f in chosen), Counter()))


@cache
def _of_file(path: Path) -> Labelled:
    found = [labelled(report) for report in read_annotated(path)]
    return Labelled(tuple(r for r in found if r is not None), Counter({path.stem: found.count(None)}))


def read_by_rules(text: str) -> tuple[Study, TaggedReport | None]:
    """What the rules read in the text, and the text with the words from which they do; None as of `tagged`."""
    rules = rules_today(lex(text))
    study = assembled(rules.findings, rules.general)
    kept = {(finding.key, finding.site_text) for finding in (*study.findings, *study.negatives)}
    facts = [_fact(finding, text) for finding in rules.findings if (finding.key, finding.site_text) in kept]
    return study, tagged(WrittenReport(text, (*facts, *(_fact(change, text) for change in rules.general))))


def _said(study: Study) -> tuple[frozenset[object], ...]:
    return tuple(frozenset(said.key for said in part) for part in (study.findings, study.negatives, study.general))


def _fact(said: Finding | GeneralFinding, text: str) -> Fact:
    assert said.evidence is not None
    at = {span.role: (span.start, span.end) for span in said.evidence.spans}
    mention = Mention(
        SampledSite(said.side, said.site if said.site_text is None else unlisted(said.site_text)),
        at["site"],
        at.get("side"),
    )
    if isinstance(said, GeneralFinding):
        return Fact(mention, None, said.change, at["change"])
    start, end = at["signal"]
    start += text[start] in _VERBS
    sequence = at.get("sequence")
    if sequence is not None and sequence[0] < end and start < sequence[1]:
        sequence = None  # 长T1 names its sequence itself
    doubted = said.certainty == "可疑"
    return Fact(mention, said.modality, said.signal, (start, end), sequence, at.get("negation"), doubted)

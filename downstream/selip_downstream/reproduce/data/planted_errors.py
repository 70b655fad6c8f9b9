"""Findings with planted errors, to measure the cost of extraction errors on data whose errors are known."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from selip_contracts.annotated import read_annotated, write_annotated
from selip_contracts.findings import AnnotatedReport, Finding, Key, Study
from selip_contracts.vocabulary import ENHANCEMENTS, SIGNALS, SITES
from selip_shared.errors import run_command

MIRROR = {"左侧": "右侧", "右侧": "左侧"}

app = typer.Typer(add_completion=False)


def plant(reports: Sequence[AnnotatedReport], rate: float, seed: int) -> list[AnnotatedReport]:
    """The reports with each finding wrong with probability `rate`, in the ways an extractor may be wrong.

    A wrong finding is, with equal chance, missed, on the other side, at another site that these reports name, or of
    another signal; one without a left or right is moved to another site instead of the other side. Duplicates that
    arise are removed. A higher rate changes all findings that a lower rate changes, in the same way.
    """
    sites = sorted({finding.site for report in reports for finding in report.study.findings})
    return [_with_errors(report, rate, random.Random(f"{seed} {report.report_id}"), sites) for report in reports]


def _with_errors(report: AnnotatedReport, rate: float, draw: random.Random, sites: Sequence[str]) -> AnnotatedReport:
    findings: dict[Key, Finding] = {}
    for finding in report.study.findings:
        chance, error = draw.random(), _wrong(finding, draw, sites)
        read = finding if chance >= rate else error
        if read is not None:
            findings.setdefault(read.key, read)
    study = Study(findings=tuple(findings.values()), negatives=report.study.negatives, general=report.study.general)
    return report.model_copy(update={"study": study})


def _wrong(finding: Finding, draw: random.Random, sites: Sequence[str]) -> Finding | None:
    error = draw.choice(("missed", "side", "site", "signal"))
    if error == "missed":
        return None
    if error == "signal":
        signals = ENHANCEMENTS if finding.modality == "T1CE" else SIGNALS
        return finding.model_copy(update={"signal": draw.choice([s for s in signals if s != finding.signal])})
    if error == "side" and finding.side in MIRROR:
        return finding.model_copy(update={"side": MIRROR[finding.side]})
    paired = SITES[finding.site].laterality
    others = [site for site in sites if site != finding.site and SITES[site].laterality == paired]
    return finding.model_copy(update={"site": draw.choice(others)}) if others else None


@app.command()
def command(
    truth: Annotated[Path, typer.Argument(help="Annotated reports, one JSON object a line.")],
    out: Annotated[Path, typer.Option(help="File for the same reports with errors.")],
    rate: Annotated[float, typer.Option(min=0, max=1, help="Share of the findings that become wrong.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same errors.")] = 0,
) -> None:
    """Plant errors into annotated findings."""
    write_annotated(out, plant(list(read_annotated(truth)), rate, seed))


if __name__ == "__main__":
    run_command(app)

"""The studies of a reproduction: few lesions each, at sites and of sizes that are visible on a small grid."""

import csv
import random
from collections.abc import Collection, Sequence
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer

from selip_contracts.annotated import read_annotated, write_annotated
from selip_contracts.findings import AnnotatedReport
from selip_contracts.vocabulary import SITES
from selip_shared.errors import SelipError, run_command
from selip_shared.files import write_text

app = typer.Typer(add_completion=False)


def choose(
    pool: Sequence[AnnotatedReport], studies: int, max_sites: int, sites: Collection[str], normal: float, seed: int
) -> list[AnnotatedReport]:
    """A number of studies of the pool, of which the share `normal` has no finding, in random order.

    The others have at most `max_sites` lateralised sites, all among `sites`; their frequencies and combinations are
    those of the pool, with a long tail. SelipError where the pool has too few studies.
    """
    allowed = set(sites)
    abnormal = [
        report
        for report in pool
        if report.study.findings
        and len(_sites(report)) <= max_sites
        and {site for _, site in _sites(report)} <= allowed
    ]
    healthy = [report for report in pool if report.study.normal]
    wanted = round(normal * studies)
    if len(abnormal) < studies - wanted or len(healthy) < wanted:
        raise SelipError(
            f"The pool has {len(abnormal):,} such studies with findings and {len(healthy):,} normal ones, too few for "
            f"{studies:,}: write more pseudo-reports."
        )
    chosen = [*abnormal[: studies - wanted], *healthy[:wanted]]
    random.Random(seed).shuffle(chosen)
    return chosen


def enlarged(report: AnnotatedReport, smallest: float, largest: float, seed: int) -> AnnotatedReport:
    """The report with a random size in mm for each of its lateralised sites, the same on every sequence."""
    draw = random.Random(f"{seed} {report.report_id}")
    sizes = {}
    for site in sorted(_sites(report), key=str):
        size = draw.uniform(smallest, largest)
        sizes[site] = (round(size, 1), round(size * draw.uniform(0.7, 1), 1))
    findings = (
        finding.model_copy(update={"size_mm": sizes[finding.side, finding.site]}) for finding in report.study.findings
    )
    return report.model_copy(update={"study": report.study.model_copy(update={"findings": tuple(findings)})})


def _sites(report: AnnotatedReport) -> set[tuple[str | None, str]]:
    return {(finding.side, finding.site) for finding in report.study.findings}


@app.command()
def command(
    truth: Annotated[Path, typer.Argument(help="Annotated reports to choose from, e.g. truth.jsonl of selip-pseudo.")],
    out: Annotated[Path, typer.Option(help="Folder for reports.csv and truth.jsonl of the chosen ones.")],
    studies: Annotated[int, typer.Option(min=1, help="How many.")],
    sites: Annotated[str, typer.Option(help="Sites that may be named, comma-separated.")],
    smallest: Annotated[float, typer.Option(min=1, help="Minimum length of a lesion, in mm.")],
    largest: Annotated[float, typer.Option(min=1, help="Maximum length of a lesion, in mm.")],
    max_sites: Annotated[int, typer.Option(min=1, help="Maximum number of lateralised sites of a study.")] = 2,
    normal: Annotated[float, typer.Option(min=0, max=1, help="Share of normal studies.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Decides order and sizes.")] = 0,
) -> None:
    """Choose the studies of a cohort, and how large the lesions are."""
    named = sites.split(",")
    if unknown := [site for site in named if site not in SITES]:
        raise SelipError(f"There is no site {unknown[0]}: name sites of the vocabulary.")
    pool = list(read_annotated(truth))
    chosen = [
        enlarged(report, smallest, largest, seed) for report in choose(pool, studies, max_sites, named, normal, seed)
    ]
    out.mkdir(parents=True, exist_ok=True)
    write_annotated(out / "truth.jsonl", chosen)
    table = StringIO()
    rows = csv.writer(table)
    rows.writerow(["检查号", "findings_text"])
    rows.writerows([report.report_id, report.findings_text] for report in chosen)
    write_text(out / "reports.csv", table.getvalue())


if __name__ == "__main__":
    run_command(app)

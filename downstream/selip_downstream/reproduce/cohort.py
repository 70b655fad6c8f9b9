"""The studies of a reproduction: few enough places in each, and few enough sites, for what a training can see."""

import csv
import random
from collections import Counter
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer

from selip_contracts.annotated import read_annotated, write_annotated
from selip_contracts.findings import AnnotatedReport
from selip_shared.errors import SelipError, run_command
from selip_shared.files import write_text

app = typer.Typer(add_completion=False)


def choose(
    pool: Sequence[AnnotatedReport], studies: int, places: int, sites: int, normal: float, seed: int
) -> list[AnnotatedReport]:
    """So many studies of the pool, of which the share `normal` has no finding, in an order that the seed decides.

    The others have at most so many places (a site on a side), all of them among the `sites` that such studies name
    most often: how often each is named keeps its long tail. SelipError where the pool holds too few.
    """
    few = [report for report in pool if report.study.findings and len(_places(report)) <= places]
    named = Counter(site for report in few for site in {site for _, site in _places(report)})
    common = {site for site, _ in named.most_common(sites)}
    abnormal = [report for report in few if {site for _, site in _places(report)} <= common]
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


def _places(report: AnnotatedReport) -> set[tuple[str | None, str]]:
    return {(finding.side, finding.site) for finding in report.study.findings}


@app.command()
def command(
    truth: Annotated[Path, typer.Argument(help="Annotated reports to choose from, e.g. truth.jsonl of selip-pseudo.")],
    out: Annotated[Path, typer.Option(help="Folder for reports.csv and truth.jsonl of the chosen ones.")],
    studies: Annotated[int, typer.Option(min=1, help="How many.")],
    places: Annotated[int, typer.Option(min=1, help="Most places that a study may have.")] = 2,
    sites: Annotated[int, typer.Option(min=1, help="How many sites there are in all.")] = 12,
    normal: Annotated[float, typer.Option(min=0, max=1, help="Share of normal studies.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Decides the order.")] = 0,
) -> None:
    """Choose the studies of a cohort."""
    chosen = choose(list(read_annotated(truth)), studies, places, sites, normal, seed)
    out.mkdir(parents=True, exist_ok=True)
    write_annotated(out / "truth.jsonl", chosen)
    table = StringIO()
    rows = csv.writer(table)
    rows.writerow(["检查号", "影像所见"])
    rows.writerows([report.report_id, report.findings_text] for report in chosen)
    write_text(out / "reports.csv", table.getvalue())


if __name__ == "__main__":
    run_command(app)

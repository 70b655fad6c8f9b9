"""`selip-pseudo`: pseudo-reports as a hospital would export them, with the findings that they state."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from selip_contracts.findings import AnnotatedReport
from selip_extract.cli.options import ServedModelOption
from selip_extract.pseudo_reports.gaps import gaps
from selip_extract.pseudo_reports.generate import pseudo_reports, write_pseudo_reports
from selip_extract.reports.report_table import ReportTable, open_reports
from selip_shared.errors import SelipError, run_command
from selip_shared.execution.progress import Advance, progress
from selip_shared.execution.workers import RayOption, WorkersOption, open_workers
from selip_shared.messages.console import Console, say
from selip_shared.threads import granted_cpus

app = typer.Typer(add_completion=False)
MAX_SHOWN_GAPS = 40
REPORTS_PER_WORKER = 2_000
"""A worker takes a second to start: fewer reports are written sooner without another one."""

TABLE_WIDTH = 72


@app.command()
def command(
    out: Annotated[
        Path | None, typer.Option(help="Folder for reports.csv and truth.jsonl; created if missing.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Number of reports.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same reports.")] = 0,
    rewrite_with: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL|URL",
            help="Let a language model (its folder, or the URL of a server) rewrite each report; a rewritten report is "
            "kept if the rules and the shipped model read the same findings in it.",
        ),
    ] = None,
    style: Annotated[
        Path | None,
        typer.Option(
            metavar="REPORTS",
            help="The language model imitates these reports of your own; names and numbers are masked before it sees"
            " them, and a server gets them too.",
        ),
    ] = None,
    served_model: ServedModelOption = None,
    workers: WorkersOption = None,
    ray: RayOption = None,
    gaps_of: Annotated[
        Path | None,
        typer.Option(
            "--gaps",
            metavar="REPORTS",
            help="List words and clauses of these real reports that no pseudo-report has; writes nothing.",
        ),
    ] = None,
) -> None:
    """Write random, plausible head-MRI reports and the findings that they state, e.g. for tests or training."""
    if gaps_of is not None:
        _print_gaps(gaps_of, count, seed)
        return
    if style is not None and rewrite_with is None:
        raise SelipError("--style is for a language model that rewrites: name it with --rewrite-with.")
    if out is None:
        raise SelipError("There is no folder for the reports: name one with --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SelipError(
            f"The folder {out} cannot be created ({error.strerror}); name another one with --out."
        ) from error
    if ray is None and workers is None:
        workers = min(granted_cpus(), 1 + count // REPORTS_PER_WORKER)
    generator = ("selip_extract.pseudo_reports.generate",)
    with open_workers(workers, ray, modules=generator) as opened, progress("reports", count) as advance:
        reports: Iterable[AnnotatedReport | None] = pseudo_reports(count, seed, opened)
        if rewrite_with is not None:
            # Imported only now: a language model's libraries take seconds.
            from selip_extract.pseudo_reports.rewriting import PROMPTS, rewritten_by_model, styles_of

            styles = PROMPTS.styles if style is None else styles_of(style)
            reports = rewritten_by_model(pseudo_reports(count, seed, opened), rewrite_with, served_model, seed, styles)
        kept = write_pseudo_reports(out, _kept(reports, advance))
    say(f"{kept:,} pseudo-reports of seed {seed}: {out / 'reports.csv'}, {out / 'truth.jsonl'}")
    if rewrite_with is not None:
        say(f"{count - kept:,} of {count:,} rewritten reports discarded: their facts did not survive")


def _kept(reports: Iterable[AnnotatedReport | None], advance: Advance) -> Iterator[AnnotatedReport]:
    for report in reports:
        advance(1)
        if report is not None:
            yield report


def _print_gaps(path: Path, count: int, seed: int) -> None:
    """The words and clause patterns of the file that `count` pseudo-reports do not have, most frequent first."""
    table = open_reports(path)
    with progress("reports", table.total) as advance:
        found = gaps(_texts(table, advance), (report.findings_text for report in pseudo_reports(count, seed)))
    console = Console()
    for title, missing in (("Words", found.words), ("Clauses", found.constructions)):
        shown = Table(
            title=f"{title} of {found.reports:,} reports that {count:,} pseudo-reports do not have",
            title_justify="left",
            box=box.SIMPLE_HEAD,
            min_width=TABLE_WIDTH,
        )
        shown.add_column("Reports", justify="right")
        shown.add_column(title, ratio=1)
        for gap in missing[:MAX_SHOWN_GAPS]:
            shown.add_row(f"{gap.reports:,}", gap.what)
        console.print(shown)
        if len(missing) > MAX_SHOWN_GAPS:
            console.print(f"  and {len(missing) - MAX_SHOWN_GAPS:,} more")


def _texts(table: ReportTable, advance: Advance) -> Iterator[str]:
    for report in table:
        advance(1)
        yield report.text


def main() -> None:
    """Entry point of `selip-pseudo`."""
    run_command(app)

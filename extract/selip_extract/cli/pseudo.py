"""`selip-pseudo`: pseudo-reports as a hospital would export them, and beside them the truth that they state."""

import csv
import random
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from selip_contracts.annotated import write_annotated
from selip_contracts.findings import AnnotatedReport
from selip_extract.pseudo_reports.gaps import gaps
from selip_extract.pseudo_reports.write_report import write_study
from selip_extract.reports.report_table import ReportTable, open_reports
from selip_shared.errors import SelipError, run_command
from selip_shared.files import replacing
from selip_shared.progress import Advance, progress

app = typer.Typer(add_completion=False)
GAPS_SHOWN = 40
TABLE_WIDTH = 72


@app.command()
def command(
    out: Annotated[
        Path | None, typer.Option(help="Folder for reports.csv and truth.jsonl; made where there is none.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many reports.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same reports.")] = 0,
    rewrite_with: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL|URL",
            help="Have a language model (its folder, or the address of a server) write each report in its own words; "
            "kept is what the rules and the shipped model read as before.",
        ),
    ] = None,
    served_model: Annotated[
        str | None, typer.Option(help="Name of the model on that server, where it serves several.")
    ] = None,
    gaps_of: Annotated[
        Path | None,
        typer.Option(
            "--gaps",
            metavar="REPORTS",
            help="List what these real reports have that no pseudo-report has; writes nothing.",
        ),
    ] = None,
) -> None:
    """Write random, plausible head-MRI reports and the findings they state, e.g. to test or to train on."""
    if gaps_of is not None:
        _print_gaps(gaps_of, count, seed)
        return
    if out is None:
        raise SelipError("Name the folder for the reports with --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SelipError(f"The folder {out} cannot be made ({error.strerror}); name another one with --out.") from error
    reports = pseudo_reports(count, seed)
    with progress("reports", count) as advance:
        if rewrite_with is None:
            kept = write_pseudo_reports(out, _counted(reports, advance))
        else:
            kept = write_pseudo_reports(out, _rewritten(reports, rewrite_with, served_model, seed, advance))
    print(f"{kept:,} pseudo-reports of seed {seed}: {out / 'reports.csv'}, {out / 'truth.jsonl'}")
    if rewrite_with is not None:
        print(f"{count - kept:,} of {count:,} rewritten reports refused: their facts did not survive")


def _counted(reports: Iterable[AnnotatedReport], advance: Advance) -> Iterator[AnnotatedReport]:
    for report in reports:
        advance(1)
        yield report


def _rewritten(
    reports: Iterable[AnnotatedReport], name: str, served_model: str | None, seed: int, advance: Advance
) -> Iterator[AnnotatedReport]:
    """The rewritten reports that are kept."""
    from selip_extract.extractors.registry import ModelChoice, extractor_maker
    from selip_extract.pseudo_reports.rewriting import Writer, rewritten

    with closing(Writer(name, served_model)) as writer, ExitStack() as stack:
        readers = [
            stack.enter_context(closing(extractor_maker(reader, ModelChoice())())) for reader in ("rules", "model")
        ]
        for report in rewritten(reports, writer, readers, seed):
            advance(1)
            if report is not None:
                yield report


def _print_gaps(path: Path, count: int, seed: int) -> None:
    """The words and builds of clauses in the file that `count` pseudo-reports do not have, most frequent first."""
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
        for gap in missing[:GAPS_SHOWN]:
            shown.add_row(f"{gap.reports:,}", gap.what)
        console.print(shown)
        if len(missing) > GAPS_SHOWN:
            console.print(f"  and {len(missing) - GAPS_SHOWN:,} more")


def _texts(table: ReportTable, advance: Advance) -> Iterator[str]:
    for report in table:
        advance(1)
        yield report.text


def pseudo_reports(count: int, seed: int) -> Iterator[AnnotatedReport]:
    """The first `count` pseudo-reports of a seed, with ids of their own; each depends on seed and number alone."""
    for number in range(1, count + 1):
        yield write_study(random.Random(f"{seed}/{number}")).annotated(f"pseudo-{seed}-{number:06}")


def write_pseudo_reports(folder: Path, reports: Iterable[AnnotatedReport]) -> int:
    """Write reports.csv and truth.jsonl in one pass, each whole or not at all; how many reports."""
    with replacing(folder / "reports.csv") as file:
        # With a byte order mark, without which Excel takes Chinese text for another encoding.
        text = TextIOWrapper(file, encoding="utf-8-sig", newline="")
        rows = csv.writer(text)
        rows.writerow(["检查号", "影像所见"])

        def written() -> Iterator[AnnotatedReport]:
            for report in reports:
                rows.writerow([report.report_id, report.findings_text])
                yield report

        count = write_annotated(folder / "truth.jsonl", written())
        text.detach()
    return count


def main() -> None:
    """Entry point of `selip-pseudo`."""
    run_command(app)

"""`selip-overview`: the figures of a run, in the terminal or as one page with charts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.markup import escape
from rich.table import Table

from selip_contracts.database_file import read_store
from selip_contracts.vocabulary import CHANGES, MODALITIES
from selip_extract.cli.options import DatabaseArgument, RunOption
from selip_extract.cli.summary import print_review, sequences_table, small_table, statuses_table
from selip_extract.database.runs import chosen_run
from selip_extract.evaluation.run_overview import AGREEMENTS, NOTHING, WORK, Counts, Cross, Overview, RunSpeed, overview
from selip_extract.pages.overview_page import overview_page
from selip_shared.errors import SelipError, run_command
from selip_shared.html_page import write_page
from selip_shared.messages.console import Console, say

app = typer.Typer(add_completion=False)

HEADINGS = {NOTHING: "none", "yes": "agreed", "no": "differ", "one": "one extractor"}
OUTCOME_MEANING = {
    "abnormal": "with a finding or a general change",
    "normal": "all understood, and nothing found",
    "not_understood": "nothing found, but not all of it was understood: neither normal nor abnormal",
    "not_head_mri": "not head-MRI findings in Chinese",
    "failed": "could not be read",
}


@app.command()
def command(
    db: DatabaseArgument,
    out: Annotated[
        Path | None,
        typer.Option(help="Write one HTML file with charts that works offline, instead of printing."),
    ] = None,
    run: RunOption = None,
) -> None:
    """Show the figures of a run: reports by status, findings by site, signal, side and confidence, and its speed."""
    with read_store(db) as connection:
        ((reports,),) = connection.execute("SELECT count(*) FROM reports").fetchall()
        if not reports:
            raise SelipError(f"{db} holds no report: read some with selip-extract reports.csv --db {db} first.")
        run_id = chosen_run(connection, db, run)
        if out is None:
            print_overview(Console(), connection, run_id)
            return
        page = overview_page(connection, db.name, run_id)
    write_page(out, page)
    say(f"Run {run_id}: open {out} in a browser.")


def print_overview(console: Console, connection: duckdb.DuckDBPyConnection, run_id: int) -> None:
    """Print the figures of the run as tables."""
    found = overview(connection, run_id)
    console.print(_outcomes(found.outcomes))
    console.print(statuses_table(connection, run_id))
    console.print(sequences_table(connection, run_id))
    print_review(console, connection, run_id)
    if found.work:
        left, checked = (f"{found.work.get(name, 0):,}" for name in WORK)
        console.print(f"Of these, {left} are left and {checked} have been checked by a person.\n", highlight=False)
    for table in _tables(found):
        if table.row_count:
            console.print(table)
    if found.vocabulary_entries:
        console.print("These places as entries of a vocabulary file, for selip-extract --vocabulary:\n")
        console.print(found.vocabulary_entries, markup=False, highlight=False, soft_wrap=True)


def _tables(found: Overview) -> Sequence[Table]:
    return (
        _cross("Reports by site, with its parts, and sequence", found.sites, MODALITIES),
        _cross("Findings by signal and sequence", found.signals, MODALITIES),
        _cross("Reports by site of a general change", found.general, CHANGES),
        _cross("Findings by confidence and agreement", found.confidence, AGREEMENTS),
        _counts("Findings by side", found.sides),
        _texts("Places that the vocabulary lacks", found.unlisted_sites),
        _texts("Sentences that were not understood", found.uncited),
        _speeds(found.runs),
    )


def _outcomes(counts: Counts) -> Table:
    shown = small_table("Reports by outcome")
    shown.add_column("Outcome")
    shown.add_column("Reports", justify="right")
    shown.add_column("")
    for outcome, count in counts.items():
        shown.add_row(outcome, f"{count:,}", OUTCOME_MEANING[outcome])
    return shown


def _cross(title: str, table: Cross, columns: Sequence[str]) -> Table:
    used = [column for column in columns if any(column in counts for counts in table.values())]
    shown = small_table(title)
    shown.add_column("")
    for column in used:
        shown.add_column(HEADINGS.get(column, column), justify="right")
    for row, counts in table.items():
        shown.add_row(HEADINGS.get(row, row), *(f"{counts[c]:,}" if c in counts else "" for c in used))
    return shown


def _counts(title: str, counts: Counts) -> Table:
    shown = small_table(title)
    for column in counts:
        shown.add_column(HEADINGS.get(column, column), justify="right")
    if counts:
        shown.add_row(*(f"{count:,}" for count in counts.values()))
    return shown


def _texts(title: str, counts: Counts) -> Table:
    shown = small_table(title)
    shown.add_column("Reports", justify="right")
    shown.add_column("")
    for text, count in counts.items():
        shown.add_row(f"{count:,}", escape(text))
    return shown


def _speeds(runs: Sequence[RunSpeed]) -> Table:
    shown = small_table("Runs")
    shown.add_column("Run", justify="right")
    shown.add_column("Extractor")
    for heading in ("Reports", "Seconds", "Reports/s"):
        shown.add_column(heading, justify="right")
    for run in runs:
        speed = "–" if run.reports_per_second is None else f"{run.reports_per_second:,.1f}"
        shown.add_row(str(run.run_id), run.extractor, f"{run.reports:,}", f"{run.seconds:,.1f}", speed)
    return shown


def main() -> None:
    """Entry point of `selip-overview`."""
    run_command(app)

"""`selip-merge`: several databases into one."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from selip_contracts.database_file import read_store
from selip_extract.database.merge import merge
from selip_shared.errors import run_command
from selip_shared.messages.console import Console, say

app = typer.Typer(add_completion=False)


@app.command()
def command(
    parts: Annotated[list[Path], typer.Argument(metavar="DB…", help="Databases that selip-extract has written.")],
    into: Annotated[Path, typer.Option(help="The new database; the others stay as they are.")],
    prefix: Annotated[
        bool,
        typer.Option("--prefix", help="Begin each id with the name of its file, for hospitals that number alike."),
    ] = False,
) -> None:
    """Join databases of hospitals that read in parts: each report once, runs of one configuration joined."""
    merge(parts, into, prefix)
    with read_store(into) as connection:
        ((reports,),) = connection.execute("SELECT count(*) FROM reports").fetchall()
        runs = connection.execute(
            """SELECT run_id, extractor, count(report_id), last_finished_at IS NOT NULL
            FROM runs LEFT JOIN extractions USING (run_id) GROUP BY ALL ORDER BY run_id"""
        ).fetchall()
    say(f"{into}: {reports:,} reports of {len(parts)} databases")
    table = Table("Run", "Extractor", "Reports", "Complete", box=box.SIMPLE_HEAD)
    for run, extractor, read, complete in runs:
        table.add_row(str(run), extractor, f"{read:,}", "yes" if complete else "no")
    Console().print(table)
    if not any(complete for *_, complete in runs):
        say(f"No run has read all reports: selip-extract TABLE --db {into} continues the run of its configuration.")


def main() -> None:
    """Entry point of `selip-merge`."""
    run_command(app)

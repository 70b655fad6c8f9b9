"""`selip-review`: the reports of a run with their evidence as one page, for a person to check and correct."""

from pathlib import Path
from typing import Annotated

import typer

from selip_contracts.database_file import read_store
from selip_extract.cli.options import DatabaseArgument, RunOption
from selip_extract.database.runs import chosen_run
from selip_extract.pages.review_page import review_page
from selip_shared.errors import run_command
from selip_shared.html_page import write_page
from selip_shared.messages.console import say

app = typer.Typer(add_completion=False)


@app.command()
def command(
    db: DatabaseArgument,
    out: Annotated[Path, typer.Option(help="The page, one HTML file that works offline.")],
    run: RunOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of reports, the most urgent first.")] = 2000,
) -> None:
    """Write a page that shows each report beside its findings, to check them, correct them and export corrections."""
    with read_store(db) as connection:
        ((reports,),) = connection.execute("SELECT count(*) FROM reports").fetchall()
        run_id = chosen_run(connection, db, run) if reports or run is not None else None
        page = review_page(connection, db.name, run_id, limit)
    write_page(out, page)
    shown = f"{limit:,} of {reports:,}" if limit < reports else f"{reports:,}"
    say(f"{shown} reports: open {out} in a browser.")


def main() -> None:
    """Entry point of `selip-review`."""
    run_command(app)

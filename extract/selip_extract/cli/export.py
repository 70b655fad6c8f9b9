"""`selip-export`: findings of the database as files for other programs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from selip_contracts.database_file import read_store
from selip_extract.cli.options import DatabaseArgument
from selip_extract.database.export import FORMATS, STUDY_FORMATS, destination, export
from selip_extract.database.runs import check_readings
from selip_shared.errors import SelipError, run_command
from selip_shared.messages.console import say
from selip_shared.messages.translation import translated

app = typer.Typer(add_completion=False)


@app.command()
def command(
    db: DatabaseArgument,
    out: Annotated[
        Path,
        typer.Option(
            help="File for the findings, with an extension of the format (.xlsx, .csv, .parquet, .jsonl, .json for "
            "paper), or a folder for all tables; .xlsx has a sheet for each table."
        ),
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help=f"{', '.join(FORMATS)}; jsonl is the annotated format, a study a line, paper the "
            "JSON {study: {sequence: text}} of the paper's code. By default by the extension, parquet in a folder.",
        ),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(help="SQL whose answer is exported instead of the findings, to .xlsx, .csv or .parquet."),
    ] = None,
    run: Annotated[
        int | None,
        typer.Option(help="Run to export as it is, instead of each report as it was read last by a person or a run."),
    ] = None,
) -> None:
    """Write the findings, with all corrections, as Excel, CSV, Parquet, JSON lines, or texts to train on."""
    if query is not None and run is not None:
        raise SelipError("A query names the run itself (run_id): leave out --run or --query.")
    to = destination(out, form, query)
    with read_store(db) as connection:
        for path in to.files:
            if path.exists() and path.samefile(db):
                raise SelipError(f"{path} is the database itself: name another file with --out.")
        check_readings(connection, db, run)
        counts = export(connection, run, to)
    unit = "studies" if to.form in STUDY_FORMATS else "rows"
    for path, count in counts.items():
        say(f"{path}: {count:,} {translated(unit)}")
    if to.form == "paper":
        say(
            "The texts name no sequence: set have_modal: False in the training file of the paper's code.",
            file=sys.stderr,
        )


def main() -> None:
    """Entry point of `selip-export`."""
    run_command(app)

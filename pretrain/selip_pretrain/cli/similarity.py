"""`selip-similarity`: the reports that the training treats as similar to a report, and why."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from selip_contracts.database_file import read_store
from selip_shared.errors import run_command
from selip_shared.messages.console import Console

if TYPE_CHECKING:
    from selip_pretrain.objective.nearest_reports import MatchedFinding, Neighbour, Neighbourhood

app = typer.Typer(add_completion=False)


@app.command()
def command(
    report_id: Annotated[str, typer.Argument(metavar="REPORT_ID", help="The report, as in the table reports.")],
    db: Annotated[Path, typer.Option(help="Database of selip-extract.")] = Path("selip.duckdb"),
    target: Annotated[
        str,
        typer.Option(
            help="Similarity of texts, as in selip-pretrain: best-match; selip, the paper's, in which a text with "
            "several findings is not fully similar to itself; hierarchy, semantic, syntax, syntax-words or "
            "multi-positive.",
        ),
    ] = "best-match",
    nearest: Annotated[int, typer.Option(min=1, help="Number of texts shown for each sequence.")] = 5,
) -> None:
    """Show the reports most similar to a report on each sequence, and which findings match."""
    from selip_pretrain.objective.nearest_reports import nearest_reports

    with closing(read_store(db)) as connection:
        found = nearest_reports(connection, report_id, target, nearest)
    console = Console(markup=False, highlight=False)
    for neighbourhood in found:
        _print(console, neighbourhood)


def _print(console: Console, found: "Neighbourhood") -> None:
    console.print(f"{found.modality}: {found.text}", soft_wrap=True)
    if not found.neighbours:
        console.print("No other report has a similar text.\n")
        return
    table = Table()
    table.add_column("Similarity", justify="right", no_wrap=True)
    for heading in ("Reports", "Finding here", "Most similar there"):
        table.add_column(heading, overflow="fold")
    for heading in ("Score", "Location", "Signal", "Wording"):
        table.add_column(heading, justify="right", no_wrap=True)
    for neighbour in found.neighbours:
        _add(table, neighbour)
    console.print(table)
    console.print()


def _add(table: Table, neighbour: "Neighbour") -> None:
    """Add a row for each finding; values of the whole text are in the first row."""
    unnamed = neighbour.report_count - len(neighbour.reports)
    reports = ", ".join(neighbour.reports) + (f" and {unnamed:,} more" if unnamed else "")
    whole = [f"{neighbour.similarity:.2f}", reports]
    for matched in neighbour.matched:
        table.add_row(
            *whole,
            f"{matched.finding.location} {matched.finding.description}",
            f"{matched.other.location} {matched.other.description}",
            *("–" if part is None else f"{part:.2f}" for part in _parts(matched)),
        )
        whole = ["", ""]
    if not neighbour.matched:
        table.add_row(*whole, "normal", "normal")
    table.add_section()


def _parts(matched: "MatchedFinding") -> tuple[float | None, ...]:
    return matched.similarity, matched.location, matched.signal, matched.wording


def main() -> None:
    """Entry point of `selip-similarity`."""
    run_command(app)

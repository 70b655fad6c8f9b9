"""`selip-similarity`: which reports the training takes to be like a report, and why."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from selip_contracts.tables import read_store
from selip_shared.errors import run_command

if TYPE_CHECKING:
    from selip_pretrain.objective.nearest_reports import Matched, Neighbour, Neighbourhood

app = typer.Typer(add_completion=False)


@app.command()
def command(
    report_id: Annotated[str, typer.Argument(metavar="REPORT_ID", help="The report, as in the table reports.")],
    db: Annotated[Path, typer.Option(help="Database of selip-extract.")] = Path("selip.duckdb"),
    target: Annotated[
        str,
        typer.Option(
            help="How texts are compared, as in selip-pretrain: selip is the paper's; in best-match a text is as like "
            "itself as can be, whatever the number of its findings; also hierarchy, semantic, syntax, syntax-words, "
            "multi-positive."
        ),
    ] = "best-match",
    nearest: Annotated[int, typer.Option(min=1, help="Texts shown for each sequence.")] = 5,
) -> None:
    """Show the reports nearest to a report on each sequence, and for each of its findings the one that it met there."""
    from selip_pretrain.objective.nearest_reports import nearest_reports

    with closing(read_store(db)) as connection:
        found = nearest_reports(connection, report_id, target, nearest)
    console = Console(markup=False, highlight=False)
    for neighbourhood in found:
        _print(console, neighbourhood)


def _print(console: Console, found: "Neighbourhood") -> None:
    console.print(f"{found.modality}: {found.text}", soft_wrap=True)
    if not found.neighbours:
        console.print("No other report's text is like it.\n")
        return
    table = Table()
    table.add_column("Similarity", justify="right", no_wrap=True)
    for heading in ("Reports", "Finding here", "Most like it there"):
        table.add_column(heading, overflow="fold")
    for heading in ("Score", "Place", "Signal", "Wording"):
        table.add_column(heading, justify="right", no_wrap=True)
    for neighbour in found.neighbours:
        _add(table, neighbour)
    console.print(table)
    console.print()


def _add(table: Table, neighbour: "Neighbour") -> None:
    """A row for each finding; what is said of the whole text stands in the first."""
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


def _parts(matched: "Matched") -> tuple[float | None, ...]:
    return matched.score, matched.place, matched.signal, matched.wording


def main() -> None:
    """Entry point of `selip-similarity`."""
    run_command(app)

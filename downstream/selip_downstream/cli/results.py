"""`selip-results`: every figure of the table results on one page, with plots and examples."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from selip_downstream.cli.options import Cache, Device
from selip_downstream.evaluation.tasks import interval_note
from selip_shared.errors import SelipError, run_command
from selip_shared.messages.console import say

app = typer.Typer(add_completion=False)


@app.command()
def command(
    db: Annotated[Path, typer.Option(help="Database with the table results.")] = Path("selip.duckdb"),
    out: Annotated[Path, typer.Option(help="The page, one HTML file that needs nothing else.")] = Path("results.html"),
    checkpoint: Annotated[
        str | None, typer.Option(help="Checkpoint, or NAME=FOLDER, whose retrieval and maps are shown as examples.")
    ] = None,
    split: Annotated[str, typer.Option(help="Part of the patients that examples are drawn from.")] = "test",
    examples: Annotated[int, typer.Option(min=1, help="How many images are shown.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the examples.")] = 0,
    cache: Cache = None,
    device: Device = "cpu",
) -> None:
    """Write a page of tables and plots with their intervals; with --checkpoint also examples of images."""
    # Imported only now: --help should not wait for them.
    from selip_contracts.database_file import read_store
    from selip_downstream.datasets.split_pairs import split_pairs
    from selip_downstream.evaluation.results import read_results, training_counts
    from selip_downstream.page.comparison_tables import SIGNIFICANT
    from selip_downstream.page.document import Document, html
    from selip_downstream.page.sections import sections_of
    from selip_shared.html_page import write_page

    with closing(read_store(db)) as connection:
        found = read_results(connection)
        pairs = split_pairs(connection, db, split) if checkpoint else []
    sections = sections_of(found)
    if not sections:
        raise SelipError(
            f"The table results of {db} is empty: fill it with selip-retrieve, selip-classify, selip-segment or "
            "selip-pointing."
        )
    if checkpoint:
        from selip_downstream.evaluation.compared_models import load_models
        from selip_downstream.explanation.examples import find_examples
        from selip_downstream.page.examples import example_sections

        *_, evaluated = load_models([checkpoint], device)
        folder = cache or db.parent / "selip-volumes"
        sections += example_sections(find_examples([evaluated], pairs, folder, examples, seed))
    note = interval_note(training_counts(one.configuration for one in found))
    subtitle = f"{note}. {SIGNIFICANT} marks a difference whose interval excludes 0."
    write_page(out, html(Document("SeLIP: results", subtitle, sections)))
    say(f"{len(found):,} figures are shown in {out}.")


def main() -> None:
    """Entry point of `selip-results`."""
    run_command(app)

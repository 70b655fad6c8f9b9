"""`selip-compare`: the changes between two runs, and which is better on annotated reports."""

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.console import Console
from rich.table import Table

from selip_contracts.database_file import read_store
from selip_extract.cli.options import DatabaseArgument, JsonOption, annotated_reports
from selip_extract.database.runs import check_runs
from selip_extract.evaluation.run_comparison import (
    DIFFERENCE_KINDS,
    Advantage,
    Comparison,
    DifferenceKind,
    advantage,
    compare,
)
from selip_extract.evaluation.run_studies import extracted_studies
from selip_shared.errors import SelipError, run_command

app = typer.Typer(add_completion=False)

LABELS: dict[DifferenceKind, str] = {
    "signal": "Other signal",
    "side": "Other side",
    "site": "Other site",
    "finding_only_before": "Finding only in run {before}",
    "finding_only_after": "Finding only in run {after}",
    "general_only_before": "General finding only in run {before}",
    "general_only_after": "General finding only in run {after}",
    "status": "Other status of the report",
}


@app.command()
def command(
    db: DatabaseArgument,
    before: Annotated[int, typer.Argument(metavar="RUN", help="The run to compare with, usually the older one.")],
    after: Annotated[int, typer.Argument(metavar="RUN", help="The run to compare.")],
    gold: Annotated[
        Path | None, typer.Option(help="Annotated reports, one JSON object per line, that decide which run is better.")
    ] = None,
    examples: Annotated[int, typer.Option(min=0, help="Number of examples of each kind of change.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """Show the changes between two runs, by kind with examples, and which run is better on annotated reports."""
    if before == after:
        raise SelipError(f"Run {before} cannot be compared with itself: name two runs.")
    with closing(read_store(db)) as connection:
        check_runs(connection, db, before, after)
        found = compare(connection, before, after, examples)
        better = None if gold is None else _advantage(connection, db, gold, before, after)
    if as_json:
        print(json.dumps(_as_json(found, better), ensure_ascii=False))
        return
    console = Console(markup=False, highlight=False)
    _print_changes(console, found, before, after)
    _print_examples(console, found, before, after)
    if better is not None:
        _print_advantage(console, better, before, after)


def _advantage(connection: duckdb.DuckDBPyConnection, db: Path, gold: Path, before: int, after: int) -> Advantage:
    annotated = annotated_reports(gold)
    studies = {run: extracted_studies(connection, run, annotated) for run in (before, after)}
    for run, read in studies.items():
        if not read:
            raise SelipError(
                f"Run {run} has read none of these reports; read them with selip-extract {gold} --db {db}."
            )
    return advantage(annotated, studies[before], studies[after])


def _as_json(found: Comparison, better: Advantage | None) -> dict[str, object]:
    comparison = {**asdict(found), "examples": [change._asdict() for change in found.examples]}
    return comparison if better is None else comparison | {"gold": {**asdict(better), "better": better.better}}


def _print_changes(console: Console, found: Comparison, before: int, after: int) -> None:
    console.print(f"{found.reports:,} reports that both run {before} and run {after} have read", soft_wrap=True)
    table = Table()
    table.add_column("What")
    table.add_column("Number", justify="right")
    table.add_row("Findings in both runs", f"{found.same_findings:,}")
    for kind in DIFFERENCE_KINDS:
        table.add_row(LABELS[kind].format(before=before, after=after), f"{found.changes[kind]:,}")
    table.add_row("Reports with a change", f"{found.changed_reports:,}")
    console.print(table)


def _print_examples(console: Console, found: Comparison, before: int, after: int) -> None:
    if not found.examples:
        return
    console.print("\nExamples")
    table = Table()
    for heading in ("What", "Report", f"Run {before}", f"Run {after}"):
        table.add_column(heading, overflow="fold")
    for change in found.examples:
        label = LABELS[change.kind].format(before=before, after=after)
        table.add_row(label, change.report_id, change.before or "–", change.after or "–")
    console.print(table)


def _print_advantage(console: Console, better: Advantage, before: int, after: int) -> None:
    difference = better.difference
    console.print(
        f"\nFinding F1 on {better.reports:,} annotated reports: {better.before:.4f} in run {before}, "
        f"{better.after:.4f} in run {after}; difference {difference.value:+.4f}, "
        f"95 % interval {difference.low:+.4f} to {difference.high:+.4f}.",
        soft_wrap=True,
    )
    verdicts = {"before": f"Run {before} is better.", "after": f"Run {after} is better."}
    undecided = "The interval contains 0: on these reports neither run is better."
    console.print(undecided if better.better is None else verdicts[better.better], soft_wrap=True)


def main() -> None:
    """Entry point of `selip-compare`."""
    run_command(app)

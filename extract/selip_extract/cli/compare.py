"""`selip-compare`: the changes between two runs, and which is better on annotated reports."""

import csv
import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.table import Table

from selip_contracts.database_file import read_store
from selip_extract.cli.options import DatabaseArgument, JsonOption, annotated_reports
from selip_extract.database.runs import check_runs, is_human
from selip_extract.evaluation.reader_agreement import ABNORMAL, GENERAL, Agreement, reader_agreement
from selip_extract.evaluation.run_comparison import (
    DIFFERENCE_KINDS,
    Advantage,
    Comparison,
    Difference,
    DifferenceKind,
    advantage,
    compare,
    differences,
)
from selip_extract.evaluation.run_studies import extracted_studies
from selip_shared.errors import SelipError, run_command
from selip_shared.files import replacing
from selip_shared.messages.console import Console

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
    out: Annotated[Path | None, typer.Option(help="Write all changes into this CSV file, a row each.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the changes between two runs, by kind with examples, and which run is better on annotated reports.

    Where one of the runs holds corrections of the review page, show Cohen's kappa of the two readers too.
    """
    if before == after:
        raise SelipError(f"Run {before} cannot be compared with itself: name two runs.")
    with closing(read_store(db)) as connection:
        check_runs(connection, db, before, after)
        found = compare(connection, before, after, examples)
        agreements = reader_agreement(connection, before, after) if is_human(connection, before, after) else ()
        better = None if gold is None else _advantage(connection, db, gold, before, after)
        if out is not None:
            _write_changes(out, differences(connection, before, after), before, after)
    if as_json:
        print(json.dumps(_as_json(found, agreements, better), ensure_ascii=False))
        return
    console = Console(markup=False, highlight=False)
    _print_changes(console, found, before, after)
    _print_examples(console, found, before, after)
    if agreements:
        _print_agreement(console, agreements, before, after)
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


def _write_changes(out: Path, changes: Iterable[Difference], before: int, after: int) -> None:
    """A table that Excel opens: UTF-8 with a byte order mark."""
    try:
        with replacing(out) as file:
            text = TextIOWrapper(file, encoding="utf-8-sig", newline="")
            rows = csv.writer(text)
            rows.writerow(("change", "report_id", f"run_{before}", f"run_{after}"))
            for change in changes:
                label = LABELS[change.kind].format(before=before, after=after)
                rows.writerow((label, change.report_id, change.before, change.after))
            text.detach()
    except OSError as error:
        raise SelipError(f"{out} cannot be written ({error.strerror}): name a file where you may write.") from error


def _as_json(found: Comparison, agreements: Sequence[Agreement], better: Advantage | None) -> dict[str, object]:
    comparison = {
        **asdict(found),
        "examples": [change._asdict() for change in found.examples],
        "agreement": [asdict(agreement) for agreement in agreements],
    }
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


def _print_agreement(console: Console, agreements: Sequence[Agreement], before: int, after: int) -> None:
    console.print("\nAgreement of the two readers: whether a report is abnormal, and at which sites it has findings")
    table = Table()
    table.add_column("What")
    for heading in ("Both", f"Only run {before}", f"Only run {after}", "Neither", "Kappa", "95 % interval"):
        table.add_column(heading, justify="right")
    names = {ABNORMAL: "Report is abnormal", GENERAL: "General findings"}
    for found in agreements:
        counts = (found.both, found.only_before, found.only_after, found.neither)
        kappa = found.kappa
        undefined = kappa.value is None
        figures = ("–", "–") if undefined else (f"{kappa.value:.2f}", f"{kappa.low:.2f} to {kappa.high:.2f}")
        table.add_row(names.get(found.question, found.question), *(f"{count:,}" for count in counts), *figures)
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

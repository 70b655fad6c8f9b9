"""`selip-score`: what was extracted against an annotated file, as a table with intervals."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import duckdb
import typer
from rich.console import Console
from rich.table import Table

from selip_contracts.annotated import read_annotated
from selip_contracts.findings import AnnotatedReport, Study
from selip_contracts.tables import read_store
from selip_extract.database.runs import chosen_run
from selip_extract.database.store import Store
from selip_extract.evaluation.calibration import Calibration, calibration, draw
from selip_extract.evaluation.score import Score, extracted_studies, score
from selip_extract.extractors.base import Extractor
from selip_extract.extractors.registry import EXTRACTORS, ModelChoice, extractor_maker
from selip_extract.pipeline import extract
from selip_extract.reports.report_table import open_reports
from selip_shared.bootstrap import Estimate
from selip_shared.errors import SelipError, run_command

app = typer.Typer(add_completion=False)

FIGURES = {
    "finding_f1": "Finding F1: sequence, side, site and signal",
    "precision": "Precision",
    "recall": "Recall",
    "class_f1": "F1 with the class of the signal",
    "where_f1": "F1 without the signal",
    "site_f1": "F1 of side and site",
    "general_f1": "F1 of general findings",
    "exact_match": "Reports exactly right",
    "positive_exact_match": "Reports with findings exactly right",
    "negation_errors": "Negation errors",
    "ungrounded": "Ungrounded findings",
    "missing_reports": "Reports with findings of which none was found",
}


@app.command()
def command(
    gold: Annotated[Path, typer.Argument(metavar="GOLD", help="Annotated reports, one JSON object a line.")],
    db: Annotated[Path | None, typer.Option(help="Database in which selip-extract has read these reports.")] = None,
    run: Annotated[int | None, typer.Option(help="Run to score instead of the newest complete one.")] = None,
    extractor: Annotated[
        str | None, typer.Option(help=f"Read the reports now with this extractor: {', '.join(EXTRACTORS)}.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Folder or id of a language model to read them with.")] = None,
    adapter: Annotated[Path | None, typer.Option(help="Folder of an adapter to the model.")] = None,
    unconstrained: Annotated[
        bool,
        typer.Option(
            "--unconstrained",
            help="Let the model write freely, without the report's grammar; what is no answer then counts as nothing.",
        ),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--calibration",
            metavar="PICTURE",
            help="Show also what is right among the surest findings, and draw it into this file (.svg, .png, .pdf).",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare what was extracted with annotated reports: F1 with 95 % intervals, exact match, negation errors."""
    if (db is None) == (extractor is None):
        raise SelipError("Give either --db, a database to score, or --extractor, what shall read the reports now.")
    choice = ModelChoice(model, adapter, constrained=not unconstrained)
    if db is not None and choice != ModelChoice():
        raise SelipError(
            "--model, --adapter and --unconstrained say how reports are read now: leave them out with --db."
        )
    annotated = list(read_annotated(gold))
    if not annotated:
        raise SelipError(f"{gold} holds no report; name a file of annotated reports.")
    if db is not None:
        with read_store(db) as connection:
            studies, speed = _stored_studies(connection, db, run, annotated)
    else:
        assert extractor is not None
        studies, speed = _studies_read_now(gold, extractor_maker(extractor, choice), annotated)
    figures = score(annotated, studies)
    found = None if plot is None else calibration(annotated, studies)
    if plot is not None and found is not None:
        draw(found, plot)
    if as_json:
        more = {} if found is None else {"calibration": asdict(found)}
        read = {"gold": str(gold), "reports_per_second": speed, "not_extracted": len(annotated) - len(studies)}
        print(json.dumps({**read, **figures.as_json(), **more}, ensure_ascii=False))
        return
    _print(figures, len(annotated) - len(studies))
    if found is not None:
        _print_calibration(found)


class ReadStudies(NamedTuple):
    """What was extracted, by report id, and how fast; None where that run has read no report to the end."""

    studies: dict[str, Study]
    reports_per_second: float | None


def _stored_studies(
    connection: duckdb.DuckDBPyConnection, db: Path, run: int | None, annotated: Sequence[AnnotatedReport]
) -> ReadStudies:
    read = _of_run(connection, chosen_run(connection, db, run), annotated)
    if not read.studies:
        raise SelipError(f"{db} has read none of these reports; read them with selip-extract GOLD.jsonl --db {db}.")
    return read


def _studies_read_now(gold: Path, make: Callable[[], Extractor], annotated: Sequence[AnnotatedReport]) -> ReadStudies:
    table = open_reports(gold)
    with TemporaryDirectory() as folder:
        db = Path(folder) / "score.duckdb"
        with Store(db) as store, closing(make()) as reader:
            outcome = extract(table, store, reader)
        with read_store(db) as connection:
            return _of_run(connection, outcome.run_id, annotated)


def _of_run(connection: duckdb.DuckDBPyConnection, run: int, annotated: Sequence[AnnotatedReport]) -> ReadStudies:
    ((speed,),) = connection.execute("SELECT reports_per_second FROM runs WHERE run_id = ?", [run]).fetchall()
    return ReadStudies(extracted_studies(connection, run, annotated), speed)


def _print(figures: Score, not_extracted: int) -> None:
    table = Table(title=f"{figures.reports:,} annotated reports, {not_extracted:,} of them not extracted")
    table.add_column("Figure")
    table.add_column("Value", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, label in FIGURES.items():
        table.add_row(label, *_cells(getattr(figures, name)))
    Console().print(table)


def _print_calibration(found: Calibration) -> None:
    table = Table(title=f"What is right among the surest of {found.findings:,} findings")
    for heading in ("Kept", "Least confidence", "Mean confidence", "Right", "95 % interval"):
        table.add_column(heading, justify="right")
    for kept in found.kept:
        table.add_row(f"{kept.share:.0%}", f"{kept.least:.4f}", f"{kept.mean:.4f}", *_cells(kept.right))
    Console().print(table)


def _cells(figure: Estimate | float | int | None) -> tuple[str, str]:
    """A figure and its interval as they are shown."""
    match figure:
        case None:
            return "–", ""
        case Estimate():
            return f"{figure.value:.4f}", f"{figure.low:.4f} – {figure.high:.4f}"
        case float():
            return f"{figure:.4f}", ""
        case int():
            return f"{figure:,}", ""


def main() -> None:
    """Entry point of `selip-score`."""
    run_command(app)

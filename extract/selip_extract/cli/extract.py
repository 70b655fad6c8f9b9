"""`selip-extract`: a table of reports in, a database of findings out."""

import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selip_contracts.database_file import read_store
from selip_extract.cli.options import (
    AdapterOption,
    BaseUrlOption,
    CombinationOption,
    DownloadOption,
    ExamplesOption,
    ModelOption,
    ReadOption,
    ServedModelOption,
    StrictVocabularyOption,
    ThinkingOption,
    VocabularyOption,
)
from selip_extract.cli.reading_plan import print_tables, print_time
from selip_extract.cli.summary import print_summary
from selip_extract.database.corrections import import_corrections
from selip_extract.database.store import Store
from selip_extract.extractors.registry import AUTO, EXTRACTORS, ModelChoice, automatic, extractor_maker
from selip_extract.extractors.workers import automatic_on_cluster, load_early, opened_extractor
from selip_extract.language.vocabulary_file import use_vocabulary
from selip_extract.llm.engine import CONCURRENCY
from selip_extract.pipeline import RunOptions, extract
from selip_extract.reports.columns import Wanted
from selip_extract.reports.report import Report
from selip_extract.reports.report_table import ReportTable, open_query, open_tables
from selip_shared.entry_points import INTERRUPTED
from selip_shared.errors import SelipError, run_command
from selip_shared.execution.workers import RayOption, WorkersOption
from selip_shared.messages.console import Console, say
from selip_shared.messages.translation import translated
from selip_shared.privacy import allow_downloads

if TYPE_CHECKING:
    from selip_extract.deidentification.deidentify import Deidentifier

app = typer.Typer(add_completion=False)


@app.command()
def command(
    reports: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REPORTS…",
            help="CSV, TSV, Excel (.xlsx, .xls), OpenDocument, Parquet or JSON, one report per row; folders of these "
            "or of .txt files, .zip and .gz, globs, and - for standard input.",
        ),
    ] = None,
    db: Annotated[Path, typer.Option(help="Database for the findings; created if missing.")] = Path("selip.duckdb"),
    extractor: Annotated[
        str,
        typer.Option(help=f"What reads the reports: {', '.join(EXTRACTORS)}; {AUTO}: the best on this machine."),
    ] = AUTO,
    model: ModelOption = None,
    adapter: AdapterOption = None,
    read: ReadOption = "both",
    combination: CombinationOption = None,
    strict_vocabulary: StrictVocabularyOption = False,
    examples: ExamplesOption = None,
    thinking: ThinkingOption = False,
    base_url: BaseUrlOption = None,
    served_model: ServedModelOption = None,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Requests in flight to the server; more take more memory there.")
    ] = CONCURRENCY,
    download: DownloadOption = False,
    vocabulary: VocabularyOption = None,
    text_column: Annotated[
        str | None, typer.Option(help="Column of the findings text, if its name is unusual.")
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column of the report's id, if its name is unusual.")] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Further column to store, as reports.kept; may be given several times."),
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Sheet of a workbook; by default the one with reports and all of its shape.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="DuckDB or SQLite file that --query reads reports from."),
    ] = None,
    query: Annotated[
        str | None, typer.Option(help="SQL whose answer is the table of reports in the file of --from.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Take only the first reports of the tables.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how the tables are read and how long it will take.")
    ] = False,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Reports in work at the same time; by default the extractor's own number.")
    ] = None,
    deidentify: Annotated[
        Path | None,
        typer.Option(
            metavar="KEYFILE",
            help="Mask names, numbers and addresses and hash ids, with the key in this file; created if missing.",
        ),
    ] = None,
    workers: WorkersOption = None,
    ray: RayOption = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Read failed reports again (incomplete, invalid, error).")
    ] = False,
    corrections: Annotated[
        Path | None,
        typer.Option(
            "--import-corrections",
            metavar="FILE",
            help="Import the corrections of the review page as a run of their own; reads no reports.",
        ),
    ] = None,
) -> None:
    """Extract the findings from Chinese head-MRI reports; run again, it reads only new reports."""
    if corrections is not None:
        if not db.exists():
            raise SelipError(f"There is no database {db} to import into: name the one of the review page with --db.")
        with Store(db) as store:
            imported = import_corrections(store, corrections)
        new = imported.reports - imported.known
        say(f"{imported.reports:,} corrected reports, {new:,} of them new: run {imported.run_id} in {db}")
        return
    if (source is None) != (query is None):
        raise SelipError("--query and --from belong together: give --from findings.db --query 'SELECT …'.")
    if not reports and source is None:
        raise SelipError("There is no table of reports: name one, e.g. selip-extract reports.csv.")
    if keep and deidentify is not None:
        raise SelipError("--keep stores columns as they are, and --deidentify masks: leave out one of them.")
    if vocabulary is not None:
        use_vocabulary(vocabulary)
    if download:
        allow_downloads()
    choice = ModelChoice(
        model,
        adapter,
        base_url,
        served_model,
        download,
        concurrency,
        read=read,
        combination=combination,
        strict_vocabulary=strict_vocabulary,
        examples=examples,
        thinking=thinking,
    )
    name, reason = extractor, None
    if extractor == AUTO:
        name, reason = automatic(choice) if ray is None else automatic_on_cluster(ray)
    # Its errors come before a database is created.
    make = extractor_maker(name, choice)
    console = Console()
    tables = opened_tables(reports or [], source, query, Wanted(text_column, id_column, sheet, tuple(keep or ())))
    taken = min(sum(table.total for table in tables), limit or sys.maxsize)
    if dry_run:
        print_tables(console, tables, iter if deidentify is None else _no_rows)
        with closing(make()) as made:
            print_time(console, tables, made, taken)
        return
    deidentifier = None if deidentify is None else deidentifier_of(deidentify)
    load_early(name, choice, taken, workers, ray)
    with Store(db) as store:
        print_tables(console, tables, _shown_rows(console, deidentifier))
        with opened_extractor(name, choice, taken, workers, ray) as opened:
            print_time(console, tables, opened, taken)
            given = islice(chain.from_iterable(tables), limit)
            outcome = extract(given, store, opened, RunOptions(batch_size, retry_failed, deidentifier))
    with read_store(db) as connection:
        method = name if reason is None else translated(f"{name}, since {translated(reason)}")
        print_summary(console, connection, db, outcome, method)
    if outcome.interrupted:
        raise typer.Exit(INTERRUPTED)


def opened_tables(reports: list[str], source: Path | None, query: str | None, wanted: Wanted) -> list[ReportTable]:
    """The tables that the command line names, those of a query last."""
    tables = open_tables(reports, wanted)
    return tables if source is None or query is None else [*tables, open_query(source, query, wanted)]


def _no_rows(_reports: Iterable[Report]) -> Iterable[Report]:
    """Nothing: without a key the first rows cannot be masked."""
    return ()


def _shown_rows(
    console: Console, deidentifier: "Deidentifier | None"
) -> Callable[[Iterable[Report]], Iterable[Report]]:
    """The first rows, masked where reports are de-identified, for a person at a terminal; none for a log file."""
    if not console.is_terminal:
        return _no_rows
    return iter if deidentifier is None else deidentifier.reports


def deidentifier_of(path: Path) -> "Deidentifier":
    """The de-identifier with the key in the file; prints a note if the key is new."""
    # Imported only now: it loads the identifiers and the lexicon.
    from selip_extract.deidentification.deidentify import Deidentifier, read_or_create_key

    key, new = read_or_create_key(path)
    if new:
        typer.echo(f"A new key is in {path}: it links ids to patients again, so keep it apart from the database.")
    return Deidentifier(key)


def main() -> None:
    """Entry point of `selip-extract`."""
    run_command(app)

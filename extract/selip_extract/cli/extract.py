"""`selip-extract`: a table of reports in, a database of findings out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from selip_contracts.database_file import read_store
from selip_extract.cli.options import (
    AdapterOption,
    BaseUrlOption,
    CombinationOption,
    DownloadOption,
    ModelOption,
    ReadOption,
    ServedModelOption,
    VocabularyOption,
)
from selip_extract.cli.summary import print_summary
from selip_extract.database.corrections import import_corrections
from selip_extract.database.store import Store
from selip_extract.extractors.registry import AUTO, EXTRACTORS, ModelChoice, automatic, extractor_maker
from selip_extract.extractors.workers import automatic_on_cluster, opened_extractor
from selip_extract.language.vocabulary_file import use_vocabulary
from selip_extract.llm.engine import CONCURRENCY
from selip_extract.pipeline import RunOptions, extract
from selip_extract.reports.report_table import open_reports
from selip_shared.errors import INTERRUPTED, SelipError, run_command
from selip_shared.execution.workers import RayOption, WorkersOption
from selip_shared.privacy import allow_downloads

if TYPE_CHECKING:
    from selip_extract.deidentification.deidentify import Deidentifier

app = typer.Typer(add_completion=False)


@app.command()
def command(
    reports: Annotated[
        Path | None,
        typer.Argument(metavar="REPORTS", help="CSV, TSV, Excel (.xlsx), Parquet or JSON lines, one report per row."),
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
    base_url: BaseUrlOption = None,
    served_model: ServedModelOption = None,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Requests in flight to all servers together; more take more memory there.")
    ] = CONCURRENCY,
    download: DownloadOption = False,
    vocabulary: VocabularyOption = None,
    text_column: Annotated[
        str | None, typer.Option(help="Column of the findings text, if its name is unusual.")
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column of the report's id, if its name is unusual.")] = None,
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
        with Store(db) as store:
            imported = import_corrections(store, corrections)
        new = imported.reports - imported.known
        print(f"{imported.reports:,} corrected reports, {new:,} of them new: run {imported.run_id} in {db}")
        return
    if reports is None:
        raise SelipError("There is no table of reports: name one, e.g. selip-extract reports.csv.")
    if vocabulary is not None:
        use_vocabulary(vocabulary)
    if download:
        allow_downloads()
    choice = ModelChoice(
        model,
        adapter,
        tuple(base_url or ()),
        served_model,
        download,
        concurrency,
        read=read,
        combination=combination,
    )
    name, reason = extractor, None
    if extractor == AUTO:
        name, reason = automatic(choice) if ray is None else automatic_on_cluster(ray)
    # Its errors come before a database is created.
    extractor_maker(name, choice)
    table = open_reports(reports, text_column, id_column)
    deidentifier = None if deidentify is None else deidentifier_of(deidentify)
    with Store(db) as store, opened_extractor(name, choice, table.total, workers, ray) as made:
        outcome = extract(table, store, made, RunOptions(batch_size, retry_failed, deidentifier))
    with read_store(db) as connection:
        print_summary(Console(), table, connection, db, outcome, name if reason is None else f"{name}, since {reason}")
    if outcome.interrupted:
        raise typer.Exit(INTERRUPTED)


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

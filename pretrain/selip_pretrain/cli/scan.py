"""`selip-scan`: from a folder of head images to the tables images and excluded_images."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import duckdb
import typer
from rich import box
from rich.table import Table

from selip_contracts.database_file import create, open_store, read_store
from selip_contracts.vocabulary import MODALITIES
from selip_pretrain.scan.summary import LinkNotes, ScanSummary
from selip_shared.errors import SelipError, run_command
from selip_shared.execution.base import Workers
from selip_shared.execution.workers import RayOption, WorkersOption, open_workers
from selip_shared.files import is_utf8
from selip_shared.messages.console import Console
from selip_shared.messages.translation import translated

app = typer.Typer(add_completion=False)

if TYPE_CHECKING:
    from selip_pretrain.scan.files.folder import Stamp
    from selip_pretrain.scan.stored_images import Change, Row

MAX_NAMED = 5
REASON_MEANING = {
    "unrecognised": "no rule fits",
    "other_modality": "CT, radiographs and others that are not MRI",
    "localizer": "scouts",
    "angiography": "images of vessels",
    "reformat": "computed from another series",
    "other_sequence": "a sequence or image that is not used",
    "second_series": "a better one of the same sequence is used",
    "several_patients": "images of several patients under one study or report",
    "damaged": "cannot be read",
    "not_3d": "not a volume, or several in one",
    "not_finite": "voxels that are NaN or infinite",
    "missing_slice": "a slice is missing",
}


@app.command()
def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of NIfTI files or DICOM files, at any depth.")],
    db: Annotated[
        Path, typer.Option(help="Database that the images are added to; created if it does not exist.")
    ] = Path("selip.duckdb"),
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="The report of each study: columns study (folder, file or accession number), report_id and, "
            "optionally, patient_id.",
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Rules that recognise the sequences, instead of the built-in ones."),
    ] = None,
    workers: WorkersOption = None,
    ray: RayOption = None,
    explain: Annotated[
        str | None,
        typer.Option(
            metavar="SERIES",
            help="Only print which rule and which tags decided about the series whose UID, folder or description "
            "contains this text; the database is not touched.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only print what would become of each series; the database is not touched."),
    ] = False,
    review: Annotated[
        Path | None,
        typer.Option(
            metavar="HTML",
            help="Also write a page with a picture of each series, on which sequences can be corrected and exported as "
            "a manifest for the next scan.",
        ),
    ] = None,
) -> None:
    """Find the head MRI volumes in a folder and link them to reports; run again to update the database."""
    from selip_pretrain.scan.files.cache import cache_folder
    from selip_pretrain.scan.files.folder import files_below
    from selip_pretrain.scan.files.last_scan import LastScan, scan_digest

    if not folder.is_dir():
        raise SelipError(f"There is no folder {folder}: name the one that holds the images.")
    root = folder.resolve()
    if not is_utf8(root):
        raise SelipError("The path of the folder is not valid UTF-8, which a database cannot hold: rename it.")
    name = f"{root}\n{db.resolve()}"
    found = files_below(root)
    if explain is not None:
        with open_workers(workers, ray) as opened:
            _explain(root, found, rules, explain, opened, name)
        return
    console = Console(markup=False, highlight=False)
    last_scan = LastScan(cache_folder(), name)
    with closing(_reports(db) if dry_run else open_store(db)) as connection:
        if not dry_run and review is None:
            summary = last_scan.summary(scan_digest(found, rules, manifest, connection))
            if summary is not None:
                _print_outcome(
                    console, folder, connection, Counter["Change"]({"unchanged": _rows(connection)}), summary
                )
                return
        # What reads images takes longer to import than all above.
        from selip_pretrain.scan.files.known_files import KnownFiles
        from selip_pretrain.scan.report_linkage import ReportLinker
        from selip_pretrain.scan.scan_folder import read_folder
        from selip_pretrain.scan.sequence_rules import read_rules
        from selip_pretrain.scan.stored_images import StoredImages

        with open_workers(workers, ray) as opened:
            sequence_rules = read_rules(rules)
            linker = ReportLinker(root, connection, manifest)
            stored = None if dry_run else StoredImages(connection, db, root)
            known = KnownFiles(cache_folder(), name)
            scanned = read_folder(root, found, sequence_rules, linker, opened, known)
            summary = ScanSummary(scanned.other_files, scanned.ambiguous_studies, linker.notes())
            if stored is None:
                console.print(_series(scanned.rows.values()))
                _print_notes(console, summary.notes)
            else:
                _print_outcome(console, folder, connection, stored.update(scanned.rows.values()), summary)
                if known.complete:
                    last_scan.keep(scan_digest(found, rules, manifest, connection), summary)
            if review is not None:
                from selip_pretrain.scan.review_page import review_page
                from selip_shared.html_page import write_page

                write_page(review, review_page(root, scanned, linker.manifest, opened))
                console.print(f"{review}: open it in a browser", soft_wrap=True)


def _explain(
    root: Path, found: Mapping[str, "Stamp | None"], rules: Path | None, wanted: str, workers: Workers, name: str
) -> None:
    """Print which rule and which tags decided about the series that `wanted` names."""
    from selip_pretrain.scan.explanation import explanations
    from selip_pretrain.scan.files.cache import cache_folder
    from selip_pretrain.scan.files.known_files import KnownFiles
    from selip_pretrain.scan.scan_folder import FolderReader
    from selip_pretrain.scan.sequence_rules import read_rules

    sequence_rules = read_rules(rules)
    reader = FolderReader(root, found, workers, KnownFiles(cache_folder(), name))
    texts = list(explanations(reader.series(sequence_rules), sequence_rules, wanted))
    if not texts:
        raise SelipError(f"No series in {root} has {wanted!r} in its UID, folder or description: give another.")
    typer.echo("\n".join(texts))


def _reports(db: Path) -> duckdb.DuckDBPyConnection:
    """The database to look reports up in, read-only; an empty one where it does not exist."""
    if db.exists():
        return read_store(db)
    connection = duckdb.connect()
    create(connection)
    return connection


def _rows(connection: duckdb.DuckDBPyConnection) -> int:
    """The number of rows in both tables."""
    ((count,),) = connection.execute(
        "SELECT (SELECT count(*) FROM images) + (SELECT count(*) FROM excluded_images)"
    ).fetchall()
    assert isinstance(count, int)
    return count


def _print_outcome(
    console: Console,
    folder: Path,
    connection: duckdb.DuckDBPyConnection,
    changed: "Counter[Change]",
    summary: ScanSummary,
) -> None:
    """What the tables hold after a scan."""
    changes = ", ".join(f"{count:,} {translated(kind)}" for kind, count in sorted(changed.items()) if count)
    console.print(f"{folder}: {changes or 'no images'}; {summary.other_files:,} other files", soft_wrap=True)
    console.print(_sequences(connection))
    excluded = _excluded(connection)
    if excluded.row_count:
        console.print(excluded)
    _print_links(console, connection, summary.ambiguous_studies)
    _print_notes(console, summary.notes)


def _series(rows: Iterable["Row"]) -> Table:
    """What becomes of each series."""
    table = Table(title="Series", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in ("Study", "Series", "Sequence", "Why"):
        table.add_column(column, overflow="fold")
    for row in rows:
        sequence, why = row.decision
        table.add_row(row.study, row.description or row.image_id, sequence, why)
    return table


def _sequences(connection: duckdb.DuckDBPyConnection) -> Table:
    counts = {
        modality: (volumes, linked)
        for modality, volumes, linked in connection.execute(
            "SELECT modality, count(*), count(report_id) FROM images GROUP BY 1"
        ).fetchall()
    }
    table = _table("Volumes by sequence", "Sequence", "Volumes", "With a report")
    for modality in MODALITIES:
        if modality in counts:
            table.add_row(modality, *(f"{count:,}" for count in counts[modality]))
    table.add_section()
    table.add_row("all", *(f"{sum(column):,}" for column in zip((0, 0), *counts.values(), strict=True)))
    return table


def _excluded(connection: duckdb.DuckDBPyConnection) -> Table:
    counts = dict(connection.execute("SELECT reason, count(*) FROM excluded_images GROUP BY 1").fetchall())
    table = _table("Not used, listed in the table excluded_images", "Reason", "Series", "")
    for reason, meaning in REASON_MEANING.items():
        if reason in counts:
            table.add_row(reason, f"{counts[reason]:,}", meaning)
    return table


def _print_links(console: Console, connection: duckdb.DuckDBPyConnection, ambiguous: int) -> None:
    ((studies, unlinked),) = connection.execute(
        """SELECT count(DISTINCT coalesce(report_id, study)),
        count(DISTINCT study) FILTER (report_id IS NULL) FROM images"""
    ).fetchall()
    ((reports, without),) = connection.execute(
        """SELECT count(*), count(*) FILTER (images.report_id IS NULL)
        FROM reports LEFT JOIN (SELECT DISTINCT report_id FROM images) images USING (report_id)"""
    ).fetchall()
    console.print(f"{studies:,} studies, {unlinked:,} of them without a report")
    if ambiguous:
        console.print(f"  {ambiguous:,} have a name that may refer to several reports: give --manifest", soft_wrap=True)
    console.print(f"{reports:,} reports, {without:,} of them without images")


def _print_notes(console: Console, notes: LinkNotes) -> None:
    pairs = [f"{one} as {other}" for one, other in notes.alike]
    for found, meaning in (
        (pairs, "names match but for leading zeros or case, and were linked"),
        (notes.unused_rows, "rows of the manifest name no image in the folder"),
        (notes.unknown_reports, "reports of the manifest are not in the database"),
    ):
        if found:
            more = " ..." if len(found) > MAX_NAMED else ""
            console.print(f"{len(found):,} {meaning}: {', '.join(found[:MAX_NAMED])}{more}", soft_wrap=True)


def _table(title: str, name: str, count: str, further: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column(name)
    table.add_column(count, justify="right")
    table.add_column(further, justify="right" if further else "left")
    return table


def main() -> None:
    """Entry point of `selip-scan`."""
    run_command(app)

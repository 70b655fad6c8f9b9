"""The summary of an extraction: the work done, the reports by status, the findings, and what to do next."""

import json
import shlex
import sys
from pathlib import Path

import duckdb
from rich import box
from rich.console import Console
from rich.table import Table

from selip_contracts.vocabulary import MODALITIES
from selip_extract.cli.reading_plan import MIN_REPORTS_FOR_ESTIMATE, duration, say
from selip_extract.evaluation.run_overview import reasons, statuses
from selip_extract.extraction import STATUSES
from selip_extract.pipeline import ExtractionOutcome
from selip_shared.messages.translation import translated

SAMPLE_FINDINGS = 6
STATUS_MEANING = {
    "ok": "read",
    "incomplete": "the model's answer did not end",
    "invalid": "the model's answer was not valid",
    "too_long": "longer than a report can be",
    "empty": "no text",
    "not_chinese": "not a Chinese text",
    "not_mri": "another kind of exam, e.g. CT",
    "not_head": "another part of the body",
    "error": "the extractor failed",
}
REVIEW_MEANING = {
    "failed": "not read: the status says why",
    "uncited": "sentences that were not understood",
    "unlisted_site": "findings at a place that the vocabulary lacks",
    "disagreement": "the two extractors differ",
    "inconsistent": "findings that do not fit the words of their sentence",
    "mended": "findings that rest on a word corrected by guess",
    "low_confidence": "the model is unsure of its answer",
}
NEXT_QUESTION = (
    "SELECT site, modality, signal, count(*) AS findings FROM findings WHERE present "
    "GROUP BY ALL ORDER BY findings DESC LIMIT 20"
)


def print_summary(
    console: Console,
    connection: duckdb.DuckDBPyConnection,
    db: Path,
    outcome: ExtractionOutcome,
    extractor: str,
) -> None:
    """Print the work done, the findings of the run in all reports of the database, and a query to try."""
    _print_work(console, outcome, extractor)
    console.print(statuses_table(connection, outcome.run_id))
    console.print(sequences_table(connection, outcome.run_id))
    print_review(console, connection, outcome.run_id)
    sample = _sample(connection, outcome.run_id)
    if sample.row_count:
        console.print(sample)
    _print_next(console, db, outcome)


def _print_work(console: Console, outcome: ExtractionOutcome, extractor: str) -> None:
    added = outcome.added
    parts = {
        translated("new"): added.new,
        translated("of these under a new id, since their id has another text"): added.renamed,
        translated("in the place of an earlier report of their id (superseded)"): added.superseded,
        translated("already in the database"): added.known,
        translated("repeat an earlier row"): added.repeated,
    }
    say(console, f"{added.given:,} rows: " + ", ".join(f"{count:,} {what}" for what, count in parts.items() if count))
    work = translated(f"{outcome.read:,} reports read now")
    if outcome.read:
        work += translated(f" in {outcome.seconds:,.1f} s ({outcome.read / outcome.seconds:,.1f} reports/s)")
    say(console, f"{work}; run {outcome.run_id}, read by {extractor}")
    if outcome.read >= MIN_REPORTS_FOR_ESTIMATE:
        say(console, f"  at this speed a million reports take {duration(outcome.seconds / outcome.read * 1e6)}")
    if outcome.usage.tokens_in:
        say(console, f"  {_tokens(outcome)}")
    console.print()


def _tokens(outcome: ExtractionOutcome) -> str:
    usage = outcome.usage
    share = usage.tokens_cached / usage.tokens_in
    cached = translated(f", {share:.0%} of them from the cache") if usage.tokens_cached else ""
    read, written = usage.tokens_in / outcome.seconds, usage.tokens_out / outcome.seconds
    per_second = translated(f"{read:,.0f} and {written:,.0f} a second")
    return translated(f"{usage.tokens_in:,} tokens read{cached}, {usage.tokens_out:,} written ({per_second})")


def statuses_table(connection: duckdb.DuckDBPyConnection, run_id: int) -> Table:
    """Reports by status and what each status means."""
    reports = statuses(connection, run_id)
    table = small_table("Reports by status")
    table.add_column("Status")
    table.add_column("Reports", justify="right")
    table.add_column("")
    for status in STATUSES:
        if status == "ok" or status in reports:
            table.add_row(status, f"{reports.get(status, 0):,}", STATUS_MEANING[status])
    table.add_section()
    table.add_row("all", f"{sum(reports.values()):,}", "")
    return table


def sequences_table(connection: duckdb.DuckDBPyConnection, run_id: int) -> Table:
    """Findings by sequence, and the share on which two extractors agree."""
    rows = {
        modality: counts
        for modality, *counts in connection.execute(
            """SELECT modality, count(*) FILTER (present), count(*) FILTER (NOT present),
            count(*) FILTER (present AND agreed), count(*) FILTER (present AND agreed IS NOT NULL)
            FROM finding_rows WHERE run_id = ? GROUP BY 1""",
            [run_id],
        ).fetchall()
    }
    table = small_table("Findings by sequence")
    table.add_column("Sequence")
    table.add_column("Findings", justify="right")
    table.add_column("Explicit negatives", justify="right")
    table.add_column("Agreed by two extractors", justify="right")
    for modality in MODALITIES:
        if modality in rows:
            table.add_row(modality, *_counted(*rows[modality]))
    table.add_section()
    table.add_row("all", *_counted(*(sum(column) for column in zip((0, 0, 0, 0), *rows.values(), strict=True))))
    ((general,),) = connection.execute(
        "SELECT count(*) FROM general_finding_rows WHERE run_id = ?", [run_id]
    ).fetchall()
    table.add_row("general", f"{general:,}")
    return table


def _counted(present: int, negative: int, agreed: int, compared: int) -> tuple[str, str, str]:
    return f"{present:,}", f"{negative:,}", f"{agreed / compared:.0%}" if compared else "–"


def print_review(console: Console, connection: duckdb.DuckDBPyConnection, run_id: int) -> None:
    """Print the number of reports to review, in total and by reason."""
    reports = reasons(connection, run_id)
    ((in_all,),) = connection.execute(
        "SELECT count(DISTINCT report_id) FROM review_rows WHERE run_id = ?", [run_id]
    ).fetchall()
    say(console, f"{in_all:,} reports to review:" if reports else f"{in_all:,} reports to review")
    for reason, count in reports.items():
        say(console, f"  {count:>6,}  {translated(REVIEW_MEANING[reason])}")
    console.print()


def _sample(connection: duckdb.DuckDBPyConnection, run_id: int) -> Table:
    """The first finding of each of some reports."""
    table = small_table("Some findings")
    for column in ("report_id", "modality", "side", "site", "signal", "evidence"):
        table.add_column(column)
    for row in connection.execute(
        """SELECT report_id, modality, side, coalesce(site_text, site), signal, evidence
        FROM finding_rows JOIN reports USING (report_id)
        WHERE run_id = ? AND present
        QUALIFY row_number() OVER (PARTITION BY report_id ORDER BY position) = 1
        ORDER BY ordinal LIMIT ?""",
        [run_id, SAMPLE_FINDINGS],
    ).fetchall():
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    return table


def _print_next(console: Console, db: Path, outcome: ExtractionOutcome) -> None:
    if outcome.interrupted:
        say(console, f"Stopped with {outcome.remaining:,} reports left; the same command continues with them.")
        return
    say(console, f"Everything is in {db}. To try next:")
    connected, asked = (json.dumps(text, ensure_ascii=False) for text in (str(db), NEXT_QUESTION))
    code = f"import duckdb; duckdb.connect({connected}).sql({asked}).show()"
    say(console, f"  {_python()} -c {shlex.quote(code)}")


def _python() -> str:
    """The interpreter as it is called from the current folder."""
    python = Path(sys.executable)
    return shlex.quote(str(python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python))


def small_table(title: str) -> Table:
    """A table with a title on the left and no lines around it."""
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)

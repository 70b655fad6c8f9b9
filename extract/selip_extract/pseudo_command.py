"""`selip-pseudo`: pseudo-reports as a hospital would export them, and beside them the truth that they state."""

import csv
import random
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from selip_contracts.annotated import write_annotated
from selip_contracts.findings import AnnotatedReport
from selip_extract.write_report import write_study
from selip_shared.errors import SelipError, run_command
from selip_shared.files import replacing
from selip_shared.progress import Advance, progress

app = typer.Typer(add_completion=False)


@app.command()
def command(
    out: Annotated[Path, typer.Option(help="Folder for reports.csv and truth.jsonl; made where there is none.")],
    count: Annotated[int, typer.Option(min=1, help="How many reports.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same reports.")] = 0,
) -> None:
    """Write random, plausible head-MRI reports and the findings they state, e.g. to test or to train on."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SelipError(f"The folder {out} cannot be made ({error.strerror}); name another one with --out.") from error
    with progress("reports", count) as advance:
        write_pseudo_reports(out, pseudo_reports(count, seed), advance)
    print(f"{count:,} pseudo-reports of seed {seed}: {out / 'reports.csv'}, {out / 'truth.jsonl'}")


def pseudo_reports(count: int, seed: int) -> Iterator[AnnotatedReport]:
    """The first `count` pseudo-reports of a seed, with ids of their own; each depends on seed and number alone."""
    for number in range(1, count + 1):
        yield write_study(random.Random(f"{seed}/{number}")).annotated(f"pseudo-{seed}-{number:06}")


def write_pseudo_reports(folder: Path, reports: Iterable[AnnotatedReport], advance: Advance) -> None:
    """Write reports.csv and truth.jsonl in one pass, each whole or not at all."""
    with replacing(folder / "reports.csv") as file:
        # With a byte order mark, without which Excel takes Chinese text for another encoding.
        text = TextIOWrapper(file, encoding="utf-8-sig", newline="")
        rows = csv.writer(text)
        rows.writerow(["检查号", "影像所见"])

        def written() -> Iterator[AnnotatedReport]:
            for report in reports:
                rows.writerow([report.report_id, report.findings_text])
                advance(1)
                yield report

        write_annotated(folder / "truth.jsonl", written())
        text.detach()


def main() -> None:
    """Entry point of `selip-pseudo`."""
    run_command(app)

"""Pseudo-reports of a seed, and the files in which a hospital would export them."""

import csv
import random
from collections.abc import Iterable, Iterator
from functools import partial
from io import TextIOWrapper
from pathlib import Path

from selip_contracts.annotated import write_annotated
from selip_contracts.findings import AnnotatedReport
from selip_extract.pseudo_reports.writing.report import write_study
from selip_shared.execution.base import Workers
from selip_shared.files import replacing

REPORTS_PER_TASK = 100


def pseudo_reports(count: int, seed: int, workers: Workers | None = None) -> Iterator[AnnotatedReport]:
    """The first `count` pseudo-reports of a seed, with unique ids; each depends only on the seed and its number.

    They are written by `workers`, or in this process.
    """
    write = partial(_pseudo_report, seed)
    numbers = range(1, count + 1)
    return map(write, numbers) if workers is None else workers.map(write, numbers, REPORTS_PER_TASK)


def _pseudo_report(seed: int, number: int) -> AnnotatedReport:
    return write_study(random.Random(f"{seed}/{number}")).annotated(f"pseudo-{seed}-{number:06}")


def write_pseudo_reports(folder: Path, reports: Iterable[AnnotatedReport]) -> int:
    """Write reports.csv and truth.jsonl in one pass, each complete or not at all; the number of reports."""
    with replacing(folder / "reports.csv") as file:
        # Without the byte order mark Excel takes Chinese text for another encoding.
        text = TextIOWrapper(file, encoding="utf-8-sig", newline="")
        rows = csv.writer(text)
        rows.writerow(["检查号", "findings_text"])

        def written() -> Iterator[AnnotatedReport]:
            for report in reports:
                rows.writerow([report.report_id, report.findings_text])
                yield report

        count = write_annotated(folder / "truth.jsonl", written())
        text.detach()
    return count

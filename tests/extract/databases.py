"""Databases for the tests of pages, and what a page holds of one."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selip_contracts.annotated import GOLD, read_annotated, write_annotated
from selip_contracts.findings import AnnotatedReport, Study
from selip_extract.database.store import Store
from selip_extract.extraction import Extraction, Review
from selip_extract.extractors.registry import ModelChoice, extractor_maker
from selip_extract.pipeline import extract
from selip_extract.reports.report import Report
from selip_extract.reports.report_table import open_reports

Studies = Mapping[str, tuple[str, Study | None]]
Reviews = Mapping[str, Sequence[Review]]
NO_REVIEWS: Reviews = {}


def write_database(path: Path, studies: Studies, reviews: Reviews) -> Path:
    """One complete run that read these reports; None is the study of one that could not be read."""
    with Store(path) as store:
        store.add_reports(
            [Report(name, text, row) for row, (name, (text, _)) in enumerate(studies.items(), 1)], "a.csv"
        )
        add_run(store, "both", {name: study for name, (_, study) in studies.items()}, reviews)
    return path


def add_run(store: Store, extractor: str, studies: Mapping[str, Study | None], reviews: Reviews = NO_REVIEWS) -> int:
    """A complete run over reports that are in the store; None is the study of one that could not be read."""
    run = store.begin_run({"extractor": extractor, "code_version": "1"})
    store.write(
        run,
        [
            Extraction(name, "ok" if study else "error", study, tuple(reviews.get(name, ())), 0.1, None, None)
            for name, study in studies.items()
        ],
    )
    store.finish_run(run, seconds=1.0, reports=len(studies))
    return run


def read_with_rules(folder: Path, reports: int) -> Path:
    """A database of so many annotated reports, each several times under other ids, read by the rules."""
    gold = [report for file in sorted(GOLD.glob("*.jsonl")) for report in read_annotated(file)]
    texts = (gold[number % len(gold)].findings_text for number in range(reports))
    source = folder / "reports.jsonl"
    write_annotated(
        source,
        (
            AnnotatedReport(report_id=f"r{n:04}", findings_text=f"{text}{n}", study=Study())
            for n, text in enumerate(texts)
        ),
    )
    with Store(folder / "rules.duckdb") as store:
        extract(open_reports(source), store, extractor_maker("rules", ModelChoice())())
    return folder / "rules.duckdb"


def data_of(page: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    data: dict[str, Any] = json.loads(match[1])
    return data

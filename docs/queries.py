"""Runs each query of queries.md and cookbook.md on example reports and writes its answer below it, as a table.

`python docs/queries.py [--check] [FILE]`: `--check` only reports whether an answer is outdated.
"""

import re
import sys
from collections.abc import Sequence
from contextlib import chdir
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from selip_contracts.database_file import read_store
from selip_contracts.findings import Finding, Key, Study
from selip_extract.database.store import Store
from selip_extract.extraction import Extraction, Review
from selip_extract.extractors.read_batch import read_batch
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.reports.columns import Wanted
from selip_extract.reports.report_table import open_reports, open_tables
from selip_shared.files import write_text

DOCS = Path(__file__).parent
ERRORS: dict[tuple[str, Key], dict[str, str] | None] = {
    ("MR240302", ("ADC", "左侧", "基底节区", "低")): {"side": "右侧"},
    ("MR240307", ("T1CE", "左侧", "半卵圆中心", "环形强化")): {"site": "侧脑室旁"},
    ("MR240318", ("T1", "左侧", "枕叶", "稍低")): {"signal": "低"},
    ("MR240319", ("DWI", "左侧", "丘脑", "高")): None,
}
"""Findings of run 2, and the fields that differ in run 1; None if run 1 has no such finding."""

_QUERY_AND_ANSWER = re.compile(r"(```sql\n(.*?)```\n)\n*(?:\|[^\n]*\n)*\n*", re.DOTALL)


def make_examples(path: Path) -> None:
    """Create a database of the example reports with the two runs that the document describes."""
    with Store(path) as store:
        table = open_reports(Path(str(files("selip_extract").joinpath("examples/reports.csv"))))
        store.add_reports(table, Path(table.name).name)
        read = read_batch(RuleExtractor(), list(table))
        made = {(e.report_id, f.key) for e in read if e.study for f in e.study.findings}
        assert ERRORS.keys() <= made, f"the rules no longer find {ERRORS.keys() - made}"
        for extractor, extractions in (
            ("rules, with errors", [_with_errors(e) for e in read]),
            ("rules", [_with_agreement(e) for e in read]),
        ):
            run_id = store.begin_run({"extractor": extractor, "code_version": "example"})
            store.write(run_id, extractions)
            store.finish_run(run_id, seconds=1, reports=len(extractions))


def make_patients(path: Path) -> None:
    """Create the database of the cookbook."""
    with Store(path) as store:
        (table,) = open_tables([str(DOCS / "cookbook_reports.csv")], Wanted(keep=("性别",)))
        store.add_reports(table, Path(table.name).name)
        run_id = store.begin_run({"extractor": "rules", "code_version": "example"})
        store.write(run_id, read_batch(RuleExtractor(), list(table)))
        store.finish_run(run_id, seconds=1, reports=table.total)


DATABASES = {"queries.md": make_examples, "cookbook.md": make_patients}
"""The documents, and what makes the database that each asks."""


def _with_errors(extraction: Extraction) -> Extraction:
    if extraction.study is None:
        return extraction
    kept = [
        Finding.model_validate(finding.model_dump() | (ERRORS.get((extraction.report_id, finding.key)) or {}))
        for finding in extraction.study.findings
        if ERRORS.get((extraction.report_id, finding.key), {}) is not None
    ]
    return _extraction_with(extraction, kept, ())


def _with_agreement(extraction: Extraction) -> Extraction:
    """Set `agreed` of each finding, and a review passage for each that is not agreed."""
    if extraction.study is None:
        return extraction
    findings = [
        finding.model_copy(update={"agreed": (extraction.report_id, finding.key) not in ERRORS})
        for finding in extraction.study.findings
    ]
    disputed = [f.evidence for f in findings if not f.agreed and f.evidence is not None]
    return _extraction_with(
        extraction, findings, tuple(Review("disagreement", e.text, e.start, e.end) for e in disputed)
    )


def _extraction_with(extraction: Extraction, findings: Sequence[Finding], review: tuple[Review, ...]) -> Extraction:
    assert extraction.study is not None
    study = Study(findings=tuple(findings), negatives=extraction.study.negatives, general=extraction.study.general)
    return Extraction(extraction.report_id, "ok", study, review, extraction.seconds, None, None)


def answered(document: str, connection: duckdb.DuckDBPyConnection) -> str:
    """The document with the answer of each query below it."""

    def with_answer(match: re.Match[str]) -> str:
        return f"{match[1]}\n{_table(connection.execute(match[2]))}\n"

    return _QUERY_AND_ANSWER.sub(with_answer, document).rstrip("\n") + "\n"


def _table(answer: duckdb.DuckDBPyConnection) -> str:
    headings = [name for name, *_ in answer.description or ()]
    rows = [headings, ["---"] * len(headings), *answer.fetchall()]
    return "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in rows)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case list():
            return ", ".join(map(_cell, value))
    return str(value).replace("|", "\\|").replace("\n", " ")


def main() -> None:
    """Write the answers, or with --check exit with code 1 if one is outdated."""
    check = "--check" in sys.argv[1:]
    paths = [Path(argument).absolute() for argument in sys.argv[1:] if argument != "--check"]
    outdated = [
        path.name for path in paths or [DOCS / name for name in DATABASES] if not _is_current(path, check=check)
    ]
    if outdated and check:
        sys.exit(f"Out of date: {', '.join(outdated)}; run python docs/queries.py.")


def _is_current(path: Path, *, check: bool) -> bool:
    """Whether the answers are those of today; unless only `check`, they are written."""
    with TemporaryDirectory() as folder:
        database = Path(folder) / "examples.duckdb"
        DATABASES[path.name](database)
        with read_store(database) as connection, chdir(DOCS):
            document = path.read_text("utf-8")
            fresh = answered(document, connection)
    if fresh != document and not check:
        write_text(path, fresh)
    return fresh == document


if __name__ == "__main__":
    main()

from pathlib import Path
from typing import Any

import duckdb
import pytest

from selip_contracts.database_file import VERSION, read_store
from selip_contracts.findings import AnnotatedReport
from selip_extract.cli.merge import main
from selip_extract.database.merge import merge
from selip_extract.database.store import Store
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.pipeline import RunOptions, extract
from selip_extract.pseudo_reports.generate import pseudo_reports, write_pseudo_reports
from selip_extract.reports.report_table import open_reports
from selip_shared.errors import SelipError
from tests.commands import command

REPORTS = list(pseudo_reports(40, seed=3))
ROWS = {
    "reports": "SELECT report_id, given_id, text FROM reports",
    "extractions": "SELECT run_id, report_id, status FROM extractions",
    "finding_rows": "SELECT * FROM finding_rows",
    "general_finding_rows": "SELECT * FROM general_finding_rows",
    "review_rows": "SELECT * FROM review_rows",
    "runs": "SELECT run_id, fingerprint, last_finished_at IS NOT NULL FROM runs",
    "findings": "SELECT * FROM findings",
}


def read(folder: Path, name: str, reports: list[AnnotatedReport], extractor: RuleExtractor | None = None) -> Path:
    """A database of these reports, read by the rules."""
    (folder / f"{name}-reports").mkdir()
    write_pseudo_reports(folder / f"{name}-reports", reports)
    with Store(folder / name) as store:
        table = open_reports(folder / f"{name}-reports" / "reports.csv")
        extract(table, store, extractor or RuleExtractor(), RunOptions(batch_size=8))
    return folder / name


def rows(db: Path, *names: str) -> dict[str, list[Any]]:
    with read_store(db) as connection:
        return {name: connection.execute(f"{ROWS[name]} ORDER BY ALL").fetchall() for name in names or ROWS}


class OtherRules(RuleExtractor):
    """Rules of another version."""

    def fingerprint(self) -> dict[str, str]:
        return super().fingerprint() | {"task_version": "another"}


def test_parts_with_a_common_report_become_what_one_database_holds(tmp_path: Path) -> None:
    parts = [read(tmp_path, "a.duckdb", REPORTS[:25]), read(tmp_path, "b.duckdb", REPORTS[20:])]
    merge(parts, tmp_path / "all.duckdb")
    assert rows(tmp_path / "all.duckdb") == rows(read(tmp_path, "whole.duckdb", REPORTS))


def test_runs_of_other_configurations_stay_apart_and_are_not_complete(tmp_path: Path) -> None:
    parts = [read(tmp_path, "a.duckdb", REPORTS[:25]), read(tmp_path, "b.duckdb", REPORTS[25:], OtherRules())]
    merge(parts, tmp_path / "all.duckdb")
    with read_store(tmp_path / "all.duckdb") as connection:
        counts = "SELECT run_id, count(*), count(last_finished_at) FROM extractions JOIN runs USING (run_id)"
        assert connection.execute(f"{counts} GROUP BY 1 ORDER BY 1").fetchall() == [(1, 25, 0), (2, 15, 0)]
    # The run of the first part is continued with the reports of the second.
    with Store(tmp_path / "all.duckdb") as store:
        table = open_reports(tmp_path / "a.duckdb-reports" / "reports.csv")
        outcome = extract(table, store, RuleExtractor(), RunOptions(batch_size=8))
    assert (outcome.run_id, outcome.read, outcome.remaining) == (1, 15, 0)
    assert len(rows(tmp_path / "all.duckdb", "reports")["reports"]) == 40


@pytest.mark.parametrize(
    ("version", "sentence"),
    [(VERSION - 1, "run selip-extract on it once"), (VERSION + 1, "update the program")],
)
def test_a_part_of_another_version_is_refused_and_nothing_is_written(
    tmp_path: Path, version: int, sentence: str
) -> None:
    parts = [read(tmp_path, "a.duckdb", REPORTS[:2]), read(tmp_path, "b.duckdb", REPORTS[2:4])]
    with duckdb.connect(parts[1]) as connection:
        connection.execute(f"DELETE FROM selip_schema WHERE version = {VERSION}")
        connection.execute("INSERT INTO selip_schema VALUES (?, now())", [version])
    with pytest.raises(SelipError, match=rf"b\.duckdb is of .*version {version}.*{sentence}"):
        merge(parts, tmp_path / "all.duckdb")
    assert sorted(path.name for path in tmp_path.glob("*all*")) == []


def test_an_id_with_two_texts_is_refused_and_a_prefix_helps(tmp_path: Path) -> None:
    renamed = [r.model_copy(update={"report_id": o.report_id}) for r, o in zip(REPORTS[20:], REPORTS, strict=False)]
    parts = [read(tmp_path, "a.duckdb", REPORTS[:20]), read(tmp_path, "b.duckdb", renamed)]
    with pytest.raises(SelipError, match=r"The id pseudo-3-000001 has another text .*\(19 others too\): .* --prefix"):
        merge(parts, tmp_path / "all.duckdb")
    assert sorted(path.name for path in tmp_path.glob("*all*")) == []
    merge(parts, tmp_path / "all.duckdb", prefix=True)
    found = rows(tmp_path / "all.duckdb", "reports", "findings")
    assert len(found["reports"]) == 40
    assert found["reports"][0][:2] == ("a:pseudo-3-000001", "a:pseudo-3-000001")
    alone = sum(len(rows(part, "findings")["findings"]) for part in parts)
    assert len(found["findings"]) == alone


def test_the_command_says_what_it_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    selip_merge = command(main, monkeypatch, capsys)
    parts = [read(tmp_path, "a.duckdb", REPORTS[:10]), read(tmp_path, "b.duckdb", REPORTS[10:20])]
    code, out, _ = selip_merge(*parts, "--into", tmp_path / "all.duckdb")
    assert code == 0
    assert out.splitlines()[0].endswith("all.duckdb: 20 reports of 2 databases")
    assert out.split()[-4:] == ["1", "rules", "20", "yes"]
    code, _, error = selip_merge(*parts, "--into", tmp_path / "all.duckdb")
    assert (code, error.count("\n")) == (1, 1)
    assert "exists: name a new file with --into" in error
    code, _, error = selip_merge(tmp_path / "c.duckdb", "--into", tmp_path / "d.duckdb")
    assert (code, "There is no database" in error) == (1, True)

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selip_contracts.annotated import write_annotated
from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding, Study, keys
from selip_extract.cli.compare import main
from selip_extract.database.store import Store
from selip_extract.evaluation.run_comparison import Comparison, DifferenceKind, advantage, compare
from selip_extract.reports.report import Report
from tests.commands import Command, command
from tests.extract.databases import add_run
from tests.extract.evaluation.estimates import figures

Run = dict[str, Study | None]
PAIRS: tuple[DifferenceKind, ...] = ("signal", "side", "site")

T2 = Finding(modality="T2", side="左侧", site="额叶", signal="高")
T1 = Finding(modality="T1", side="左侧", site="额叶", signal="低")
DWI = Finding(modality="DWI", side="右侧", site="丘脑", signal="高")
PONS = Finding(modality="T2", side=None, site="脑桥", signal="高")
WIDE = GeneralFinding(side="双侧", site="侧脑室", change="扩大")
SECRET = "左侧额叶见长T2信号，患者姓名张三"


def changed(finding: Finding, **values: str | None) -> Finding:
    return Finding.model_validate(finding.model_dump() | values)


BEFORE: Run = {
    "signal": Study(findings=(T2, T1)),
    "side": Study(findings=(T2, T1)),
    "site": Study(findings=(DWI,)),
    "only": Study(findings=(T2, PONS), general=(WIDE,)),
    "same": Study(findings=(T2, T1, PONS), general=(WIDE,)),
    "[bold]": None,
}
AFTER: Run = {
    "signal": Study(findings=(changed(T2, signal="稍高"), T1)),
    "side": Study(findings=(changed(T2, side="双侧"), T1)),
    "site": Study(findings=(changed(DWI, site="壳核"),)),
    "only": Study(findings=(DWI, PONS)),
    "same": Study(findings=(T2, T1, PONS), general=(WIDE,)),
    "[bold]": Study(findings=(T2,)),
}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "selip.duckdb"
    with Store(path) as store:
        store.add_reports([Report(name, f"{SECRET}{name}", row) for row, name in enumerate(BEFORE, 1)], "r.csv")
        add_run(store, "before", BEFORE)
        add_run(store, "after", AFTER)
    return path


@pytest.fixture
def selip_compare(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("COLUMNS", "160")
    return command(main, monkeypatch, capsys)


def test_every_change_is_of_the_kind_that_explains_it(selip_compare: Command, database: Path) -> None:
    code, out, _ = selip_compare(database, 1, 2, "--json")
    told = json.loads(out)
    assert (code, told["reports"], told["same_findings"], told["changed_reports"]) == (0, 5, 6, 5)
    assert set(told["changes"].values()) == {0, 1}
    assert [tuple(change.values()) for change in told["examples"]] == [
        ("signal", "signal", "T2 左侧 额叶 高", "T2 左侧 额叶 稍高"),
        ("side", "side", "T2 左侧 额叶 高", "T2 双侧 额叶 高"),
        ("site", "site", "DWI 右侧 丘脑 高", "DWI 右侧 壳核 高"),
        ("finding_only_before", "only", "T2 左侧 额叶 高", None),
        ("finding_only_after", "only", None, "DWI 右侧 丘脑 高"),
        ("general_only_before", "only", "双侧 侧脑室 扩大", None),
        ("status", "[bold]", "error", "ok"),
    ]


def test_the_table_shows_counts_and_examples_and_no_report_text(selip_compare: Command, database: Path) -> None:
    code, out, err = selip_compare(database, 1, 2)
    assert (code, err) == (0, "")
    assert "5 reports that both run 1 and run 2 have read" in out
    assert "[bold]" in out
    assert SECRET[:6] not in out
    assert "Examples" not in selip_compare(database, 1, 2, "--examples", 0)[1]


def test_all_changes_are_written_as_a_table(selip_compare: Command, database: Path, tmp_path: Path) -> None:
    assert selip_compare(database, 1, 2, "--examples", 0, "--out", tmp_path / "changes.csv")[0] == 0
    with (tmp_path / "changes.csv").open(encoding="utf-8-sig", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["change", "report_id", "run_1", "run_2"]
    assert len(rows) == 7
    assert ["Finding only in run 1", "only", "T2 左侧 额叶 高", ""] in rows
    assert "cannot be written" in selip_compare(database, 1, 2, "--out", tmp_path / "nowhere" / "changes.csv")[2]


def test_a_person_and_another_reader_have_a_kappa_and_two_runs_of_a_program_have_none(
    selip_compare: Command, database: Path
) -> None:
    with Store(database) as store:
        human = add_run(store, "human", BEFORE)
    assert json.loads(selip_compare(database, 1, 2, "--json")[1])["agreement"] == []
    told = {row["question"]: row for row in json.loads(selip_compare(database, human, 2, "--json")[1])["agreement"]}
    assert list(told) == ["abnormal", "T1", "T2", "DWI", "general"]
    t2 = told["T2"]
    assert [t2[name] for name in ("both", "only_before", "only_after", "neither")] == [5, 1, 0, 4]
    assert t2["kappa"]["value"] == round((0.9 - (0.6 * 0.5 + 0.4 * 0.5)) / (1 - 0.5), 4)
    assert t2["kappa"]["low"] < t2["kappa"]["value"] <= t2["kappa"]["high"]
    assert told["abnormal"]["kappa"]["value"] is None
    out = selip_compare(database, human, 2)[1]
    assert "Agreement of the two readers" in out
    assert "0.80" in out


def test_a_report_that_one_run_has_not_read_yet_has_another_status(selip_compare: Command, database: Path) -> None:
    with Store(database) as store:
        third = add_run(store, "third", {name: study for name, study in AFTER.items() if name != "same"})
    told = json.loads(selip_compare(database, 2, third, "--json")[1])
    assert told["reports"] == 5
    assert told["examples"] == [{"kind": "status", "report_id": "same", "before": "ok", "after": None}]


@pytest.fixture(scope="module")
def long_store() -> Iterator[Store]:
    with Store(Path(":memory:")) as store:
        store.add_reports([Report("r", "额叶", 1)], "r.csv")
        yield store


@settings(max_examples=30)
@given(st.from_type(Study), st.from_type(Study))
def test_every_finding_is_in_both_runs_or_in_one_change(long_store: Store, one: Study, other: Study) -> None:
    runs = [add_run(long_store, f"{number}", {"r": study}) for number, study in _numbered(long_store, one, other)]
    found = compare(long_store.connection, *runs)
    assert _findings(found, "finding_only_before") == len(keys(one.findings))
    assert _findings(found, "finding_only_after") == len(keys(other.findings))
    back = compare(long_store.connection, *reversed(runs))
    assert [back.changes[kind] for kind in PAIRS] == [found.changes[kind] for kind in PAIRS]


def _numbered(store: Store, *studies: Study) -> list[tuple[int, Study]]:
    ((runs,),) = store.connection.execute("SELECT count(*) FROM runs").fetchall()
    return list(enumerate(studies, start=runs + 1))


def _findings(found: Comparison, alone: DifferenceKind) -> int:
    return found.same_findings + sum(found.changes[kind] for kind in (*PAIRS, alone))


def report(name: str, *findings: Finding) -> AnnotatedReport:
    return AnnotatedReport(report_id=name, findings_text="左侧额叶", study=Study(findings=findings))


def test_a_run_that_is_right_more_often_is_better_where_the_interval_says_so() -> None:
    gold = [report(f"r{number}", T2, T1) for number in range(40)]
    right, half = Study(findings=(T2, T1)), Study(findings=(T2,))
    after = {r.report_id: right if number < 30 else half for number, r in enumerate(gold)}
    before = {r.report_id: right if number < 15 else half for number, r in enumerate(gold)}
    found = advantage(gold, before, after)
    assert (found.before, found.after) == (round(2 * 55 / 135, 4), round(2 * 70 / 150, 4))
    low, value, high = figures(found.difference)
    assert 0 < low < value < high
    assert found.better == "after"
    assert advantage(gold, after, before).better == "before"
    assert advantage(gold, after, before).difference.value == -value


def test_one_report_more_does_not_say_which_run_is_better() -> None:
    gold = [report(f"r{number}", T2) for number in range(40)]
    before = {r.report_id: r.study for r in gold[1:]}
    found = advantage(gold, before, {r.report_id: r.study for r in gold})
    low, value, _ = figures(found.difference)
    assert (low, value > 0) == (0, True)
    assert found.better is None
    assert advantage(gold, before, before).difference == advantage(gold, {}, {}).difference


def test_the_better_run_is_told(selip_compare: Command, database: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    write_annotated(
        gold,
        [
            AnnotatedReport(report_id=name, findings_text=f"{SECRET}{name}", study=study)
            for name, study in AFTER.items()
            if study is not None
        ],
    )
    told = json.loads(selip_compare(database, 1, 2, "--gold", gold, "--json")[1])["gold"]
    assert (told["reports"], told["after"], told["better"]) == (6, 1.0, "after")
    out = selip_compare(database, 1, 2, "--gold", gold)[1]
    assert "Finding F1 on 6 annotated reports: " in out
    assert out.endswith("Run 2 is better.\n")
    assert SECRET[:6] not in out


def test_an_annotated_report_is_found_where_its_id_has_a_suffix(selip_compare: Command, tmp_path: Path) -> None:
    path, gold = tmp_path / "selip.duckdb", tmp_path / "gold.jsonl"
    with Store(path) as store:
        store.add_reports([Report("a", "别的", 1), Report("a", SECRET, 2)], "r.csv")
        add_run(store, "before", {"a": Study(), "a#2": Study()})
        add_run(store, "after", {"a": Study(), "a#2": Study(findings=(T2,))})
    for name in ("a", "a#2"):
        write_annotated(gold, [AnnotatedReport(report_id=name, findings_text=SECRET, study=Study(findings=(T2,)))])
        told = json.loads(selip_compare(path, 1, 2, "--gold", gold, "--json")[1])["gold"]
        assert (told["before"], told["after"]) == (0.0, 1.0)


def test_what_cannot_be_compared_is_one_sentence(selip_compare: Command, database: Path, tmp_path: Path) -> None:
    assert selip_compare(database, 1, 1) == (1, "", "Run 1 cannot be compared with itself: name two runs.\n")
    assert selip_compare(database, 1, 7) == (1, "", f"{database} has no run 7: name one of 1, 2.\n")
    assert selip_compare(tmp_path / "no.duckdb", 1, 2)[2].startswith(f"There is no database {tmp_path / 'no.duckdb'}")
    gold = tmp_path / "gold.jsonl"
    write_annotated(gold, [report("another", T2)])
    assert selip_compare(database, 1, 2, "--gold", gold) == (
        1,
        "",
        f"Run 1 has read none of these reports; read them with selip-extract {gold} --db {database}.\n",
    )
    gold.write_text("")
    assert selip_compare(database, 1, 2, "--gold", gold)[2] == (
        f"{gold} holds no report; name a file of annotated reports.\n"
    )

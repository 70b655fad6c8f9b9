import re
import subprocess
import sys
from pathlib import Path

import pytest

from selip_contracts.database_file import open_store, read_store
from selip_extract.api import extract, open_findings
from selip_extract.database.store import Store
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.pipeline import RunOptions
from selip_extract.pipeline import extract as extract_table
from selip_extract.pseudo_reports.generate import pseudo_reports, write_pseudo_reports
from selip_extract.reports.report_table import open_reports
from selip_shared.errors import SelipError

PAGE = Path(__file__).parents[2] / "docs/python.md"
TEXT = "左侧基底节区见斑片状长T1长T2信号，DWI未见高信号。"
KEYS = [("T1", "左侧", "基底节区", "低"), ("T2", "左侧", "基底节区", "高")]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    write_pseudo_reports(tmp_path, pseudo_reports(20, seed=3))
    with Store(tmp_path / "selip.duckdb") as store:
        extract_table(open_reports(tmp_path / "reports.csv"), store, RuleExtractor(), RunOptions())
    return tmp_path / "selip.duckdb"


def test_each_text_has_a_study_or_none() -> None:
    texts = [TEXT, "", "脑实质未见异常。", "额" * 30_000, TEXT]
    first, empty, normal, too_long, last = extract((text for text in texts), extractor="rules")
    assert first is not None
    assert normal is not None
    assert [finding.key for finding in first.findings] == KEYS
    assert [finding.key for finding in first.negatives] == [("DWI", "左侧", "基底节区", None)]
    assert (first, normal.normal, empty, too_long) == (last, True, None, None)


def test_more_texts_than_a_batch_holds_keep_their_order() -> None:
    sites = ["额叶", "顶叶", "枕叶"]
    studies = extract([f"左侧{sites[number % 3]}见长T2信号。" for number in range(600)], extractor="rules")
    assert [study.findings[0].site for study in studies if study] == [sites[number % 3] for number in range(600)]


def test_bad_choices_are_said() -> None:
    with pytest.raises(TypeError, match="give a list of texts"):
        extract(TEXT)
    with pytest.raises(SelipError, match="There is no extractor best"):
        extract([TEXT], extractor="best")
    with pytest.raises(SelipError, match="There is no database"):
        open_findings("nothing.duckdb")


def test_a_relation_holds_what_the_view_holds_until_it_is_dropped(database: Path) -> None:
    findings = open_findings(database)
    with read_store(database) as connection:
        rows = connection.execute("SELECT * FROM findings").fetchall()
        names = [name for name, *_ in connection.execute("DESCRIBE findings").fetchall()]
    assert len(rows) > 20
    assert (findings.columns, findings.fetchall()) == (names, rows)
    assert findings.filter("present").aggregate("count(*)").fetchall() == [
        (sum(r[names.index("present")] for r in rows),)
    ]
    assert sorted(findings.fetchnumpy()) == sorted(names)
    others = findings.query("f", "SELECT count(*) FROM reports WHERE report_id NOT IN (SELECT report_id FROM f)")
    assert others is not None
    assert others.fetchall() == [(20 - len({row[names.index("report_id")] for row in rows}),)]
    del others
    del findings
    open_store(database).close()


def test_importing_it_loads_nothing_but_python() -> None:
    script = (
        "import sys, selip_extract; print({'torch', 'transformers', 'duckdb', 'pydantic', 'jieba'} & set(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert loaded == "set()\n"


def test_the_examples_of_the_page_run(database: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 2
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(blocks)],
        cwd=database.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    assert "DWI 左侧 基底节区 高" in ended.stdout
    assert "findings" in ended.stdout

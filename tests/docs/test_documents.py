import re
from pathlib import Path

import duckdb
import pytest

from selip_contracts.annotated import parse_annotated
from selip_contracts.tables import create

ROOT = Path(__file__).parents[2]
READ_MES = ("README.md", "README.zh-CN.md")
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "*/*.md")
    for path in ROOT.glob(pattern)
    if not path.relative_to(ROOT).parts[0].startswith(".")
)


def empty_database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    create(connection)
    return connection


@pytest.mark.parametrize("name", READ_MES)
def test_the_queries_of_the_read_me_run(name: str) -> None:
    (queries,) = re.findall(r"```sql\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)
    database = empty_database()
    statements = database.extract_statements(queries)
    assert len(statements) >= 3
    for statement in statements:
        database.execute(statement).fetchall()


@pytest.mark.parametrize("name", READ_MES)
def test_the_columns_and_tables_of_the_read_me_are_there(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    columns = {name for name, *_ in empty_database().execute("DESCRIBE findings").fetchall()}
    cells = re.findall(r"^\| ((?:`\w+`[,、 ]*)+) \|", text, re.MULTILINE)
    named = {column for cell in cells for column in re.findall(r"\w+", cell)} - {"、"}
    assert len(named) >= 12
    assert named <= columns


def test_the_annotated_line_of_the_contract_is_valid() -> None:
    (line,) = re.findall(r"```json\n(.*?)\n```", (ROOT / "data_contracts/README.md").read_text("utf-8"), re.DOTALL)
    report = parse_annotated(line)
    assert [finding.site for finding in report.study.findings] == ["额叶"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files(name: str) -> None:
    path = ROOT / name
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text("utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []

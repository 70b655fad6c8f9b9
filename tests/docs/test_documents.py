import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

from selip_contracts.annotated import parse_annotated
from selip_contracts.database_file import create

ROOT = Path(__file__).parents[2]
READ_MES = ("README.md", "README.zh-CN.md")
PACKAGES = [path.parent for path in ROOT.glob("*/selip_*/__init__.py")]
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "*/README.md", "*/*/*/README.md")
    for path in ROOT.glob(pattern)
    if not path.relative_to(ROOT).parts[0].startswith(".")
)
OF_USERS = {"my_rules.toml"}
"""Files that a document asks its reader to write."""
OF_VLLM = {
    "--data-parallel-address",
    "--data-parallel-hybrid-lb",
    "--data-parallel-size",
    "--data-parallel-size-local",
    "--default-chat-template-kwargs",
    "--enable-lora",
    "--enable-prompt-tokens-details",
    "--generation-config",
    "--lora-modules",
    "--max-lora-rank",
    "--quantization",
    "--served-model-name",
}
VOLUME_CACHE = "selip-volumes"
"""A folder whose name looks like a command."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def empty_database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    create(connection)
    return connection


@pytest.mark.parametrize(("name", "at_least"), [*((name, 2) for name in READ_MES), ("docs/findings.md", 3)])
def test_the_queries_of_the_document_run(name: str, at_least: int) -> None:
    (queries,) = re.findall(r"```sql\n(.*?)```", text_of(name), re.DOTALL)
    database = empty_database()
    statements = database.extract_statements(queries)
    assert len(statements) >= at_least
    for statement in statements:
        database.execute(statement).fetchall()


def test_the_columns_and_tables_of_the_findings_are_there() -> None:
    text = text_of("docs/findings.md")
    database = empty_database()
    columns = {name for name, *_ in database.execute("DESCRIBE findings").fetchall()}
    relations = {name for name, *_ in database.execute("SHOW TABLES").fetchall()}
    cells = {
        section.partition("\n")[0]: re.findall(r"^\| ((?:`\w+`[, ]*)+) \|", section, re.MULTILINE)
        for section in text.split("\n## ")
    }
    named = re.findall(r"\w+", " ".join(cells["Columns of `findings`"]))
    assert len(named) >= 12
    assert set(named) <= columns
    listed = re.findall(r"\w+", " ".join(cells["Other tables and views"]))
    assert len(listed) >= 8
    assert set(listed) <= relations


@pytest.mark.parametrize("name", READ_MES)
def test_the_read_me_is_short(name: str) -> None:
    assert len(text_of(name).splitlines()) <= 150


def test_the_annotated_line_of_the_contract_is_valid() -> None:
    (line,) = re.findall(r"```json\n(.*?)\n```", text_of("data_contracts/README.md"), re.DOTALL)
    report = parse_annotated(line)
    assert [finding.site for finding in report.study.findings] == ["额叶"]


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_and_headings(name: str) -> None:
    path = ROOT / name
    broken = []
    for link, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", text_of(name)):
        target = path.parent / link if link else path
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            broken.append(f"{link}#{anchor}")
    assert broken == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_source_files_that_are_named_exist(name: str) -> None:
    """Source files and folders in backticks, relative to the root, a package or the folder of the document."""
    words = [word for span in re.findall(r"`([^`\n]+)`", text_of(name)) for word in span.split()]
    named = {word for word in words if re.fullmatch(r"[\w./-]+\.(py|toml|sql)|[a-z_/]+/", word)} - OF_USERS
    folders = [ROOT, (ROOT / name).parent, *PACKAGES]
    assert sorted(path for path in named if not any((folder / path).exists() for folder in folders)) == []


def exists(dotted: str) -> bool:
    """Whether this is a module or a name in a module."""
    module, _, attribute = dotted.rpartition(".")
    try:
        return hasattr(import_module(module), attribute) or find_spec(dotted) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_modules_that_are_named_exist(name: str) -> None:
    text = text_of(name)
    dotted = set(
        re.findall(r"\b(?:selip_(?:shared|contracts|extract|pretrain|downstream)|tests)(?:\.[A-Za-z_]\w*)+", text)
    )
    imported = {
        f"{module}.{word.strip()}"
        for module, words in re.findall(r"^from (selip_[\w.]+) import ([\w, ]+)$", text, re.MULTILINE)
        for word in words.split(",")
    }
    assert sorted(path for path in dotted | imported if not exists(path)) == []


def test_the_folders_of_the_packages_are_those_of_the_tree() -> None:
    (tree,) = re.findall(r"```text\n(extract/selip_extract/\n.*?)```", text_of("docs/index.md"), re.DOTALL)
    for part in re.split(r"\n(?! )", tree.strip()):
        package, *lines = part.splitlines()
        names = {line.split()[0] for line in lines}
        folders = {f"{path.parent.name}/" for path in (ROOT / package).glob("*/__init__.py")}
        modules = {path.name for path in (ROOT / package).glob("*.py")} - {"__init__.py", "__main__.py"}
        assert folders | modules <= names, package
        assert all((ROOT / package / name).exists() for name in names), package


def options_of(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "docs/cli.md"])
def test_the_commands_and_options_exist(name: str) -> None:
    sections = re.findall(r"^## (selip-\w+)\n(.*?)(?=^## |\Z)", text_of("docs/cli.md"), re.MULTILINE | re.DOTALL)
    options = {command: options_of(section) for command, section in sections}
    text = text_of(name)
    used = re.findall(r"\b(selip-[a-z]+)\b([^`\n|#]*)", text.replace("\\\n", " "))
    assert {command for command, _ in used} <= {*options, VOLUME_CACHE}
    unknown = [(command, sorted(options_of(words) - options.get(command, set()))) for command, words in used]
    assert [pair for pair in unknown if pair[1]] == []
    alone = options_of(" ".join(re.findall(r"`(--[^`\n]+)`", text)))
    assert alone - set().union(*options.values()) <= (OF_VLLM if name == "docs/scaling.md" else set())

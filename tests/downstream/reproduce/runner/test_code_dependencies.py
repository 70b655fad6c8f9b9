import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest

from selip_downstream.reproduce.runner.code_dependencies import used_code, used_modules
from selip_downstream.reproduce.runner.machine import PACKAGES

KEYS = """
import json
from graphlib import TopologicalSorter
from selip_downstream.reproduce.plan import plan
from selip_downstream.reproduce.sizes import QUICK
steps = {step.name: step for step in plan(QUICK)}
keys = {}
for name in TopologicalSorter({name: step.needs for name, step in steps.items()}).static_order():
    keys[name] = steps[name].key(keys)
print(json.dumps(keys))
"""


def folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """All own packages, to be changed: the folder that holds them."""
    for package in PACKAGES:
        shutil.copytree(folder(package), tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def keys(packages: Path) -> dict[str, str]:
    """Those of all steps of the smallest reproduction, as a process of its own sees these packages."""
    environment = {**os.environ, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}
    printed = subprocess.run([sys.executable, "-c", KEYS], env=environment, check=True, capture_output=True).stdout
    found = json.loads(printed)
    assert isinstance(found, dict)
    return found


def changed(packages: Path, before: Mapping[str, str], file: str) -> set[str]:
    """The steps whose keys are others where this file has one more line, and are the same again without it."""
    content = (packages / file).read_bytes()
    (packages / file).write_bytes(content + b"\n# one more line\n")
    after = keys(packages)
    (packages / file).write_bytes(content)
    return {name for name in before if before[name] != after[name]}


def test_a_change_of_the_code_concerns_the_steps_that_import_it(packages: Path) -> None:
    before = keys(packages)
    assert changed(packages, before, "selip_downstream/reproduce/page/sections.py") == {"page"}
    assert changed(packages, before, "selip_downstream/page/page.css") == {"page"}
    assert changed(packages, before, "selip_downstream/retrieval/search.py") == {
        "frozen", "frozen-studies", "retrieve-30", "retrieve-100", "retrieve-errors", "page",
    }  # fmt: skip
    similarity = changed(packages, before, "selip_pretrain/objective/finding_similarity.py")
    assert similarity >= {"train-hard-30-0", "train-extracted-0", "retrieve-30", "retrieve-errors", "page"}
    assert not similarity & {"pseudo", "cohort", "phantom", "brats", "adapt", "read-both"}
    weights = changed(packages, before, "selip_extract/model/model.safetensors")
    assert weights >= {"pseudo", "read-model", "adapt", "data-extracted"}
    assert "brats" not in weights
    assert keys(packages) == before


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def test_imports_are_followed_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    started = """
import json
from typing import TYPE_CHECKING
import selip_first.plain as renamed
from selip_first import submodule
from selip_first.inner.deep import function
if TYPE_CHECKING:
    from selip_first import types_alone
try:
    from selip_second import name
except ImportError:
    def work():
        with open("x"):
            from selip_first import inside
"""
    write(
        tmp_path,
        {
            "selip_first/__init__.py": "def __getattr__(name):\n    from selip_first import for_callers_alone\n",
            "selip_first/start.py": started,
            **{
                f"selip_first/{name}.py": ""
                for name in ("plain", "submodule", "types_alone", "inside", "for_callers_alone", "untouched")
            },
            "selip_first/inner/__init__.py": "from selip_first.inner import neighbour",
            "selip_first/inner/deep.py": "",
            "selip_first/inner/neighbour.py": "import selip_first.start",
            "selip_second/__init__.py": "def __getattr__(name):\n    from selip_second import lazy\n",
            "selip_second/lazy.py": "",
        },
    )
    assert used_modules(("python", "-m", "selip_first.start", "--out", "here")) == {
        "selip_first",
        "selip_first.start",
        "selip_first.plain",
        "selip_first.submodule",
        "selip_first.inside",
        "selip_first.inner",
        "selip_first.inner.deep",
        "selip_first.inner.neighbour",
        "selip_second",
        "selip_second.lazy",
    }


def test_other_files_count_for_the_package_that_they_lie_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    of_start, of_inner = ("python", "-m", "selip_third.start"), ("python", "-m", "selip_third.inner.start")
    write(
        tmp_path,
        {
            "selip_third/__init__.py": "",
            "selip_third/start.py": "",
            "selip_third/tables/sites.csv": "1",
            "selip_third/inner/__init__.py": "",
            "selip_third/inner/start.py": "",
            "selip_third/inner/page.css": "1",
        },
    )
    before = [used_code([command]) for command in (of_start, of_inner)]
    write(tmp_path, {"selip_third/inner/page.css": "2"})
    page = [used_code([command]) for command in (of_start, of_inner)]
    assert (page[0] == before[0], page[1] == before[1]) == (True, False)
    write(tmp_path, {"selip_third/tables/sites.csv": "2"})
    tables = [used_code([command]) for command in (of_start, of_inner)]
    assert (tables[0] == page[0], tables[1] == page[1]) == (False, False)
    (tmp_path / "selip_third" / "tables" / "sites.csv").rename(tmp_path / "selip_third" / "tables" / "places.csv")
    assert used_code([of_start]) != tables[0]


def test_programs_of_others_use_no_code_of_ours() -> None:
    assert used_modules(("true",)) == set()
    assert used_modules(("python", "-c", "import selip_pretrain.model")) == set()
    assert "selip_pretrain.objective.finding_similarity" in used_modules(("selip-pretrain",))


def test_no_module_is_imported_in_a_way_that_reading_does_not_find() -> None:
    """By a name in a string, by a relative name, or by another python; resources are of packages around the module."""
    unseen = re.compile(r"import_module|__import__|runpy|spec_from|\"-m\"|^\s*from \.", re.MULTILINE)
    resources = re.compile(r"\bfiles\(\"(\w+(?:\.\w+)*)\"\)")
    # The commands of the steps, what reads them, and what starts a command, whose module is read instead.
    runner = "selip_downstream/reproduce/runner/code_dependencies.py"
    allowed = {"selip_downstream/reproduce/plan.py", runner, "selip_shared/entry_points.py"}
    held: set[str] = set()
    for package in PACKAGES:
        for path in folder(package).rglob("*.py"):
            name = path.relative_to(folder(package).parent)
            text = path.read_text(encoding="utf-8")
            assert name.as_posix() in allowed or not unseen.search(text), name
            for named in resources.findall(text):
                assert ".".join(name.parent.parts).startswith(named), name
                held.add(named)
    assert held >= {"selip_contracts", "selip_extract.language", "selip_extract.pages", "selip_downstream.page"}

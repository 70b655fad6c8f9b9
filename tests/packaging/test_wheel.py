"""The wheel with only the base dependencies, as a user without the extras installs it."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import duckdb
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]

CONNECTION_OPENED = 99
GUARDED = f"""
import os, sys
from selip_extract.cli.extract import main
def guard(event, _):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        os._exit({CONNECTION_OPENED})
sys.addaudithook(guard)
main()
"""

pytestmark = pytest.mark.slow


def base_dependencies() -> set[str]:
    """The distributions that the package needs without extras, directly or indirectly, if installed."""
    found: set[str] = set()
    pending = ["selip"]
    while pending:
        for requirement in map(Requirement, distribution(pending.pop()).requires or ()):
            needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if needed and requirement.name not in found and is_installed(requirement.name):
                found.add(requirement.name)
                pending.append(requirement.name)
    return found


def is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's contents and links to the base dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel), cwd=folder)
    for name in base_dependencies():
        for file in distribution(name).files or ():
            top = file.parts[0]
            if top != ".." and not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    return site


def run(*command: str, cwd: Path, **variables: str) -> str:
    environment = {**os.environ, **variables}
    finished = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def command(site: Path, name: str, *arguments: str) -> str:
    # -S excludes the packages of this environment, including the project's sources
    return run(sys.executable, "-S", str(site / "bin" / name), *arguments, cwd=site.parent, PYTHONPATH=str(site))


@pytest.mark.parametrize("name", ["selip-extract", "selip-score", "selip-pseudo"])
def test_help(installed: Path, name: str) -> None:
    assert "--help" in command(installed, name, "--help")


def test_the_example_reports_of_the_wheel_are_extracted(installed: Path, tmp_path: Path) -> None:
    database = tmp_path / "selip.duckdb"
    command(installed, "selip-extract", str(installed / "selip_extract/examples/reports.csv"), "--db", str(database))
    with duckdb.connect(database, read_only=True) as connection:
        ((reports,),) = connection.execute("SELECT count(*) FROM reports").fetchall()
        ((findings,),) = connection.execute("SELECT count(*) FROM findings").fetchall()
    assert reports >= 20
    assert findings >= reports


def test_no_connection_is_opened(installed: Path, tmp_path: Path) -> None:
    reports, database = installed / "selip_extract/examples/reports.csv", tmp_path / "selip.duckdb"
    arguments = ("-S", "-c", GUARDED, str(reports), "--db", str(database))
    run(sys.executable, *arguments, cwd=tmp_path, PYTHONPATH=str(installed))
    assert database.exists()


def test_development_packages_are_not_seen(installed: Path) -> None:
    present = [name for name in ("pytest", "hypothesis", "peft", "pyarrow", "mypy") if (installed / name).exists()]
    assert present == []

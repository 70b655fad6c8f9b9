"""Provenance of results: versions of packages and code, hashes of files."""

import hashlib
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

CODE_FILES = ("*.py", "*.toml", "*.csv")
"""What decides what the code does: the lexicon and other knowledge are data files beside the modules."""


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_hash(folder: Path, pattern: str = "*") -> str:
    """SHA-256 over the names and bytes of the files below `folder` that match `pattern`, wherever it lies."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob(pattern) if p.is_file() and "__pycache__" not in p.parts):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


def code_hash(packages: Iterable[str]) -> str:
    """SHA-256 over the Python files of import packages and their data files, in the order of their names."""
    digest = hashlib.sha256()
    for package in sorted(packages):
        spec = find_spec(package)
        assert spec is not None, f"{package} is not installed"
        for folder in spec.submodule_search_locations or ():
            for pattern in CODE_FILES:
                digest.update(f"{package}\0{folder_hash(Path(folder), pattern)}\n".encode())
    return digest.hexdigest()


def environment(distributions: Iterable[str]) -> dict[str, str]:
    """Versions of Python, platform and the named distributions; "absent" where one is not installed."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: _version(name) for name in distributions},
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "absent"

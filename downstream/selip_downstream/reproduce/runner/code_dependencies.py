"""The SeLIP code that a command runs: the modules that it imports, and the data files of their packages.

Modules are parsed, not executed. A module that is named only by a string is not found.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from selip_shared.provenance import file_hash

OWN = "selip_"
"""Prefix of the names of all SeLIP packages."""


class _Import(NamedTuple):
    """An imported module. If only a module of a package is imported, the package's functions are not called."""

    module: str
    called: bool


def used_modules(command: Sequence[str]) -> frozenset[str]:
    """The SeLIP modules that a SeLIP program or `python -m MODULE` may import, with any options."""
    program, *arguments = command
    named = (program, *arguments[:1]) == ("python", "-m")
    started = arguments[1] if named else _programs().get(program, "")
    return _reached(started) if _is_own(started) else frozenset()


def used_code(commands: Iterable[Sequence[str]]) -> str:
    """Hash of the modules that the commands import and of all other files in the packages that hold these."""
    modules = sorted(set().union(*map(used_modules, commands)))
    digest = hashlib.sha256()
    for module in modules:
        source = _source(module)
        assert source is not None
        digest.update(f"{module}\0{file_hash(source)}\n".encode())
        if source.name == "__init__.py":
            for file in _beside(source.parent):
                digest.update(f"{module}\0{file.relative_to(source.parent).as_posix()}\0{file_hash(file)}\n".encode())
    return digest.hexdigest()


@cache
def _programs() -> dict[str, str]:
    scripts = entry_points(group="console_scripts")
    return {script.name: script.load().__module__ for script in scripts if _is_own(script.module)}


@cache
def _reached(started: str) -> frozenset[str]:
    to_read = {_Import(started, called=True)}
    reached: set[_Import] = set()
    while to_read:
        one = to_read.pop()
        reached.add(one)
        package = one.module.rpartition(".")[0]
        to_read |= {*_imports(one), *([_Import(package, called=False)] if package else [])} - reached
    return frozenset(one.module for one in reached)


@cache
def _imports(one: _Import) -> frozenset[_Import]:
    """The SeLIP modules that a module imports, including those in functions that may be called."""
    source = _source(one.module)
    assert source is not None, f"there is no module {one.module}"
    found: set[_Import] = set()
    for statement in _statements(ast.parse(source.read_bytes()), one.called):
        if isinstance(statement, ast.Import):
            found |= {_Import(alias.name, called=True) for alias in statement.names if _is_own(alias.name)}
        elif isinstance(statement, ast.ImportFrom) and statement.module and _is_own(statement.module):
            names = {f"{statement.module}.{alias.name}" for alias in statement.names}
            modules = {name for name in names if _source(name)}
            found |= {_Import(name, called=True) for name in modules}
            if names - modules:
                found.add(_Import(statement.module, called=True))
    return frozenset(found)


def _statements(node: ast.AST, called: bool) -> Iterator[ast.stmt]:
    """All statements except those for type checkers, and those of functions if these are not called."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.stmt):
            yield child
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        if not isinstance(child, ast.expr) and (called or not is_function):
            yield from _statements(child, called)


@cache
def _source(module: str) -> Path | None:
    """The source file; None where there is no such module."""
    package, *inside = module.split(".")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent.joinpath(*inside)
    sources = (path / "__init__.py", path.with_suffix(".py"))
    return next((source for source in sources if source.exists()), None)


def _beside(folder: Path) -> Iterator[Path]:
    """The data files of a package, without those of packages within it."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix != ".py":
            yield path
        elif path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").exists():
            yield from _beside(path)


def _is_own(module: str) -> bool:
    return module.startswith(OWN)

"""The wording of pseudo-reports: TOML files of phrase groups, validated when loaded.

A group is a list of phrases, from which one is drawn at random. A phrase is a string, or a pair of a string and its
weight: `[["见", 3], "可见"]` draws 见 three times as often as 可见. The order matters only for the reproduction of the
reports of a seed.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from string import Formatter
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from selip_contracts.vocabulary import SITES
from selip_shared.toml_files import read_toml

FOLDER = "selip_extract.pseudo_reports.data"


class PhraseFile(BaseModel):
    """The groups of one TOML file; other groups than the declared ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_File = TypeVar("_File", bound=PhraseFile)
_Table = TypeVar("_Table", bound=Mapping[Any, Any])


def load(kind: type[_File], name: str) -> _File:
    """The groups of `name`.toml; SelipError where a group is missing, empty, unknown or has an unknown placeholder."""
    return read_toml(files(FOLDER).joinpath(f"{name}.toml"), kind)


def _expand(entries: object) -> object:
    """Each phrase repeated as often as its weight says."""
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise ValueError("a group is a list of phrases")
    if not entries:
        raise ValueError("the group is empty: add at least one phrase")
    phrases: list[str] = []
    for entry in entries:
        match entry:
            case str():
                phrases.append(entry)
            case [str(phrase), int(weight)] if weight > 0:
                phrases += [phrase] * weight
            case _:
                raise ValueError(f'{entry!r} is neither a phrase nor a pair like ["见", 3]')
    return tuple(phrases)


def placeholders(*allowed: str) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """A check that phrases have no other placeholders than these; ValueError otherwise."""

    def check(phrases: tuple[str, ...]) -> tuple[str, ...]:
        for phrase in phrases:
            try:
                used = {name for _, name, _, _ in Formatter().parse(phrase) if name is not None}
            except ValueError:
                raise ValueError(f"{phrase!r} has a brace that is not part of a placeholder") from None
            if unknown := sorted(used - set(allowed)):
                known = f"use {', '.join(f'{{{name}}}' for name in allowed)}" if allowed else "it takes none"
                raise ValueError(f"{phrase!r} has the unknown placeholder {{{unknown[0]}}}: {known}")
        return phrases

    return check


def each_of(expected: Sequence[str]) -> Callable[[_Table], _Table]:
    """A check that a table has exactly these keys; ValueError otherwise."""

    def check(table: _Table) -> _Table:
        if different := sorted(set(expected) ^ set(table)):
            raise ValueError(f"the groups {', '.join(different)} are missing or unknown")
        return table

    return check


def known_site(name: str) -> str:
    """The name; ValueError where it is not a site of the vocabulary."""
    if name not in SITES:
        raise ValueError(f"{name} is not a site of the vocabulary")
    return name


def known_sites(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names; ValueError where one of them is not a site of the vocabulary."""
    return tuple(map(known_site, names))


Templates = Annotated[tuple[str, ...], BeforeValidator(_expand)]
Phrases = Annotated[Templates, AfterValidator(placeholders())]
Dated = Annotated[Templates, AfterValidator(placeholders("date"))]
Names = Annotated[frozenset[str], Field(min_length=1)]
SiteName = Annotated[str, AfterValidator(known_site)]
SiteNames = Annotated[frozenset[SiteName], Field(min_length=1)]

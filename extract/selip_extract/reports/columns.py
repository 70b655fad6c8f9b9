"""The columns that hold the text, id, patient and date of a report; columns.toml has their names."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import opencc
from pydantic import BaseModel, ConfigDict

from selip_shared.errors import SelipError
from selip_shared.toml_files import read_toml

NAMES = Path(__file__).with_name("columns.toml")
MAX_SHOWN_HEADING_CHARACTERS = 24
MAX_SHOWN_HEADINGS = 30
MAX_HEADING_CHARACTERS = 40

Groups = tuple[tuple[str, ...], ...]


class Names(BaseModel):
    """The content of columns.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Groups
    id: Groups
    patient: Groups
    impression: Groups
    date: Groups


@dataclass(frozen=True)
class Wanted:
    """What the user says of a table: the columns of text and id and the sheet, None to find them; columns to keep."""

    text_column: str | None = None
    id_column: str | None = None
    sheet: str | None = None
    keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class Columns:
    """The columns by index; `id` is None where the rows are numbered; of `patient` one is filled in each row."""

    text: int
    id: int | None
    patient: tuple[int, ...]
    date: int | None
    impression: int | None
    kept: tuple[int, ...]


@cache
def names() -> dict[str, Groups]:
    """The names of columns by what they hold, in groups of falling preference."""
    return {
        kind: tuple(tuple(heading_key(name) for name in group) for group in groups)
        for kind, groups in read_toml(NAMES, Names)
    }


@cache
def known_headings() -> frozenset[str]:
    """All names of columns, as `heading_key` returns them."""
    return frozenset(name for groups in names().values() for group in groups for name in group)


def heading_key(heading: str) -> str:
    """A heading to compare with others: without case, full-width and traditional forms, blanks and marks.

    What stands in brackets behind its words does not count.
    """
    if len(heading) > MAX_HEADING_CHARACTERS:
        return heading
    key = re.sub(r"[\s_.\-/*:“”\"']", "", unicodedata.normalize("NFKC", heading).casefold())
    key = re.sub(r"(?<=.)[(\[【].*?[)\]】]", "", key)
    key = re.sub(r"[(\[【)\]】]", "", key)
    return key if key.isascii() else _simplified(key)


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


@cache
def _simplified(text: str) -> str:
    return str(_converter().convert(text))


def text_rank(columns: Sequence[str], wanted: str | None) -> int | None:
    """How well a row of cells fits as heading, 0 best: the group of its column of texts; None where it has none."""
    keys = {heading_key(column) for column in columns}
    if wanted is not None:
        return 0 if heading_key(wanted) in keys else None
    return next((rank for rank, group in enumerate(names()["text"]) if keys.intersection(group)), None)


def find_columns(columns: Sequence[str], wanted: Wanted) -> Columns:
    """The columns that the user names, else those with usual names.

    Raises SelipError, which lists the columns, where there is no text or a name is ambiguous or missing.
    """
    text = _find_text_column(columns, wanted.text_column)
    patients = tuple(_candidates(columns, "patient"))
    if wanted.id_column is not None:
        report_id: int | None = named_column(columns, wanted.id_column, "--id-column")
    else:
        report_id = _only(columns, _candidates(columns, "id"), "the report's id", "--id-column")
        if report_id is None and patients:
            report_id = patients[0]
        patients = tuple(index for index in patients if index != report_id) or patients
    dates = _candidates(columns, "date")
    impressions = [index for index in _candidates(columns, "impression") if index != text]
    kept = tuple(named_column(columns, name, "--keep") for name in wanted.keep)
    return Columns(
        text, report_id, patients, dates[0] if dates else None, impressions[0] if impressions else None, kept
    )


def _find_text_column(columns: Sequence[str], wanted: str | None) -> int:
    if wanted is not None:
        return named_column(columns, wanted, "--text-column")
    found = _only(columns, _candidates(columns, "text"), "the report text", "--text-column")
    if found is not None:
        return found
    if any(_reads_like_a_report(column) for column in columns):
        raise SelipError(
            "The first line looks like a report and not like a heading: put a line of column names above it, "
            "for example 检查号,影像所见."
        )
    raise SelipError(
        "No column has a usual name for the report text (影像所见, 检查所见, findings, report, …): "
        f"name it with --text-column. Columns: {listed(columns)}"
    )


def listed(columns: Sequence[str]) -> str:
    """Column names for a message, long ones truncated."""
    shown = [
        name if len(name) <= MAX_SHOWN_HEADING_CHARACTERS else name[:MAX_SHOWN_HEADING_CHARACTERS] + "…"
        for name in (" ".join(column.split()) or "(no name)" for column in columns[:MAX_SHOWN_HEADINGS])
    ]
    return ", ".join([*shown, "…"] if len(columns) > MAX_SHOWN_HEADINGS else shown)


def named_column(columns: Sequence[str], wanted: str, option: str) -> int:
    """The index of the column of this name; SelipError, which names the option, where there is none or several."""
    for same in (str.strip, heading_key):
        matches = [index for index, column in enumerate(columns) if same(column) == same(wanted)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise SelipError(
                f"{len(matches)} columns are called {wanted}: give each a name of its own. Columns: {listed(columns)}"
            )
    raise SelipError(f"There is no column {wanted}: give {option} one of these columns: {listed(columns)}")


def _only(columns: Sequence[str], candidates: Sequence[int], what: str, option: str) -> int | None:
    if len(candidates) > 1:
        equally_good = listed([columns[index] for index in candidates])
        raise SelipError(
            f"More than one column may hold {what} ({equally_good}): "
            f"name the right one with {option}. Columns: {listed(columns)}"
        )
    return candidates[0] if candidates else None


def _candidates(columns: Iterable[str], kind: str) -> list[int]:
    keys = [heading_key(column) for column in columns]
    for group in names()[kind]:
        if candidates := [index for index, key in enumerate(keys) if key in group]:
            return candidates
    return []


def _reads_like_a_report(heading: str) -> bool:
    return len(heading) > MAX_HEADING_CHARACTERS or any(mark in heading for mark in "。；")

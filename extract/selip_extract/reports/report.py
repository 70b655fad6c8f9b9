"""A report of the user: its id, its text, and what its row says of it."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Report:
    """One row of the user's file; `row` counts from 1 below the heading.

    `impression` is not read. `kept` are further columns of the row as JSON. `numbered` says that the row has no id and
    is named after its number.
    """

    report_id: str
    text: str
    row: int
    file: str = field(default="", compare=False)
    patient_id: str | None = None
    date: datetime | None = None
    kept: str | None = None
    impression: str | None = None
    numbered: bool = field(default=False, compare=False)

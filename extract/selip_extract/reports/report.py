"""A report of the user: its id, its text and its row in the file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """One row of the user's file; `row` counts from 1 below the heading."""

    report_id: str
    text: str
    row: int

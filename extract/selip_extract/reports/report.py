"""A report as it was given: its id, its text and where in the file it stood."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """One row of a user's file; `row` counts from 1 and leaves the heading out."""

    report_id: str
    text: str
    row: int

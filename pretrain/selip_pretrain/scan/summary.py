"""What a scan tells beside the rows of its tables."""

from typing import NamedTuple


class LinkNotes(NamedTuple):
    """What a user should know about the links to reports; each list is sorted."""

    alike: list[tuple[str, str]]
    """Names that were matched although leading zeros or case differ: as written once, and as matched."""
    unused_rows: list[str]
    """Names in the manifest that no image has."""
    unknown_reports: list[str]
    """Reports in the manifest that the database does not hold."""


class ScanSummary(NamedTuple):
    """Counts and notes of a scan."""

    other_files: int
    """Files that are not images."""
    ambiguous_studies: int
    """Studies whose name may refer to several reports."""
    notes: LinkNotes

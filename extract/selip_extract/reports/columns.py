"""The columns of a table that hold the text and the id of a report."""

import re
import unicodedata
from collections.abc import Sequence

from selip_shared.errors import SelipError

# Names by preference: a column of an earlier group wins, two columns of one group are ambiguous.
TEXT_HEADINGS = (
    ("影像所见", "检查所见", "影像学所见", "放射学所见", "影像表现", "影像学表现", "检查表现", "影像描述", "影像学描述",
     "检查描述", "MR所见", "MRI所见", "磁共振所见", "报告所见", "所见", "findings", "findings_text", "finding"),
    ("描述", "description", "findings_description"),
    ("报告内容", "报告正文", "报告文本", "检查报告", "影像报告", "报告", "report", "report_text", "report_content"),
    ("正文", "文本", "内容", "text", "content"),
)  # fmt: skip
ID_HEADINGS = (
    ("报告编号", "报告号", "报告ID", "report_id", "report_no", "report_number"),
    ("检查号", "检查编号", "检查ID", "检查流水号", "accession", "accession_number", "accession_no", "accession_id",
     "study_id", "exam_id", "study_instance_uid"),
    ("影像号", "影像编号", "影像ID", "放射号", "流水号"),
    ("id", "uid", "编号", "唯一号"),
)  # fmt: skip
MAX_SHOWN_HEADING_CHARACTERS = 24
MAX_SHOWN_HEADINGS = 30
MAX_HEADING_CHARACTERS = 40


def heading_key(heading: str) -> str:
    """A heading without case, full-width forms, blanks, `_`, `-` and `.`, to compare it with others."""
    return re.sub(r"[\s_.\-]", "", unicodedata.normalize("NFKC", heading).casefold())


KNOWN_HEADINGS = frozenset(
    heading_key(name) for groups in (TEXT_HEADINGS, ID_HEADINGS) for group in groups for name in group
)


def find_text_column(columns: Sequence[str], wanted: str | None) -> int:
    """The index of the column of the text: the one `wanted`, else the one with a usual name.

    Raises SelipError, which lists the columns, if there is none or several are equally good.
    """
    if wanted is not None:
        return _named_column(columns, wanted, "--text-column")
    candidates = _best_candidates(columns, TEXT_HEADINGS)
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        equally_good = listed([columns[index] for index in candidates])
        raise SelipError(
            f"More than one column may hold the report text ({equally_good}): "
            f"name the right one with --text-column. Columns: {listed(columns)}"
        )
    if any(_reads_like_a_report(column) for column in columns):
        raise SelipError(
            "The first line looks like a report and not like a heading: put a line of column names above it, "
            "for example 检查号,影像所见."
        )
    raise SelipError(
        "No column has a usual name for the report text (影像所见, 检查所见, findings, report, …): "
        f"name it with --text-column. Columns: {listed(columns)}"
    )


def find_id_column(columns: Sequence[str], wanted: str | None) -> int | None:
    """The index of the column of the report's id; None if no column has a usual name for it.

    Raises SelipError, which lists the columns, if several are equally good or the one `wanted` is missing.
    """
    if wanted is not None:
        return _named_column(columns, wanted, "--id-column")
    candidates = _best_candidates(columns, ID_HEADINGS)
    if len(candidates) > 1:
        equally_good = listed([columns[index] for index in candidates])
        raise SelipError(
            f"More than one column may hold the report's id ({equally_good}): "
            f"name the right one with --id-column. Columns: {listed(columns)}"
        )
    return candidates[0] if candidates else None


def listed(columns: Sequence[str]) -> str:
    """Column names for a message, long ones truncated."""
    names = [
        name if len(name) <= MAX_SHOWN_HEADING_CHARACTERS else name[:MAX_SHOWN_HEADING_CHARACTERS] + "…"
        for name in (" ".join(column.split()) or "(no name)" for column in columns[:MAX_SHOWN_HEADINGS])
    ]
    return ", ".join([*names, "…"] if len(columns) > MAX_SHOWN_HEADINGS else names)


def _named_column(columns: Sequence[str], wanted: str, option: str) -> int:
    for same in (str.strip, heading_key):
        matches = [index for index, column in enumerate(columns) if same(column) == same(wanted)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise SelipError(
                f"{len(matches)} columns are called {wanted}: give each a name of its own. Columns: {listed(columns)}"
            )
    raise SelipError(f"There is no column {wanted}: give {option} one of these columns: {listed(columns)}")


def _best_candidates(columns: Sequence[str], groups: Sequence[Sequence[str]]) -> list[int]:
    keys = [heading_key(column) for column in columns]
    for group in groups:
        names = {heading_key(name) for name in group}
        candidates = [index for index, key in enumerate(keys) if key in names]
        if candidates:
            return candidates
    return []


def _reads_like_a_report(heading: str) -> bool:
    return len(heading) > MAX_HEADING_CHARACTERS or any(mark in heading for mark in "。；")

"""A cell of a table as text, as an id or as a date."""

import json
import math
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

Cells = Sequence[object]
TableRow = Cells | str
"""A string is a row that could not be split into cells: all of it is the text."""

MAX_EXACT_FLOAT = 1e15
"""A spreadsheet keeps 15 digits of a number."""

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_EXCEL_QUOTED = re.compile(r'="(.*)"')
_APOSTROPHE = re.compile(r"^'(?=\d)")
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?E\+?\d+", re.IGNORECASE)
_DATE = re.compile(
    r"(\d{4})(?:[-/.年]\s*(\d{1,2})[-/.月]\s*(\d{1,2})日?|(\d{2})(\d{2}))"
    r"(?:[\sT]*(\d{1,2})[:：时](\d{1,2})(?:[:：分](\d{1,2}))?.*|\s*(\d{2})(\d{2})(\d{2})?)?"
)
_IMPRESSION = re.compile(
    r"(?<=[\s。；;])[\[【(（]?(?:(?:影像学?)?诊断(?:意见|印象|结论|提示)?|(?:影像)?印象|(?:检查)?结论)[\]】)）]?\s*[:：]"
)
_EXCEL_EPOCH = datetime(1899, 12, 30)
_EXCEL_DAYS = range(20_000, 80_000)
"""1954 to 2119: what stands in a column of dates as a number in this range is a day of Excel."""


def cell_text(cell: object) -> str:
    """The cell as text; whole numbers without decimals, days without a time."""
    match cell:
        case None:
            return ""
        case str():
            return printable(cell)
        case bytes():
            return printable(cell.decode("utf-8", errors="replace"))
        case float() | Decimal() if math.isfinite(cell) and cell == int(cell):
            return str(int(cell))
        case datetime() if cell.time() == time():
            return cell.date().isoformat()
        case dict() | list():
            return printable(json.dumps(cell, ensure_ascii=False, default=str))
        case _:
            return printable(str(cell))


def id_text(cell: object) -> str:
    """The cell as an id: without blanks around it and without Excel's guards ="0012" and '0012."""
    text = cell_text(cell).strip()
    quoted = _EXCEL_QUOTED.fullmatch(text)
    return quoted[1].strip() if quoted else _APOSTROPHE.sub("", text)


def findings_and_impression(text: str) -> tuple[str, str | None]:
    """A text cut at the heading of the impression behind the findings (诊断意见：, 印象：); None where it has none."""
    found = _IMPRESSION.search(text)
    if found is None:
        return text, None
    return text[: found.start()].rstrip(), text[found.end() :].strip()


def rounded(cell: object) -> bool:
    """Whether the cell holds an id that a spreadsheet has rounded: 1.23E+17, or a number of more than 15 digits."""
    if isinstance(cell, str):
        return _SCIENTIFIC.fullmatch(cell.strip()) is not None
    return isinstance(cell, float) and abs(cell) >= MAX_EXACT_FLOAT


def cell_date(cell: object) -> datetime | None:
    """The cell as a date; None where it holds none."""
    match cell:
        case datetime():
            return cell.replace(tzinfo=None)
        case date():
            return datetime(cell.year, cell.month, cell.day)
        case int() | float() if not isinstance(cell, bool) and int(cell) in _EXCEL_DAYS:
            return _EXCEL_EPOCH + timedelta(days=cell)
    found = _DATE.fullmatch(cell_text(cell).strip())
    if found is None:
        return None
    year, month, day, month_2, day_2, hour, minute, second, hour_2, minute_2, second_2 = found.groups()
    try:
        return datetime(
            int(year), int(month or month_2), int(day or day_2),
            int(hour or hour_2 or 0), int(minute or minute_2 or 0), int(second or second_2 or 0),
        )  # fmt: skip
    except ValueError:
        return None


def printable(text: str) -> str:
    """The text without NUL; other characters that cannot be shown or stored are a space or \ufffd."""
    if not _UNPRINTABLE.search(text):
        return text
    return _UNPRINTABLE.sub(_replacement, text)


def _replacement(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\0":
        return ""
    return " " if character <= "\x7f" else "\ufffd"

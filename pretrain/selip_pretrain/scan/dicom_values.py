"""Values of DICOM attributes as text and numbers, whatever the scanner wrote."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset


def text_of(dataset: Dataset, keyword: str) -> str:
    """The text of an attribute, empty where there is none."""
    text = str(dataset.get(keyword, "") or "").strip(" \0")
    if not text.isascii() and not dataset.get("SpecificCharacterSet"):
        # Some Chinese scanners omit the character set, so that GB 18030 was read as Latin 1.
        try:
            return text.encode("latin-1").decode("gb18030")
        except UnicodeError:
            return text
    return text


def values_of(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of a multi-valued attribute, as text."""
    value = dataset.get(keyword) or ()
    return (value,) if isinstance(value, str) else tuple(map(str, value))


def number_of(value: Any) -> float | None:
    """The number, or the first of several; None where there is no finite one."""
    if isinstance(value, bytes):
        value = value.decode("latin-1").strip("\0 ").split("\\")[0]
    elif not isinstance(value, str) and isinstance(value, Sequence):
        value = value[0] if value else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None

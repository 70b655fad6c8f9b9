"""Values of DICOM attributes as text and numbers, whatever the scanner wrote."""

import re
from codecs import getincrementaldecoder
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.charset import python_encoding
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

_ESCAPES = re.compile(rb"\x1b[\x20-\x2f]+[\x30-\x7e]")
"""Switches between character sets (ISO 2022)."""
_LATIN = ("ISO_IR 100", "ISO_IR 101", "ISO 2022 IR 100", "ISO 2022 IR 101")
_DOUBTFUL = (*_LATIN, "", "ISO_IR 6", "ISO 2022 IR 6", "ISO_IR 192", "GB18030", "GBK", "ISO 2022 IR 58", "ISO_IR 58")
"""Character sets that scanners state whatever they write; the others, such as Japanese and Cyrillic, are believed."""
_BELIEVED = frozenset(python_encoding) - frozenset(_DOUBTFUL)
_GB2312 = re.compile(rb"(?:[\x00-\x7f]|[\xa1-\xf7][\xa1-\xfe])*[\xa1-\xf7]?")
"""Pairs of bytes, of which the last may have been cut."""
_COMMON_PAIR = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]|[\xd8-\xf7][\xa1-\xfe].*[\xa1-\xf7][\xa1-\xfe]", re.DOTALL)
"""A common Chinese character, or two of any kind; a single rare one is a word such as Größe."""
_ALPHABETS = re.compile("(?:[\0-\xff]|[\u0100-\u017f])*|(?:[\0-\x7f]|[\u0386-\u03ce])*|(?:[\0-\x7f]|[\u0400-\u045f])*")


def text_of(dataset: Dataset, keyword: str) -> str:
    """The text of an attribute, empty where there is none.

    The character set that a file states is often wrong or missing: bytes of UTF-8 and of GB 18030 are recognised by
    what they decode to.
    """
    raw = dataset.get_item(keyword) if keyword in dataset else None
    declared = dataset.get("SpecificCharacterSet") or ""
    if isinstance(raw, RawDataElement) and raw.value and not raw.value.isascii():
        text = _decoded(raw.value, (declared,) if isinstance(declared, str) else tuple(declared))
    else:
        text = ""
    text = text or str(dataset.get(keyword, "") or "")
    return _ESCAPES.sub(b"", text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace").strip(" \0")


def _decoded(content: bytes, declared: tuple[str, ...]) -> str:
    """The text of bytes that are not ASCII; empty where the declared character sets are to be believed."""
    if any(name in _BELIEVED for name in declared):
        return ""
    plain = _ESCAPES.sub(b"", content).rstrip(b" \0")
    pairs = _GB2312.fullmatch(plain) is not None and _COMMON_PAIR.search(plain) is not None
    text = _whole_letters(plain, "utf-8")
    # Short GB 2312 may be valid UTF-8 of rare letters: 平扫 is.
    if text and (not pairs or _ALPHABETS.fullmatch(text) or any(letter >= "\u2e80" for letter in text)):
        return text
    if pairs or not any(name in _LATIN for name in declared):
        # Under Latin 1 a lone byte is a letter such as ä.
        return _whole_letters(plain, "gb18030")
    return ""


def _whole_letters(content: bytes, encoding: str) -> str:
    """The text, without a last letter that was cut to the length of the attribute; empty where it is another one."""
    try:
        text = getincrementaldecoder(encoding)().decode(content)
    except UnicodeDecodeError:
        return ""
    return "" if text.isascii() else text


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

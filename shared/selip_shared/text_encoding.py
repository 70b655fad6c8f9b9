"""The encoding of a text file, found by reading the whole file.

Chinese tables only need UTF-8, UTF-16 and GB18030. With so few candidates a strict decoder decides better than the
statistics of a general detector: on tables of a few short rows, and on files with a damaged character.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

CHUNK_BYTES = 1 << 18
MAX_UNREADABLE_SHARE = 0.1
MIN_PLAUSIBLE_SHARE_OF_UTF16 = 0.7
MAX_NUL_SHARE_OF_UTF8 = 0.1


@dataclass(frozen=True)
class TextEncoding:
    """The usual name of an encoding, Python's codec, and the number of characters that cannot be decoded."""

    name: str
    codec: str
    unreadable: int = 0


UTF8 = TextEncoding("UTF-8", "utf-8")
GB18030 = TextEncoding("GB18030", "gb18030")
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, TextEncoding("UTF-8 with BOM", "utf-8-sig")),
    (codecs.BOM_UTF16_LE, TextEncoding("UTF-16 LE", "utf-16")),
    (codecs.BOM_UTF16_BE, TextEncoding("UTF-16 BE", "utf-16")),
)
UTF16_WITHOUT_BOM = (TextEncoding("UTF-16 LE", "utf-16-le"), TextEncoding("UTF-16 BE", "utf-16-be"))


def detect_encoding(path: Path) -> TextEncoding | None:
    """The encoding of the file; None where it is no text in UTF-8, UTF-16 or GB18030.

    A byte order mark decides. Without one the file is UTF-16 if its zero bytes indicate it, else UTF-8 if all or
    nearly all characters can be decoded, else GB18030 under the same condition.
    """
    with path.open("rb") as file:
        sample = file.read(CHUNK_BYTES)
    for mark, marked in BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return _if_readable(path, marked)
    for utf16 in UTF16_WITHOUT_BOM:
        if _looks_like_utf16(sample, utf16.codec):
            return _if_readable(path, utf16)
    return _if_readable(path, UTF8) or _if_readable(path, GB18030)


def _looks_like_utf16(sample: bytes, codec: str) -> bool:
    if sample.count(0) <= MAX_NUL_SHARE_OF_UTF8 * len(sample) and _decodes_strictly(sample, "utf-8"):
        return False
    if 0 not in sample or not _decodes_strictly(sample, codec):
        return False
    text = codecs.getincrementaldecoder(codec)().decode(sample)
    plausible = sum(_is_common_in_chinese_text(character) for character in text)
    return plausible >= MIN_PLAUSIBLE_SHARE_OF_UTF16 * len(text) and ("\n" in text or "\r" in text)


def _is_common_in_chinese_text(character: str) -> bool:
    """Latin and Greek letters, Chinese characters, punctuation; not the UTF-16 character of two digits or quotes."""
    return (
        " " <= character <= "~"
        or character in "\t\r\n"
        or "\u00a0" <= character <= "\u03ff"
        or "\u2000" <= character <= "\u206f"
        or "\u2460" <= character <= "\u25ff"
        or "\u3000" <= character <= "\u301f"
        or "\u4e00" <= character <= "\u9fff"
        or "\uff00" <= character <= "\uffef"
    )


def _decodes_strictly(sample: bytes, codec: str) -> bool:
    """Whether the sample can be decoded; its last character may be incomplete."""
    try:
        codecs.getincrementaldecoder(codec)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _if_readable(path: Path, encoding: TextEncoding) -> TextEncoding | None:
    """The encoding with its number of unreadable characters; None if these are too many for a text."""
    if _is_fully_readable(path, encoding.codec):
        return encoding
    unreadable = non_ascii = 0
    for text in _decoded_chunks(path, encoding.codec, errors="replace"):
        unreadable += text.count("\ufffd")
        non_ascii += len(text) - len(text.encode("ascii", "ignore"))
    if unreadable > MAX_UNREADABLE_SHARE * non_ascii:
        return None
    return replace(encoding, unreadable=unreadable)


def _is_fully_readable(path: Path, codec: str) -> bool:
    try:
        for _ in _decoded_chunks(path, codec, errors="strict"):
            pass
    except UnicodeDecodeError:
        return False
    return True


def _decoded_chunks(path: Path, codec: str, errors: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(codec)(errors)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)

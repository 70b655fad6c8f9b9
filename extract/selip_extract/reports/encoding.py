"""Which encoding a text file is in, found by reading all of it once."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

CHUNK_BYTES = 1 << 18
UNREADABLE_SHARE_OF_TEXT = 0.1
PLAUSIBLE_SHARE_OF_UTF16 = 0.7
NUL_SHARE_OF_UTF8 = 0.1


@dataclass(frozen=True)
class TextEncoding:
    """An encoding by its usual name, Python's codec for it, and how many characters it leaves unreadable."""

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
UTF16_WITHOUT_MARK = (TextEncoding("UTF-16 LE", "utf-16-le"), TextEncoding("UTF-16 BE", "utf-16-be"))


def detect_encoding(path: Path) -> TextEncoding | None:
    """The encoding in which the whole file can be read; None when it is text in none of those known.

    A byte order mark decides. Without one the file is UTF-16 when its zero bytes say so, else UTF-8 when all of it
    is or all but a few damaged characters, else GB18030 in the same way.
    """
    with path.open("rb") as file:
        sample = file.read(CHUNK_BYTES)
    for mark, marked in BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return _as_far_as_readable(path, marked)
    for utf16 in UTF16_WITHOUT_MARK:
        if _looks_like_utf16(sample, utf16.codec):
            return _as_far_as_readable(path, utf16)
    return _as_far_as_readable(path, UTF8) or _as_far_as_readable(path, GB18030)


def _looks_like_utf16(sample: bytes, codec: str) -> bool:
    if sample.count(0) <= NUL_SHARE_OF_UTF8 * len(sample) and _decodes_strictly(sample, "utf-8"):
        return False
    if 0 not in sample or not _decodes_strictly(sample, codec):
        return False
    text = codecs.getincrementaldecoder(codec)().decode(sample)
    plausible = sum(_is_usual_in_reports(character) for character in text)
    return plausible >= PLAUSIBLE_SHARE_OF_UTF16 * len(text) and ("\n" in text or "\r" in text)


def _is_usual_in_reports(character: str) -> bool:
    """Latin and Greek letters, Chinese characters, punctuation; not what two digits or quotes are as UTF-16."""
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
    """Whether the sample can be read, leaving aside a character that its end cuts in two."""
    try:
        codecs.getincrementaldecoder(codec)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _as_far_as_readable(path: Path, encoding: TextEncoding) -> TextEncoding | None:
    """The encoding with its count of unreadable characters; None when these are too many for a text."""
    if _is_all_readable(path, encoding.codec):
        return encoding
    unreadable = beyond_ascii = 0
    for text in _decoded_chunks(path, encoding.codec, errors="replace"):
        unreadable += text.count("\ufffd")
        beyond_ascii += len(text) - len(text.encode("ascii", "ignore"))
    if unreadable > UNREADABLE_SHARE_OF_TEXT * beyond_ascii:
        return None
    return replace(encoding, unreadable=unreadable)


def _is_all_readable(path: Path, codec: str) -> bool:
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

"""The encoding of a text file, found by reading the whole file.

Chinese tables only need UTF-8, UTF-16, GB18030 and Big5. With so few candidates a strict decoder decides better than
the statistics of a general detector: on tables of a few short rows, and on files with a damaged character.
"""

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

Opener = Callable[[], BinaryIO]
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
BIG5 = TextEncoding("Big5", "cp950")
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, TextEncoding("UTF-8 with BOM", "utf-8-sig")),
    (codecs.BOM_UTF16_LE, TextEncoding("UTF-16 LE", "utf-16")),
    (codecs.BOM_UTF16_BE, TextEncoding("UTF-16 BE", "utf-16")),
)
FREQUENT_IN_REPORTS = frozenset(
    "，。、；：（）的左右双雙侧側脑腦叶葉见見信号號高低长長短未异異常影像检檢查报報告所室灶状狀"
)
UTF16_WITHOUT_BOM = (TextEncoding("UTF-16 LE", "utf-16-le"), TextEncoding("UTF-16 BE", "utf-16-be"))


def detect_encoding(open_file: Opener) -> TextEncoding | None:
    """The encoding of the file that `open_file` opens; None where it is no text in UTF-8, UTF-16, GB18030 or Big5.

    A byte order mark decides. Without one the file is UTF-16 if its zero bytes indicate it, else UTF-8 if all or
    nearly all characters can be decoded, else GB18030 or Big5 under the same condition: the one in which more
    characters are those of reports.
    """
    with open_file() as file:
        sample = file.read(CHUNK_BYTES)
    for mark, marked in BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return _if_readable(open_file, marked)
    for utf16 in UTF16_WITHOUT_BOM:
        if _looks_like_utf16(sample, utf16.codec):
            return _if_readable(open_file, utf16)
    return _if_readable(open_file, UTF8) or _if_readable(open_file, _legacy_encoding(sample))


def _legacy_encoding(sample: bytes) -> TextEncoding:
    """Either encoding decodes most bytes of the other, but to rare characters."""

    def frequent(encoding: TextEncoding) -> int:
        text = codecs.getincrementaldecoder(encoding.codec)("replace").decode(sample)
        return sum(character in FREQUENT_IN_REPORTS for character in text)

    return BIG5 if frequent(BIG5) > frequent(GB18030) else GB18030


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


def _if_readable(open_file: Opener, encoding: TextEncoding) -> TextEncoding | None:
    """The encoding with its number of unreadable characters; None if these are too many for a text."""
    if _is_fully_readable(open_file, encoding.codec):
        return encoding
    unreadable = non_ascii = 0
    for text in _decoded_chunks(open_file, encoding.codec, errors="replace"):
        unreadable += text.count("\ufffd")
        non_ascii += len(text) - len(text.encode("ascii", "ignore"))
    if unreadable > MAX_UNREADABLE_SHARE * non_ascii:
        return None
    return replace(encoding, unreadable=unreadable)


def _is_fully_readable(open_file: Opener, codec: str) -> bool:
    try:
        for _ in _decoded_chunks(open_file, codec, errors="strict"):
            pass
    except UnicodeDecodeError:
        return False
    return True


def _decoded_chunks(open_file: Opener, codec: str, errors: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(codec)(errors)
    with open_file() as file:
        while chunk := file.read(CHUNK_BYTES):
            yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)

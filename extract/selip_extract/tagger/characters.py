"""Characters as the tagger reads them: each character of a text as one number, so that offsets stay."""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import opencc

PADDING, UNKNOWN = 0, 1
_RESERVED = 2
_FIRST_HANZI, _LAST_HANZI = 0xB0, 0xD7
_UNSEEN = ("Cc", "Cf")
_CHINESE = "\u3400"


class _NormalForms(dict[int, str]):
    """By code point the character in NFKC, simplified, in capitals; one that would not stay one character is kept.

    Blanks and characters that are not seen, as control characters, are a blank.
    """

    def __init__(self) -> None:
        super().__init__()
        self._simplified = opencc.OpenCC("t2s")

    def __missing__(self, code: int) -> str:
        character = chr(code)
        form = unicodedata.normalize("NFKC", character).upper()
        if form >= _CHINESE:
            form = self._simplified.convert(form)
        if form.isspace() or unicodedata.category(character) in _UNSEEN:
            form = "\n" if character in "\r\n\u2028\u0085" else " "
        self[code] = form if len(form) == 1 else character
        return self[code]


_FORMS = _NormalForms()


def normal_form(text: str) -> str:
    """The text as it is read, with as many characters as `text`."""
    return text.translate(_FORMS)


def common_characters() -> str:
    """Printable ASCII without small letters, CJK punctuation, circled numbers, and the first level of GB 2312."""
    ascii_ = "\n" + "".join(chr(c) for c in range(0x20, 0x7F) if not chr(c).islower())
    marks = "、。《》【】“”·…—×±℃①②③④⑤⑥⑦⑧⑨⑩"
    rows = range(_FIRST_HANZI, _LAST_HANZI + 1)
    hanzi = (bytes((row, cell)).decode("gb2312", "ignore") for row in rows for cell in range(0xA1, 0xFF))
    return ascii_ + marks + "".join(hanzi)


class CharacterNumbers:
    """Numbers of the characters that the network knows; others are UNKNOWN."""

    def __init__(self, characters: str) -> None:
        self._numbers = {ord(c): i for i, c in enumerate(characters, start=_RESERVED)}

    def __call__(self, text: str) -> list[int]:
        """The number of each character of the normal form of `text`."""
        return [self._numbers.get(ord(c), UNKNOWN) for c in normal_form(text)]


@lru_cache(4)
def numbers_of(characters: str) -> CharacterNumbers:
    """The numbers, made once for the same characters."""
    return CharacterNumbers(characters)


def vocabulary_of(texts: Sequence[str]) -> str:
    """The common characters and those of the texts, each once."""
    return "".join(dict.fromkeys(common_characters() + normal_form("".join(texts))))

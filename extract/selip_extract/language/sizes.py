"""Sizes of lesions, in the text as the lexer normalizes it: 1.2×0.8CM, 21MM×18MM, 3-5MM."""

import re
from collections.abc import Iterable
from functools import cache, lru_cache

from selip_extract.language.lexicon import lexicon

Size = tuple[float, ...]
"""Millimetres."""
_NUMBER = r"\d+(?:\.\d+)?"
_COMMA_NUMBER = r"\d+(?:[.,]\d+)?"
_TIMES = "(?:[×X*✕╳·]|乘以?)"
_AXIS = r"(?:\((?:前后|左右|上下|横|纵|长|宽|高|厚|AP|LR|SI|CC)径?\))"
"""4.4CM(前后)×3.9CM(左右)."""
_OF_AN_EARLIER_STUDY = re.compile(r"[(（]前[^)）]*$|(?:片|(?<!依)次)(?:约|为)?$")
"""(前片约2.0×1.5CM), 前片约5MM."""
_BECOMES = "(?:增|缩|减|变|扩)[大小少]?(?:至|到|为)"
_TURNING_INTO = re.compile(rf"[)）]?.{{0,3}}{_BECOMES}")
_TURNED = re.compile(rf"{_BECOMES}约?$")
_TO = "[-~]"
_DIGITS = "零一二三四五六七八九"
_SPOKEN = f"[{_DIGITS}十两]+"


@cache
def size_expression() -> str:
    """The regular expression of a size: dimensions with a cross between them, or one number or range with its unit."""
    unit = f"(?:{'|'.join(lexicon().unit_mm)})"
    spoken = f"{_SPOKEN}(?:点{_SPOKEN})?"
    spoken = rf"{spoken}(?:{unit}?乘以?{spoken})*{unit}"
    crossed = rf"{_COMMA_NUMBER}{unit}?(?:{_AXIS}?{_TIMES}{_COMMA_NUMBER}{unit}?)+"
    # 1,8CM may be 1.8 cm, or the end of a list: it is no size. CM2 and CM3 are areas and volumes.
    return rf"(?:{spoken}|{crossed}|(?<!\d,){_NUMBER}(?:{_TO}{_NUMBER})?{unit})(?![23](?![\d枚个处]))"


@cache
def size_pattern() -> re.Pattern[str]:
    """The expression compiled."""
    return re.compile(size_expression(), re.ASCII)


@cache
def _dimension_pattern() -> re.Pattern[str]:
    return re.compile(rf"(?:{_NUMBER}{_TO})?({_NUMBER})({'|'.join(lexicon().unit_mm)})?", re.ASCII)


@cache
def size_sign_pattern() -> re.Pattern[str]:
    """A character without which a text, not yet normalized, holds no size: of a cross, of a unit's end, or unusual."""
    ends = "".join(unit[-1] + unit[-1].lower() for unit in lexicon().unit_mm)
    return re.compile(rf"[Xx*{ends}]|[^\x00-\x7f、。，；：（）\u4e00-\u9fff]")


def is_of_an_earlier_study(text: str, start: int, size_start: int, size_end: int) -> bool:
    """Whether the words before a size, from `start` on, or those behind say that it was that of an earlier study."""
    if _TURNING_INTO.match(text, size_end):
        return True
    # no such words reach over the end of a bracket
    end_of_bracket = max(text.rfind(mark, start, size_start) for mark in ")）")
    return _OF_AN_EARLIER_STUDY.search(text, max(start, end_of_bracket + 1), size_start) is not None


def is_of_the_present(text: str, size_start: int) -> bool:
    """由前次38×25MM增至42×30MM: whether the size is what an earlier one has become."""
    return _TURNED.search(text, max(0, size_start - 8), size_start) is not None


def largest_size(sizes: Iterable[Size]) -> Size:
    """Of several sizes the one with most dimensions, of these the largest; () of none."""
    return max(sizes, key=lambda size: (len(size), max(size, default=0)), default=())


@lru_cache(1 << 8)
def millimetres(size: str) -> Size:
    """The dimensions of a matched size in mm, of a range its upper end.

    A dimension without a unit has that of the next one, or else of the one before: 1.2×0.8CM, 12MM×8. Without any
    unit it is in mm.
    """
    dimensions = _dimension_pattern().findall(_in_digits(size).replace(",", "."))
    units = [unit for _, unit in dimensions]
    for i in reversed(range(len(units) - 1)):
        units[i] = units[i] or units[i + 1]
    for i in range(1, len(units)):
        units[i] = units[i] or units[i - 1]
    unit_mm = lexicon().unit_mm
    return tuple(
        round(float(number) * unit_mm.get(unit, 1), 2) for (number, _), unit in zip(dimensions, units, strict=True)
    )


def _in_digits(size: str) -> str:
    """零点八乘十二厘米 as 0.8×12厘米."""
    return re.sub(
        _SPOKEN, lambda match: _digits(match[0]), size.replace("点", ".").replace("乘以", "×").replace("乘", "×")
    )


def spoken_number(words: str) -> int:
    """十二, 两 or 12 as a number."""
    return int(words if words.isdecimal() else _digits(words))


def _digits(spoken: str) -> str:
    spoken = spoken.replace("两", "二")
    if "十" not in spoken:
        return "".join(str(_DIGITS.index(character)) for character in spoken)
    tens, _, ones = spoken.partition("十")
    return str((_DIGITS.index(tens) if tens else 1) * 10 + (_DIGITS.index(ones) if ones else 0))

"""小者约6mm，T1高: the smaller of two lesions at one site has its own size and form, not those of the larger."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from selip_extract.language.lesion_words import clause_end, words_of
from selip_extract.language.lexer import normalized
from selip_extract.language.sizes import Size, millimetres, size_pattern

_OF_A_SIZE = re.compile(
    "(?P<smaller>小者|较小(?:的|病?灶|结节|一?[枚个])|(?<=[，,；;。])小的)|大者|较大(?:的|病?灶|结节|一?[枚个])|(?<=[，,；;。])大的|[均余]|[两二]者"
)
_PLACES = re.compile("[^。；;\n见]*(?:位于|见于|在)?[左右双两]?侧?")
"""Between 小者 and its site."""
_VALUE = re.compile("信号|强化|受限|[高低等长短](?=[，,；;、]|T[12])")


class SmallerLesion(NamedTuple):
    """What is said of the smaller lesion; its size in mm."""

    morphology: str | None
    size_mm: Size


def smaller_lesion(text: str, site: tuple[int, int], signal_end: int) -> SmallerLesion | None:
    """What the text has said of the smaller lesion when it comes to a signal at `site`; None if that is not its own.

    The site may stand behind: 小者约0.5cm，位于左侧颞极，T2WI稍高信号.
    """
    start = max(text.rfind(mark, 0, site[0]) for mark in "。\n") + 1
    marks = [*_OF_A_SIZE.finditer(text, start, signal_end)]
    if not marks or marks[-1]["smaller"] is None:
        return None
    behind = marks[-1].end() <= site[0]
    if behind and not _PLACES.fullmatch(text, marks[-1].end(), site[0]):
        return None
    if _ends_a_list_of_sizes(text, marks, site[0] if behind else signal_end):
        return None
    ends = [*(mark.start() for mark in marks[1:]), clause_end(text, signal_end)]
    passages = [text[mark.end() : end] for mark, end in zip(marks, ends, strict=True) if mark["smaller"]]
    sizes = (size_pattern().search(normalized(passage)) for passage in passages)
    first = next((millimetres(size[0]) for size in sizes if size), ())
    return SmallerLesion(words_of(passages[-1]).morphology, first)


def _ends_a_list_of_sizes(text: str, marks: Sequence[re.Match[str]], end: int) -> bool:
    """大者1.1cm，小者0.6cm，T1等: what follows is of both."""
    told_apart = len(marks) > 1 and _VALUE.search(text, marks[-2].end(), marks[-1].start())
    return not told_apart and clause_end(text, marks[-1].end()) < end

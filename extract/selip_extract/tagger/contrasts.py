"""What is said of the other lesions or of the other side, and so not of the sites that were set apart from them."""

import re
from collections.abc import Iterator, Sequence

from selip_extract.tagger.pairs import Span
from selip_extract.tagger.tagger import TaggedStatement

_CLAUSE = re.compile("[，,；;。\n]")
_SENTENCE = re.compile("[。\n]")
_LONGEST_CLAUSE = 60
_THE_REST = re.compile("(?:其余|(?<![其残剩])余|其他|其它)(?!部分|部)|外[，,]?(?:均|都|皆|各|余|其余)")
"""余病灶呈等信号, 除脑桥外均呈高信号; what 其余部分 says is of the same lesion."""
_SIDE = re.compile("[左右]")
_SIDES = {"左": "左侧", "右": "右侧"}

_Named = tuple[TaggedStatement, str]
"""A statement, and the name of its site."""


def without_those_set_apart(text: str, stated: Sequence[_Named], places: Sequence[Span]) -> Iterator[_Named]:
    """The statements with the names of their sites, but for those that the words make of other sites alone.

    `text` is in the normal form, `places` are the tagged places. 左侧岛叶病灶呈高信号，余呈等信号: 左侧岛叶 is not 等.
    """
    for statement, name in stated:
        start = _clause_start(text, statement.value[0])
        said = text[start : statement.value[0]]
        if statement.stated.modality is None:
            apart = False
        elif _THE_REST.search(said) or text[max(0, start - 2) : start - 1] == "外":
            apart = _has_another_value(text, statement, name, stated) and _is_said_of_others(statement, name, stated)
        else:
            apart = _is_of_the_other_side(said, statement) and not any(
                start <= at[0] < start + len(said) for at in places
            )
        if not apart:
            yield statement, name


def _clause_start(text: str, at: int) -> int:
    first = max(0, at - _LONGEST_CLAUSE)
    return max((match.end() for match in _CLAUSE.finditer(text, first, at)), default=first)


def _has_another_value(text: str, statement: TaggedStatement, name: str, stated: Sequence[_Named]) -> bool:
    """Whether the site has another value of the sequence before this one in the sentence."""
    return any(
        (same, other.side, other.stated.modality) == (name, statement.side, statement.stated.modality)
        and other.stated.value != statement.stated.value
        and other.value[1] <= statement.value[0]
        and _SENTENCE.search(text, other.value[1], statement.value[0]) is None
        for other, same in stated
    )


def _is_said_of_others(statement: TaggedStatement, name: str, stated: Sequence[_Named]) -> bool:
    return any((s.value, s.stated) == (statement.value, statement.stated) and other != name for s, other in stated)


def _is_of_the_other_side(said: str, statement: TaggedStatement) -> bool:
    """左侧强化，右侧未见强化: the clause names the other side alone."""
    named = {_SIDES[match[0]] for match in _SIDE.finditer(said)}
    return statement.side in ("左侧", "右侧") and len(named) == 1 and statement.side not in named

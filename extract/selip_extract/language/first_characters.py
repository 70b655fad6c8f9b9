"""With which characters a match of a regular expression can begin."""

import re
from re import _constants, _parser  # type: ignore[attr-defined]  # the parser of re itself, which it does not export
from typing import Any

MAX_FILTERED = 1_000
"""A larger set holds most of the characters of a report, and rules out none of its places."""

_ZERO_WIDTH = (_constants.AT, _constants.ASSERT, _constants.ASSERT_NOT)
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)


def first_characters(expression: str) -> frozenset[str]:
    r"""Every character that a match can begin with, \d as the ten ASCII digits.

    ValueError where the expression is not valid, can match nothing at all or begin with almost any character, or has
    a capturing group.
    """
    try:
        parsed = _parser.parse(expression, re.ASCII)
    except re.error as error:
        raise ValueError(f"{expression!r} is not a regular expression ({error})") from error
    if parsed.state.groups > 1:
        raise ValueError(f"{expression!r} has a capturing group: write (?:...)")
    first, may_be_empty = _first(parsed, expression)
    if may_be_empty:
        raise ValueError(f"{expression!r} matches the empty text")
    return frozenset(first)


def filtered(expression: str, flags: int = 0) -> re.Pattern[str]:
    """The expression compiled so that it looks at the next character first: most characters can begin no match.

    An expression of many alternatives is found in a third of the time. It is compiled as it is where `first_characters`
    has no answer.
    """
    try:
        first = first_characters(expression)
    except ValueError:
        return re.compile(expression, flags)
    if len(first) > MAX_FILTERED:
        return re.compile(expression, flags)
    # without the flag re.ASCII there are more digits than the ten
    digits = r"\d" if first.issuperset("0123456789") else ""
    return re.compile(f"(?=[{digits}{re.escape(''.join(sorted(first)))}])(?:{expression})", flags)


def _first(nodes: Any, expression: str) -> tuple[set[str], bool]:
    """The first characters of a sequence of nodes, and whether it can match the empty text."""
    first: set[str] = set()
    for operation, argument in nodes:
        here, may_be_empty = _first_of_node(operation, argument, expression)
        first |= here
        if not may_be_empty:
            return first, False
    return first, True


def _first_of_node(operation: Any, argument: Any, expression: str) -> tuple[set[str], bool]:
    if operation in _ZERO_WIDTH:
        return set(), True
    if operation in _REPEATS:
        least, _, nodes = argument
        first, may_be_empty = _first(nodes, expression)
        return first, may_be_empty or least == 0
    if operation is _constants.LITERAL:
        return {chr(argument)}, False
    if operation is _constants.IN:
        return {c for kind, item in argument for c in _members(kind, item, expression)}, False
    if operation is _constants.BRANCH:
        branches = [_first(nodes, expression) for nodes in argument[1]]
        return set().union(*(first for first, _ in branches)), any(empty for _, empty in branches)
    if operation is _constants.SUBPATTERN:
        return _first(argument[-1], expression)
    if operation is _constants.ATOMIC_GROUP:
        return _first(argument, expression)
    raise ValueError(f"{expression!r} can begin with almost any character")


def _members(operation: Any, argument: Any, expression: str) -> list[str]:
    """The characters of one item of [...]."""
    if operation is _constants.LITERAL:
        return [chr(argument)]
    if operation is _constants.RANGE:
        return [chr(code) for code in range(argument[0], argument[1] + 1)]
    if (operation, argument) == (_constants.CATEGORY, _constants.CATEGORY_DIGIT):
        return list("0123456789")
    raise ValueError(f"{expression!r} can begin with almost any character")

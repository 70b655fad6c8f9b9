"""Windows of a text: whole sentences that the network reads at once, with the sentences before them as context."""

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_CHARACTERS = 384
"""The longest window."""
_MAX_NEW = 192
_ENDS = re.compile(r"[。;；!！?？\n]+")
_MARKS = re.compile(r"[，,、\s]")


class Window(NamedTuple):
    """Characters [start, end) of a text; the sentences before `new` are context, which the window before it read."""

    start: int
    new: int
    end: int

    def reads(self, site: int, value: int) -> bool:
        """Whether what a value states of a site is read here, by their offsets in the text: one of them is new."""
        return self.start <= min(site, value) and self.new <= max(site, value) < self.end


def windows(text: str) -> list[Window]:
    """Windows that together read every character once: one for a text of up to MAX_CHARACTERS, else several."""
    if len(text) <= MAX_CHARACTERS:
        return [Window(0, 0, len(text))]
    return list(_of_a_long_text(text))


def _of_a_long_text(text: str) -> Iterator[Window]:
    ends = [match.end() for match in _ENDS.finditer(text)]
    new = 0
    while new < len(text):
        end = max((e for e in ends if new < e <= new + _MAX_NEW), default=0) or _cut(text, new)
        context = [e for e in (0, *ends) if end - MAX_CHARACTERS <= e <= new]
        yield Window(min(context, default=new), new, end)
        new = end


def _cut(text: str, new: int) -> int:
    """Where a sentence that is too long is cut: after its last mark, else anywhere."""
    end = min(len(text), new + _MAX_NEW)
    marks = [match.end() for match in _MARKS.finditer(text, new, end)]
    return end if end == len(text) or not marks else marks[-1]

"""What commands print, in the language of the user."""

from typing import Any, TextIO

import rich.console
from rich.table import Table

from selip_shared.messages.translation import translated


class Console(rich.console.Console):
    """A console that translates sentences, and the titles, headings and cells of tables, as it prints them."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does."""
        super().print(*map(_localized, objects), **options)


def say(sentence: str, file: TextIO | None = None) -> None:
    """Print a line on standard output, or to another stream."""
    print(_localized(sentence), file=file)


def _localized(shown: Any) -> Any:
    if isinstance(shown, str):
        words = shown.strip()
        return shown.replace(words, translated(words)) if words else shown
    if isinstance(shown, Table):
        if isinstance(shown.title, str):
            shown.title = translated(shown.title)
        for column in shown.columns:
            column.header = _localized(column.header)
            column._cells = [_localized(cell) for cell in column.cells]
    return shown

"""The text and tables of a page in Markdown, without its pictures."""

import re
from collections.abc import Iterator, Sequence

from selip_downstream.page.document import Section, Table

MARKUP = re.compile(r"([\\`*_<>|\[\]])")


def markdown(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """The whole page; what would be markup in its text is written so that it shows as it is."""
    blocks = [f"# {_plain(title)}", _plain(subtitle)]
    for section in sections:
        blocks += _section(section, 2)
    return "\n\n".join(blocks) + "\n"


def _section(section: Section, level: int) -> Iterator[str]:
    yield f"{'#' * level} {_plain(section.title)}"
    yield from map(_plain, section.paragraphs)
    for table in section.tables:
        yield _plain(table.caption) + ":"
        yield _table(table)
    for part in section.sections:
        yield from _section(part, level + 1)


def _table(table: Table) -> str:
    aligned = ["---:" if place >= table.numbers_from else "---" for place in range(len(table.columns))]
    rows = [list(map(_plain, table.columns)), aligned, *(list(map(_plain, row)) for row in table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _plain(text: str) -> str:
    return MARKUP.sub(r"\\\1", " ".join(text.split()))

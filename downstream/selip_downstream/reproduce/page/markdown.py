"""The text and tables of a document in Markdown, without its pictures."""

import re
from collections.abc import Iterator

from selip_downstream.page.document import Document, Section, Table

MARKUP = re.compile(r"([\\`*_<>|\[\]])")


def markdown(document: Document) -> str:
    """The whole document. Characters of its text that would be markup are escaped."""
    blocks = [f"# {_plain(document.title)}", _plain(document.subtitle)]
    for section in document.sections:
        blocks += _section(section, 2)
    return "\n\n".join(blocks) + "\n"


def _section(section: Section, level: int) -> Iterator[str]:
    yield f"{'#' * level} {_plain(section.title)}"
    yield from map(_plain, section.paragraphs)
    for table in section.tables:
        yield _plain(table.caption) + ":"
        yield _table(table)
    for subsection in section.sections:
        yield from _section(subsection, level + 1)


def _table(table: Table) -> str:
    aligned = ["---:" if index >= table.numbers_from else "---" for index in range(len(table.columns))]
    rows = [list(map(_plain, table.columns)), aligned, *(list(map(_plain, row)) for row in table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _plain(text: str) -> str:
    return MARKUP.sub(r"\\\1", " ".join(text.split()))

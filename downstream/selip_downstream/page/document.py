"""A document of text, tables and pictures, and its HTML page."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING

from selip_shared.html_page import render_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

RESOLUTION = 110
"""Dots per inch of the pictures."""
MAX_LABEL_LENGTH = 20
"""Characters of a table cell; longer text wraps."""
MAX_COLUMNS = 8
"""Of a table in the usual size; with more columns it is smaller."""


@dataclass(frozen=True)
class Table:
    """A caption, columns and rows. The columns from index `numbers_from` on hold numbers and are right-aligned.

    What the caption has before its first colon is the headline of the table.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers_from: int = 1


@dataclass(frozen=True)
class Picture:
    """A PNG with its caption, which is also its alternative text.

    Pictures stand side by side where the screen is wide enough, except those that take a whole row.
    """

    caption: str
    png: bytes
    whole_row: bool = False

    @property
    def address(self) -> str:
        """The picture as a data URL."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


@dataclass(frozen=True)
class Section:
    """A heading, then paragraphs, tables, pictures and subsections in this order."""

    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    sections: Sequence["Section"] = ()


@dataclass(frozen=True)
class Document:
    """What a page shows: title, subtitle and sections."""

    title: str
    subtitle: str
    sections: Sequence[Section]


def html(document: Document) -> str:
    """The document as a self-contained HTML page. All its text is escaped."""
    folder = files("selip_downstream.page")
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    return render_page(
        folder, "page.html", style, document=document, max_label_length=MAX_LABEL_LENGTH, max_columns=MAX_COLUMNS
    )


def picture(drawing: "Drawing", caption: str, *, whole_row: bool = False) -> Picture:
    """A matplotlib figure as a picture; the figure is closed."""
    from matplotlib import pyplot

    content = BytesIO()
    drawing.savefig(content, format="png", dpi=RESOLUTION, metadata={"Software": None})
    pyplot.close(drawing)
    return Picture(caption, content.getvalue(), whole_row)

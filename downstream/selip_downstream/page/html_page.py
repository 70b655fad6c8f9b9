"""One self-contained page of tables, pictures and text: it opens offline and reaches for nothing outside itself."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from selip_shared.errors import SelipError
from selip_shared.files import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

RESOLUTION = 110
LONGEST_LABEL = 32
"""A cell of text breaks into lines where it has more characters."""


@dataclass(frozen=True)
class Table:
    """A caption over columns and rows; the cells of the columns from `numbers_from` on are aligned as figures."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers_from: int = 1


@dataclass(frozen=True)
class Picture:
    """A PNG over its caption, which also describes it to those who cannot see it.

    Pictures stand beside each other where there is room, unless one wants a whole row.
    """

    caption: str
    png: bytes
    whole_row: bool = False

    @property
    def address(self) -> str:
        """The picture itself as a data URL."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs, tables and pictures in this order, then the sections within it."""

    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    sections: Sequence["Section"] = ()


def write_page(path: Path, title: str, subtitle: str, sections: Sequence[Section]) -> None:
    """Write the page whole or not at all; SelipError where that cannot be. Text is text, never markup."""
    from jinja2 import Environment

    source = files("selip_downstream.page")
    style = source.joinpath("page.css").read_text(encoding="utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        source.joinpath("page.html").read_text(encoding="utf-8")
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    try:
        write_text(
            path,
            template.render(
                title=title,
                subtitle=subtitle,
                sections=sections,
                style=style,
                digest=digest,
                longest_label=LONGEST_LABEL,
            ),
        )
    except OSError as error:
        raise SelipError(f"{path} cannot be written ({error.strerror}): name a file where you may write.") from error


def picture(drawing: "Drawing", caption: str, *, whole_row: bool = False) -> Picture:
    """A drawing of matplotlib as it stands on a page, and the drawing closed."""
    from matplotlib import pyplot

    content = BytesIO()
    drawing.savefig(content, format="png", dpi=RESOLUTION, metadata={"Software": None})
    pyplot.close(drawing)
    return Picture(caption, content.getvalue(), whole_row)

"""Plain texts as a table: each file is a report, and its name is the report's id."""

from collections.abc import Iterator, Sequence
from os.path import commonpath
from pathlib import PurePath

from selip_extract.reports.cells import TableRow
from selip_extract.reports.columns import Wanted, heading_key, known_headings, text_rank
from selip_extract.reports.delimited_rows import delimited_rows, sniff_delimiter
from selip_extract.reports.sources import TEXT_ENDING, Source
from selip_extract.reports.table import Table
from selip_extract.reports.text_tables import open_text
from selip_shared.errors import SelipError
from selip_shared.text_encoding import detect_encoding

COLUMNS = ("report_id", "text")
SHOWN_NAMES = 3


def are_texts(found: Sequence[Source], wanted: Wanted) -> bool:
    """Whether these are several plain texts, and not tables that are called .txt."""
    if len(found) < 2 or not all(source.name.lower().endswith(TEXT_ENDING) for source in found):
        return False
    encoding = detect_encoding(found[0].open)
    if encoding is None:
        return True
    with open_text(found[0], encoding) as file:
        delimiter = sniff_delimiter(file, known_headings() | {heading_key(wanted.text_column or "")})
    with open_text(found[0], encoding) as file:
        heading = next(delimited_rows(file, delimiter), [])
    return text_rank(heading, wanted.text_column) is None


def text_files_table(name: str, found: Sequence[Source]) -> Table:
    """The table of these texts; SelipError where one of them is no text."""
    encodings = [detect_encoding(source.open) for source in found]
    strange = [source.name for source, encoding in zip(found, encodings, strict=True) if encoding is None]
    if strange:
        shown = ", ".join(strange[:SHOWN_NAMES])
        raise SelipError(f"{len(strange)} files are no text in UTF-8, GB18030, Big5 or UTF-16 ({shown}): remove them.")
    folder = commonpath([PurePath(source.name).parent for source in found])

    def rows() -> Iterator[TableRow]:
        for source, encoding in zip(found, encodings, strict=True):
            assert encoding is not None
            with open_text(source, encoding) as file:
                yield [str(PurePath(source.name).relative_to(folder).with_suffix("")), file.read()]

    used = [encoding for encoding in encodings if encoding is not None]
    return Table(
        name, "text files", COLUMNS, rows, ", ".join(dict.fromkeys(encoding.name for encoding in used)),
        unreadable=sum(encoding.unreadable for encoding in used),
    )  # fmt: skip

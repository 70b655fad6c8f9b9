"""CSV tables as users have them: in UTF-8 or GB18030, with commas, semicolons or tabs, blanks and other capitals."""

import csv
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from selip_pretrain.data.splits import SPLITS, Split
from selip_shared.errors import SelipError
from selip_shared.text_encoding import detect_encoding

DELIMITERS = ",;\t"
PATIENT, SPLIT = "patient_id", "split"


def read_csv_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """The headings in small letters, and the rows that are not empty; cells without the blanks around them.

    SelipError where it is no readable text.
    """
    try:
        encoding = detect_encoding(lambda: path.open("rb"))
        if encoding is None:
            raise SelipError(f"{path} is no table in UTF-8 or GB18030: save it as a CSV file.")
        text = path.read_text(encoding.codec)
        first = text.partition("\n")[0]
        delimiter = max(DELIMITERS, key=first.count)
        cells = [[cell.strip() for cell in row] for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter)]
    except OSError as error:
        raise SelipError(f"{path} cannot be read ({error.strerror}): name a CSV file.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SelipError(f"{path} is damaged ({error}): save it as a CSV file again.") from error
    heading, *rows = [row for row in cells if any(row)] or [[]]
    return [name.lower() for name in heading], rows


def read_splits(path: Path) -> dict[str, Split]:
    """The split of each patient, of a CSV with the columns patient_id and split. SelipError for what is none."""
    heading, rows = read_csv_table(path)
    if not {PATIENT, SPLIT} <= {*heading}:
        raise SelipError(
            f"{path} has the columns {', '.join(heading) or 'none'}: {PATIENT} and {SPLIT} are needed, and "
            f"{SPLIT} is one of {', '.join(SPLITS)}."
        )
    patient_column, split_column = heading.index(PATIENT), heading.index(SPLIT)
    known: Mapping[str, Split] = {split: split for split in SPLITS}
    splits: dict[str, Split] = {}
    for row in rows:
        patient, name = (row[column] if column < len(row) else "" for column in (patient_column, split_column))
        split = known.get(name.lower())
        if split is None:
            raise SelipError(f"{path} puts {patient} into {name or 'no split'}: name one of {', '.join(SPLITS)}.")
        if splits.setdefault(patient, split) != split:
            raise SelipError(f"{path} puts {patient} into {splits[patient]} and {split}: name one of them.")
    return splits

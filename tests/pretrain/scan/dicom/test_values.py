from pathlib import Path

import pydicom
import pytest

from selip_pretrain.scan.dicom.values import text_of
from tests.pretrain.image_files import voxels, write_slice


def read_back(path: Path, character_set: str | list[str] | None, content: bytes) -> str:
    """The description of a file that holds these bytes under this character set."""
    mark = "X" * len(content)
    tags = {} if character_set is None else {"SpecificCharacterSet": character_set}
    write_slice(path, voxels((7, 8, 1))[..., 0], (0, 0, 0), SeriesDescription=mark, **tags)
    path.write_bytes(path.read_bytes().replace(mark.encode(), content))
    return text_of(pydicom.dcmread(path), "SeriesDescription")


STATED = [
    None,
    "",
    "ISO_IR 100",
    "ISO_IR 101",
    "ISO_IR 192",
    "ISO_IR 6",
    "GB18030",
    "GBK",
    "ISO 2022 IR 58",
    ["", "ISO 2022 IR 58"],
    ["ISO 2022 IR 6", "ISO 2022 IR 58"],
    ["ISO 2022 IR 100", "ISO 2022 IR 58"],
    "ISO_IR100",
    "CHINESE",
]
"""What files state that hold Chinese, rightly, wrongly or as no character set is called."""


@pytest.mark.filterwarnings("ignore:Unknown encoding")
@pytest.mark.parametrize("character_set", STATED)
@pytest.mark.parametrize("coding", ["gb18030", "utf-8"])
@pytest.mark.parametrize("text", ["矢状位增强", "T1 平扫", "头颅", "横断位 T2压水"])
def test_chinese_under_a_wrong_character_set(tmp_path: Path, character_set: str | None, coding: str, text: str) -> None:
    content = text.encode(coding)
    assert read_back(tmp_path / "a", character_set, content + b" " * (len(content) % 2)) == text


@pytest.mark.parametrize("character_set", [None, "ISO_IR 100", "ISO_IR 192", "GB18030"])
@pytest.mark.parametrize("coding", ["gb18030", "utf-8"])
def test_a_letter_that_was_cut_is_left_out(tmp_path: Path, character_set: str | None, coding: str) -> None:
    content = "T1 矢状位增强扫描".encode(coding)[:-1]
    assert read_back(tmp_path / "a", character_set, content + b" " * (len(content) % 2)) == "T1 矢状位增强扫"


@pytest.mark.parametrize(
    ("character_set", "coding", "text"),
    [
        ("ISO_IR 100", "latin-1", "Schädel ohne KM"),
        ("ISO_IR 100", "latin-1", "Größe"),
        ("ISO_IR 100", "latin-1", "T1 côté"),
        (["ISO 2022 IR 6", "ISO 2022 IR 87"], "iso2022_jp", "T1 造影"),
        ("ISO_IR 100", "latin-1", "Crânio"),
        ("ISO_IR 192", "utf-8", "Schädel"),
        ("ISO_IR 192", "utf-8", "мозг"),
        ("ISO_IR 144", "iso8859-5", "T1 мозг"),
    ],
)
def test_letters_of_other_languages_stay(tmp_path: Path, character_set: str, coding: str, text: str) -> None:
    content = text.encode(coding)
    assert read_back(tmp_path / "a", character_set, content + b" " * (len(content) % 2)) == text


def test_escapes_are_removed(tmp_path: Path) -> None:
    content = b"T1 \x1b$)C" + "增强".encode("gb2312") + b" "
    for character_set in ("ISO_IR 100", ["", "ISO 2022 IR 58"]):
        assert read_back(tmp_path / "a", character_set, content) == "T1 增强"

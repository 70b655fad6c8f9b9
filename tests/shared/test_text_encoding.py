"""Tables of a Chinese hospital in each encoding that it may export, down to one row with a few Chinese characters."""

import random
from pathlib import Path

import pytest

from selip_shared.text_encoding import TextEncoding, detect_encoding

HEADING = "检查号,姓名,电话,影像所见\n"
NUMBERS = "id,accession,phone,dose,findings\n1,MR0042135,13812345678,0.420187,左侧额叶异\n"
ROW = "MR240301,王伟,13812345678,左侧额叶见斑片状长T1长T2信号，边界不清。\n"
CODECS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with BOM",
    "gb18030": "GB18030",
    "utf-16": "UTF-16 LE",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
}


@pytest.mark.parametrize("text", [HEADING, NUMBERS, HEADING + ROW, HEADING + ROW * 20_000])
@pytest.mark.parametrize("codec", CODECS)
def test_short_and_long_tables_are_read_in_their_encoding(tmp_path: Path, codec: str, text: str) -> None:
    path = tmp_path / "reports.csv"
    path.write_bytes(text.encode(codec))
    found = detect_encoding(lambda: path.open("rb"))
    assert found is not None
    assert (found.name, found.unreadable) == (CODECS[codec], 0)
    assert path.read_bytes().decode(found.codec) == text


@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
def test_a_damaged_character_does_not_hide_the_encoding(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "reports.csv"
    path.write_bytes((HEADING + ROW * 50).encode(codec) + b"\xff\n" + ROW.encode(codec))
    assert detect_encoding(lambda: path.open("rb")) == TextEncoding(CODECS[codec], codec, unreadable=1)


def test_bytes_that_are_no_text_have_no_encoding(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_bytes(random.Random(0).randbytes(4096))
    assert detect_encoding(lambda: path.open("rb")) is None

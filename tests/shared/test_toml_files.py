from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, field_validator

from selip_shared.errors import SelipError
from selip_shared.toml_files import read_toml


class Colours(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    warm: tuple[str, ...]

    @field_validator("warm")
    @classmethod
    def _not_empty(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("names no colour")
        return names


def test_a_valid_file_becomes_the_model(tmp_path: Path) -> None:
    (tmp_path / "colours.toml").write_text('warm = ["红", "黄"]', encoding="utf-8")
    assert read_toml(tmp_path / "colours.toml", Colours) == Colours(warm=("红", "黄"))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("warm = []", r"colours\.toml: warm: names no colour; correct the file\."),
        ('warm = ["red", 3]', r"colours\.toml: warm\.1: Input should be a valid string"),
        (
            'warm = ["red"]\ncold = ["blue"]',
            r"colours\.toml: cold: there is no such table; there are warm;",
        ),
        ("", r"colours\.toml: warm: Field required"),
        ("warm = [", r"colours\.toml is not valid TOML \("),
        ("warm = []\nwarm = []", r"colours\.toml is not valid TOML \(Cannot overwrite a value"),
    ],
)
def test_an_error_names_the_file_and_the_entry(tmp_path: Path, text: str, cause: str) -> None:
    (tmp_path / "colours.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SelipError, match=cause):
        read_toml(tmp_path / "colours.toml", Colours)


def test_a_missing_file_and_one_in_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(SelipError, match="cannot be opened"):
        read_toml(tmp_path / "none.toml", Colours)
    (tmp_path / "gbk.toml").write_bytes('warm = ["红"]'.encode("gbk"))
    with pytest.raises(SelipError, match="not in UTF-8"):
        read_toml(tmp_path / "gbk.toml", Colours)

"""The file of identifiers is validated, and a word added to it is masked by."""

from importlib.resources import files
from pathlib import Path

import pytest

from selip_extract.deidentification.identifiers import read_identifiers
from selip_shared.errors import SelipError

SHIPPED = files("selip_extract.deidentification").joinpath("identifiers.toml").read_text(encoding="utf-8")


def changed(folder: Path, old: str, new: str) -> Path:
    """The shipped file with one change."""
    assert SHIPPED.count(old) == 1
    path = folder / "identifiers.toml"
    path.write_text(SHIPPED.replace(old, new), encoding="utf-8")
    return path


def test_a_label_that_is_added_is_masked_by(tmp_path: Path) -> None:
    number = {
        rule.expression: pattern
        for rule, pattern in read_identifiers(changed(tmp_path, '"工号",', '"工号", "腕带号",')).patterns
    }
    pattern = number["{number_label}{after_label}(?P<it>{number})"]
    found = pattern.search("腕带号:A12345")
    assert found is not None
    assert found["it"] == "A12345"


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ('"工号",', '"工号", "工号",', "labels.number_label: '工号' is there already"),
        ('"工号",', '"工号", "",', "labels.number_label: an empty word"),
        ('"工号",', '"工号", "手机",', "'手机' is in number_label and in phone_label: remove one of them"),
        ('identifier = "邮箱"', 'identifier = "邮件"', "mask.0.identifier: Input should be '姓名', '编号'"),
        ('identifier = "邮箱"', "", "mask.0: a mask has either identifier or becomes"),
        (
            "{address_label}{after_label}",
            "{address_labels}{after_label}",
            "no label, word or part 'address_labels'",
        ),
        ("(?P<it>{identity_card_in_groups})", "(?P<it>[1-9]", "is not a regular expression"),
        ("(?P<it>{identity_card_in_groups})", "{identity_card_in_groups}", r"has no group \(\?P<it>\.\.\.\)"),
        ("not_han = '(?!{han})'", "not_han = '(?!{not_han})'", "a part of .* contains itself"),
        ("[labels]\nnumber_label", "[label]\nnumber_label", r"identifiers\.toml: labels: Field required"),
    ],
)
def test_an_entry_that_is_not_valid_is_named(tmp_path: Path, old: str, new: str, cause: str) -> None:
    with pytest.raises(SelipError, match=cause):
        read_identifiers(changed(tmp_path, old, new))

"""The phrase groups of the pseudo-reports: weights, placeholders, and what is said of a faulty file."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator

from selip_extract.pseudo_reports.phrases import Dated, PhraseFile, Phrases, SiteNames, each_of
from selip_shared.errors import SelipError
from selip_shared.toml_files import read_toml


class Wording(PhraseFile):
    verbs: Phrases
    headings: Dated
    sites: SiteNames
    sides: Annotated[dict[str, Phrases], AfterValidator(each_of(("左侧", "右侧")))]


WHOLE = """
verbs = [["见", 3], "可见", ""]
headings = ["平扫：", "与{date}片比较："]
sites = ["额叶"]
[sides]
"左侧" = ["左"]
"右侧" = ["右"]
"""

FAULTS = {
    "an empty group": ('verbs = [["见", 3], "可见", ""]', "verbs = []", "verbs: the group is empty"),
    "a missing group": ('headings = ["平扫：", "与{date}片比较："]', "", "headings: Field required"),
    "an unknown group": ('sites = ["额叶"]', 'sites = ["额叶"]\nnouns = ["病灶"]', "nouns: there is no such table"),
    "an unknown placeholder": (
        "{date}",
        "{datum}",
        r"'与{datum}片比较：' has the unknown placeholder {datum}: use {date}",
    ),
    "a placeholder in a group that takes none": (
        '"可见"',
        '"{date}可见"',
        "has the unknown placeholder {date}: it takes",
    ),
    "an open brace": ('"可见"', '"可见{"', "'可见{' has a brace that is not part of a placeholder"),
    "a weight of nothing": ('["见", 3]', '["见", 0]', r"verbs: ['见', 0] is neither a phrase nor a pair"),
    "a weight that is a word": ('["见", 3]', '["见", "3"]', "is neither a phrase nor a pair"),
    "a group that is no list": ('sites = ["额叶"]', 'sites = "额叶"', "sites: "),
    "a site that is none": ("额叶", "月球", "月球 is not a site of the vocabulary"),
    "a side left out": ('"右侧" = ["右"]', "", "sides: the groups 右侧 are missing or unknown"),
    "no TOML": ("[sides]", "[sides", "wording.toml is not valid TOML"),
}


def _read(folder: Path, text: str) -> Wording:
    file = folder / "wording.toml"
    file.write_text(text, encoding="utf-8")
    return read_toml(file, Wording)


def test_a_phrase_is_repeated_as_often_as_its_weight_says(tmp_path: Path) -> None:
    wording = _read(tmp_path, WHOLE)
    assert Counter(wording.verbs) == {"见": 3, "可见": 1, "": 1}
    assert wording.sides["右侧"] == ("右",)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_file_and_group(fault: str, tmp_path: Path) -> None:
    whole, faulty, reason = FAULTS[fault]
    assert whole in WHOLE
    with pytest.raises(SelipError) as said:
        _read(tmp_path, WHOLE.replace(whole, faulty))
    assert reason in str(said.value)
    assert str(said.value).startswith("wording.toml")

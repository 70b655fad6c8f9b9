"""Sites and forms that a user adds to the vocabulary."""

from pathlib import Path

import pytest

from selip_contracts.added_sites import AddedSites, read_added_sites
from selip_contracts.database_file import add_sites, open_store, read_store
from selip_contracts.vocabulary import LISTED_SITES, SITES, ancestors, parts
from selip_shared.errors import SelipError

ADDED = """
[[site]]
name = "鞍旁甲区"
parent = "鞍区"
forms = ["甲区"]

[[site]]
name = "鞍旁乙区"
english = "region B"
parent = "鞍旁甲区"
laterality = "midline"

[forms]
"额叶" = ["额乙区"]
"""


def written(folder: Path, content: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.usefixtures("own_vocabulary")
def test_a_database_keeps_what_was_added_and_another_does_not_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "鞍旁甲区" not in parts("鞍区")
    add_sites(read_added_sites(written(tmp_path, ADDED)))
    assert ancestors("鞍旁乙区")[:2] == ("鞍旁甲区", "鞍区")
    assert {"鞍旁甲区", "鞍旁乙区"} <= set(parts("鞍区"))
    open_store(tmp_path / "mine.duckdb").close()
    monkeypatch.setattr("selip_contracts.database_file._added", AddedSites())
    open_store(tmp_path / "other.duckdb").close()
    assert list(SITES.values()) == list(LISTED_SITES)
    with read_store(tmp_path / "mine.duckdb") as connection:
        rows = connection.execute("SELECT site, english, surface_forms FROM sites WHERE added").fetchall()
        assert rows == [("鞍旁甲区", "鞍旁甲区", ["鞍旁甲区", "甲区"]), ("鞍旁乙区", "region B", ["鞍旁乙区"])]
        assert connection.execute(
            "SELECT site, added_forms FROM sites WHERE NOT added AND added_forms <> []"
        ).fetchall() == [("额叶", ["额乙区"])]
    assert SITES["鞍旁乙区"].laterality == "midline"
    assert SITES["额叶"].surface_forms[-1] == "额乙区"
    with open_store(tmp_path / "mine.duckdb") as connection:
        assert connection.execute("SELECT count(*) FROM sites").fetchall() == [(len(LISTED_SITES) + 2,)]
    with read_store(tmp_path / "other.duckdb"):
        assert list(SITES.values()) == list(LISTED_SITES)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "mine.toml adds nothing: write a table [[site]] or [forms]."),
        ('[[site]]\nname = "额叶"', "mine.toml: 额叶 is a site already: put its forms under [forms]."),
        (
            '[[site]]\nname = "甲区"\nparent = "乙区"',
            "mine.toml: the parent 乙区 of 甲区 is no site: name a site of the vocabulary, or one that stands before it"
            " in the file.",
        ),
        ('[forms]\n"甲区" = ["乙区"]', "mine.toml: 甲区 under [forms] is no site: add it as a [[site]]."),
        ('[[site]]\nname = "甲区"\nforms = ["额部"]', "mine.toml: 额部 of 甲区 is a form of 额叶 already: remove it."),
        (
            '[forms]\n"额叶" = ["甲区"]\n"顶叶" = ["甲区"]',
            "mine.toml: 甲区 of 顶叶 is a form of 额叶 already: remove it.",
        ),
        (
            '[[site]]\nname = ""',
            "mine.toml: site.0.name: '' is no name of a place: write two or more Chinese characters, capitals or digits"
            "; correct the file.",
        ),
        (
            '[[site]]\nname = "左侧甲区"',
            "mine.toml: site.0.name: '左侧甲区' holds a side or 表现为, which are no part of a place's name; correct"
            " the file.",
        ),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, content: str, fault: str) -> None:
    with pytest.raises(SelipError) as told:
        read_added_sites(written(tmp_path, content))
    assert str(told.value) == fault

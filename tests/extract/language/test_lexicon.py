"""Where a radiologist adds a word, and what he is told where it cannot stand there."""

import shutil
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from selip_contracts.vocabulary import CHANGES, ENHANCEMENTS, MODALITIES, SIGNALS, SITES, UNLISTED
from selip_extract.language.lexicon import CUES, Meaning, lexicon, read_lexicon, words
from selip_shared.errors import SelipError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the files of the lexicon."""
    with as_file(files("selip_extract.language").joinpath("words")) as shipped:
        return Path(shutil.copytree(shipped, tmp_path / "words"))


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / f"{name}.toml"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_every_value_of_the_vocabulary_has_words() -> None:
    said = {*words().values(), *lexicon().names.values(), *(meaning for meaning, _ in lexicon().patterns)}
    values = [
        *(("site", site) for site in SITES if site != UNLISTED),
        *(("sequence", modality) for modality in MODALITIES),
        *(("signal", signal) for signal in SIGNALS),
        *(("enhancement", enhancement) for enhancement in ENHANCEMENTS),
        *(("change", change) for change in CHANGES if change != "其他"),
        *(("cue", cue) for cue in CUES),
    ]
    assert [value for value in values if value not in said] == []


@pytest.mark.parametrize(
    ("name", "old", "new", "word", "meaning"),
    [
        ("sites", '"岛叶皮层",', '"岛叶皮层", "岛叶表层",', "岛叶表层", Meaning("site", "岛叶")),
        ("sites", '"鞍区" = [', '"斜坡" = ["斜坡区"]\n"鞍区" = [', "斜坡区", Meaning("site", "斜坡")),
        ("sequences", '"梯度回波",', '"梯度回波", "磁化率成像",', "磁化率成像", Meaning("sequence", "SWI")),
        ("signals", '"稍", "略", "等",', '"稍", "略", "微微", "等",', "微微高信号影", Meaning("signal", "稍高")),
        ("negations", '"未见到",', '"未见到", "未窥见",', "未窥见", Meaning("negation", "未见")),
        ("enhancement", '"微弱",', '"微弱", "极轻",', "极轻强化灶", Meaning("enhancement", "轻度强化")),
        ("cues", '"囊液",', '"囊液", "灶心",', "灶心", Meaning("cue", "中心")),
        ("no_meaning", '"意外",', '"意外", "外婆",', "外婆", Meaning("other", "外婆")),
    ],
)
def test_an_added_word_is_known(folder: Path, name: str, old: str, new: str, word: str, meaning: Meaning) -> None:
    assert word not in words()
    edit(folder, name, old, new)
    found = read_lexicon(folder).words
    assert found[word] == meaning
    assert found.items() >= words().items()


def test_a_name_with_letters_or_digits_is_not_segmented(folder: Path) -> None:
    edit(folder, "sequences", '"ADC" = [', '"T2" = ["FIESTA-C"]\n"ADC" = [')
    assert read_lexicon(folder).names["FIESTA-C"] == Meaning("sequence", "T2")


@pytest.mark.parametrize(
    ("name", "old", "new", "cause"),
    [
        (
            "sites",
            "[site]",
            "[sites]",
            r"sites\.toml: sites: there is no such table; there are site, layer,",
        ),
        (
            "sites",
            '"岛叶" = [',
            '"岛页" = [',
            "there is no site '岛页' in sites.csv",
        ),
        (
            "signals",
            '"稍低" = [',
            '"略低" = [',
            r"signals\.toml: signal\.略低\.\[key\]: Input should be '高'",
        ),
        ("cues", '"其中" = [', '"当中" = [', r"cues\.toml: cue\.当中\.\[key\]: Input should be '部分', '其中'"),
        (
            "sites",
            '"岛叶皮层",',
            '"额叶",',
            "'额叶' is there already, as site 额叶 in sites.csv",
        ),
        (
            "cues",
            '"囊液",',
            '"囊液", "囊变",',
            r"'囊变' is there already, as cue 中心 in cues.toml",
        ),
        ("cues", '"囊液",', '"囊液", "囊液",', r"'囊液' is there already, as cue 中心 in cues.toml"),
        (
            "no_meaning",
            '"意外",',
            '"意外", "稍高信号",',
            "'稍高信号' of '{slight}高{noun}' is also written out",
        ),
        ("signals", "slight = [", 'slight = [ "明显",', "'明显高' of '{slight}高' is there already, as signal 高"),
        ("sites", '"岛叶皮层",', '"",', r"sites\.toml: site\.岛叶\.0: an empty form"),
        ("sites", '"鞍底"', "", r"sites\.toml: site\.鞍区: Tuple should have at least 1 item"),
        ("sites", '"岛叶皮层",', '"岛叶 皮层",', "'岛叶 皮层' is never met, since texts are read in half width"),
        ("sites", '"CPA"', '"cpa"', "'cpa' is never met, since texts are read in half width, capitals"),
        ("sites", '"岛叶皮层",', '"岛叶(皮层)",', r"'岛叶\(皮层\)' is never met, since every word ends at '\('"),
        (
            "signals",
            '"{equal}{noun}"',
            '"{equall}{noun}"',
            r"{equall} is neither a list of this file nor",
        ),
        ("sequences", "'ADC(?:MAP", "'ADC(MAP", r"sequences\.toml: the pattern .* has a capturing group"),
        (
            "sequences",
            "'ADC(?:MAP",
            "'ADC?(?:MAP|[",
            r"the pattern .* is not a regular expression",
        ),
        ("cues", '"不能?除外"', '"不能?除外["', r"cues\.toml: the pattern .* is not a regular expression"),
        ("sizes", "MM = 1", "MM = 0", r"sizes\.toml: unit_mm\.MM: Input should be greater than 0"),
        ("sizes", "[unit_mm]", "[site]\n[unit]", r"sizes\.toml: unit: there is no such table"),
        ("sites", '"鞍区" = ["鞍底"]', '"鞍区" = ["鞍底"', r"sites\.toml is not valid TOML"),
        ("signals", '"长", "明显长"', '"长", "短", "明显长"', r"signals\.toml: '短' is there already, as long"),
    ],
)
def test_a_word_that_cannot_stand_there_is_named(folder: Path, name: str, old: str, new: str, cause: str) -> None:
    edit(folder, name, old, new)
    with pytest.raises(SelipError, match=cause):
        read_lexicon(folder)


def test_a_table_that_stands_in_one_file_must_be_there_once(folder: Path) -> None:
    (folder / "sizes.toml").unlink()
    with pytest.raises(SelipError, match=r"\[unit_mm\] stands in 0 files of the lexicon: write it in one\."):
        read_lexicon(folder)

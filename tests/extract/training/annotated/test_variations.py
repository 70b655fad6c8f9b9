import random
from collections import Counter

import pytest

from selip_contracts.vocabulary import SITES
from selip_extract.language.lexicon import lexicon
from selip_extract.tagger.statements import LINKS, STATED
from selip_extract.training.annotated.labelling import labelled_sets, read_by_rules
from selip_extract.training.annotated.variations import (
    inverted,
    mirrored,
    varied,
    with_exchanged_sequences,
    with_other_sites,
)
from selip_extract.training.tagged_report import TaggedReport

REPORTS = 300


def _labelled(text: str) -> TaggedReport:
    report = read_by_rules(text)[1]
    assert report is not None
    return report


def _stated(report: TaggedReport) -> set[tuple[object, ...]]:
    return {
        (report.text[slice(*report.spans["site"][s])], LINKS[link - 1], *STATED[number])
        for (s, v), link in report.links.items()
        for number in report.stated[v]
    }


def test_left_and_right_are_exchanged() -> None:
    report = mirrored(random.Random(0), _labelled("左侧额叶见长T1信号，右侧顶叶DWI呈高信号，左右径12mm。中线右移。"))
    assert report.text == "右侧额叶见长T1信号，左侧顶叶DWI呈高信号，左右径12mm。中线左移。"
    assert {("额叶", "右侧", "T1", "低"), ("顶叶", "左侧", "DWI", "高")} <= _stated(report)


def test_signals_become_their_opposites() -> None:
    report = inverted(random.Random(0), _labelled("左侧额叶见稍长T1信号，FLAIR呈等信号，DWI弥散受限，增强后明显强化。"))
    assert report.text == "左侧额叶见稍短T1信号，FLAIR呈等信号，DWI弥散受限，增强后明显强化。"
    assert {values[2:] for values in _stated(report)} == {
        ("T1", "稍高"),
        ("FLAIR", "等"),
        ("DWI", "高"),
        ("T1CE", "明显强化"),
    }


def test_sequences_that_no_value_names_are_exchanged() -> None:
    text = "左侧额叶见长T1信号，FLAIR呈高信号，DWI呈等信号，SWI呈低信号，增强后明显强化。"
    drawn = Counter[object]()
    for seed in range(20):
        report = with_exchanged_sequences(random.Random(seed), _labelled(text))
        stated = {value: modality for _, _, modality, value in _stated(report) if modality not in ("T1", "T1CE")}
        assert set(stated) == {"高", "等", "低"}
        assert set(stated.values()) <= {"FLAIR", "DWI", "ADC", "SWI"}
        drawn.update(stated.values())
    assert len(drawn) == 4


def test_other_sites_are_paired_where_the_site_is() -> None:
    report = _labelled("左侧额叶见长T1信号，中脑见长T1信号。左侧额叶无肿胀。")
    for seed in range(20):
        other = with_other_sites(random.Random(seed), report)
        first, second = (other.text[slice(*span)] for span in other.spans["site"])
        words = lexicon().words | lexicon().names  # type: ignore[operator]
        assert SITES[words[first].value.split("|")[0]].laterality == "paired"
        assert SITES[words[second].value.split("|")[0]].laterality == "midline"
        assert other.text.count(first) == 2


@pytest.mark.parametrize("seed", range(3))
def test_the_rules_read_each_variation_as_it_is_labelled(seed: int) -> None:
    rng = random.Random(seed)
    changed = 0
    for report in rng.sample(labelled_sets().reports, REPORTS):
        variant = varied(rng, report)
        read = read_by_rules(variant.text)[1]
        assert read is not None
        assert _stated(read) == _stated(variant)
        changed += variant.text != report.text
    assert changed > REPORTS / 2

import random
import re
from itertools import product

import pytest

from selip_contracts.vocabulary import site_and_words
from selip_extract.pseudo_reports.writing.draft import Draft
from selip_extract.training.report_templates import put_sentence, template_sentences, write_template_report
from selip_extract.training.tagged_report import tagged


def _stated(template: str, seed: int = 1) -> set[tuple[str, str | None, str | None]]:
    draft = Draft(random.Random(seed))
    put_sentence(draft, template)
    return {(draft.text[slice(*f.mention.site_span)], f.modality, f.value) for f in draft.facts}


def test_a_value_is_of_the_sites_named_last() -> None:
    draft = Draft(random.Random(4))
    put_sentence(draft, "<T1CE>[a1]病灶{T1CE}，[b1]病灶{T1CE}")
    first, second = draft.facts
    assert first.mention.site_span < first.value_span < second.mention.site_span < second.value_span
    assert {first.modality, second.modality} == {"T1CE"}


def test_a_value_before_any_site_is_of_the_next_one() -> None:
    draft = Draft(random.Random(4))
    put_sentence(draft, "见{T1:r}{T2:r}信号，位于[a1]")
    assert [f.modality for f in draft.facts] == ["T1", "T2"]
    assert all(f.value_span < f.mention.site_span for f in draft.facts)


def test_letters_say_whose_a_value_is() -> None:
    draft = Draft(random.Random(4))
    put_sentence(draft, "[a1]及[b1]见结节，前者<T2>{T2@a}，后者<T2>{T2!@b}，<DWI>{DWI@ab}")
    a, b = dict.fromkeys(f.mention.site_span for f in draft.facts)
    assert [(f.mention.site_span, f.modality, f.value is None) for f in draft.facts] == [
        (a, "T2", False), (b, "T2", True), (a, "DWI", False), (b, "DWI", False),
    ]  # fmt: skip


def test_restriction_is_high_on_dwi_and_low_on_adc() -> None:
    assert {(m, v) for _, m, v in _stated("[a1]{R}")} == {("DWI", "高"), ("ADC", "低")}
    assert {(m, v) for _, m, v in _stated("[a1]{R!}")} == {("DWI", None), ("ADC", None)}


def test_two_sites_on_different_sides_are_told_by_their_side() -> None:
    for seed in range(5):
        draft = Draft(random.Random(seed))
        put_sentence(draft, "[l,r]见结节，~l者<T2>{T2@l}，~r者<T2>{T2@r}")
        one, other = draft.facts
        assert {one.mention.site.side, other.mention.site.side} == {"左侧", "右侧"}
        assert one.mention.site.site != other.mention.site.site
        for fact in (one, other):
            assert fact.mention.side_span is not None
            assert fact.mention.site_span < fact.mention.side_span < fact.value_span


def test_the_sites_in_brackets_have_the_side_before_them() -> None:
    draft = Draft(random.Random(3))
    put_sentence(draft, "[h]见{T2:r@h}信号")
    (side_span,) = {fact.mention.side_span for fact in draft.facts}
    assert side_span is not None
    assert all(fact.mention.site.side == draft.text[slice(*side_span)] for fact in draft.facts)
    assert all(side_span < fact.mention.site_span < fact.value_span for fact in draft.facts)


def test_a_named_site_stands_behind_its_side_and_what_it_lies_in() -> None:
    draft = Draft(random.Random(1))
    put_sentence(draft, "[a=左侧额叶~中央前回]、[b==岛叶]<T2>{T2@ab}")
    first, second = (fact.mention for fact in draft.facts)
    assert draft.text.startswith("左侧额叶中央前回、岛叶")
    assert [(m.site.side, m.site.site, draft.text[slice(*m.site_span)]) for m in (first, second)] == [
        ("左侧", "中央前回", "中央前回"), ("左侧", "岛叶", "岛叶"),
    ]  # fmt: skip
    assert first.side_span == second.side_span == (0, 2)


def test_a_side_stands_behind_its_site_also_when_the_signal_comes_first() -> None:
    for template in ("[a=垂体]高约7mm，^左份^见小结节，<T1>{T1}", "[a=丘脑]<T2>{T2}，位于^左侧^"):
        draft = Draft(random.Random(1))
        put_sentence(draft, template)
        (fact,) = draft.facts
        assert fact.mention.site.side == "左侧"
        assert fact.mention.side_span is not None
        assert draft.text[slice(*fact.mention.side_span)] in ("左份", "左侧")
        assert fact.mention.side_span > fact.mention.site_span


def test_a_place_that_no_vocabulary_holds_is_unlisted() -> None:
    draft = Draft(random.Random(1))
    put_sentence(draft, "[a=右侧腮腺]<T2>{T2}")
    (fact,) = draft.facts
    assert site_and_words(fact.mention.site.site) == ("未列部位", "腮腺")


def test_what_is_not_high_or_not_low_is_absent() -> None:
    written = set()
    for seed, modality in product(range(60), ("DWI", "ADC")):
        draft = Draft(random.Random(seed))
        put_sentence(draft, f"[a1]<{modality}>{{{modality}!}}")
        (fact,) = draft.facts
        assert fact.value is None
        assert fact.negation_span is not None
        if draft.text[slice(*fact.negation_span)] == "不":
            written.add((modality, draft.text[slice(*fact.value_span)]))
    assert written == {("DWI", "高"), ("ADC", "低")}


def test_a_sign_is_high_or_low() -> None:
    for seed in range(20):
        draft = Draft(random.Random(seed))
        put_sentence(draft, "[a1]<DWI>{DWI:s}")
        (fact,) = draft.facts
        shown = draft.text[slice(*fact.value_span)]
        assert fact.value == ("低" if shown in ("↓", "暗", "黑", "暗信号", "减低") else "高")


def test_what_is_negative_is_absent_behind_the_name_of_its_sequence() -> None:
    negative = set()
    for seed in range(40):
        draft = Draft(random.Random(seed))
        put_sentence(draft, "[a1]<DWI>{DWI!}")
        (fact,) = draft.facts
        assert fact.value is None
        if fact.negation_span == fact.value_span:
            negative.add(draft.text[slice(*fact.value_span)])
    assert "阴性" in negative


def test_a_change_is_general() -> None:
    ((_, modality, change),) = _stated("[g]{G}")
    assert modality is None
    assert change is not None


def test_a_change_by_its_own_words_is_of_the_site_named_last() -> None:
    draft = Draft(random.Random(1))
    put_sentence(draft, "[a1]<T2>{T2@a}，[b=四脑室]{=受压}")
    signal, change = draft.facts
    assert (signal.modality, change.modality, change.value) == ("T2", None, "受压")
    assert draft.text[slice(*change.mention.site_span)] + draft.text[slice(*change.value_span)] == "四脑室受压"


def test_doubt_is_noted() -> None:
    draft = Draft(random.Random(1))
    put_sentence(draft, "[a1]可疑<DWI>{DWI?}")
    assert all(fact.uncertain for fact in draft.facts)


@pytest.mark.parametrize("held_out", [False, True])
def test_every_sentence_can_be_written(held_out: bool) -> None:
    for template, seed in product((s for style in template_sentences(held_out) for s in style), range(3)):
        draft = Draft(random.Random(seed))
        put_sentence(draft, template)
        assert not set("[]{}<>$|^~") & set(draft.text), template
        assert draft.facts or "{" not in template, template


def test_reports_are_learnt_and_the_same_for_the_same_seed() -> None:
    reports = [write_template_report(random.Random(i)) for i in range(100)]
    assert reports == [write_template_report(random.Random(i)) for i in range(100)]
    assert sum(tagged(report) is not None for report in reports) > 90


_SIGNAL = re.compile("(?:T1|T2|FLAIR|DWI|ADC|SWI)(?:WI)?(?:正常)?[呈为]?[高低]信号")
_SAID_OF_ANOTHER_TIME = re.compile("原|前片|旧片|当时|外院|消失|上述DWI高信号灶|伪影|CT")


@pytest.mark.parametrize("held_out", [False, True])
def test_a_signal_in_the_words_of_a_sentence_is_of_another_time_or_no_finding(held_out: bool) -> None:
    """灶周水肿呈T2高信号 as mere words would teach that edema has no signal: a present signal is a value."""
    for sentence in (s for style in template_sentences(held_out) for s in style):
        assert not _SIGNAL.search(sentence) or _SAID_OF_ANOTHER_TIME.search(sentence), sentence


def test_what_lies_near_a_lesion_takes_none_of_its_signals() -> None:
    (style,) = (s for s in template_sentences(held_out=False) if any("内听道口" in sentence for sentence in s))
    for template in (s for s in style if "{=扩大}" in s and "桥小脑角" in s):
        draft = Draft(random.Random(1))
        put_sentence(draft, template)
        near = {f.modality for f in draft.facts if "内听道" in draft.text[slice(*f.mention.site_span)]}
        of_the_lesion = {f.modality for f in draft.facts if "桥小脑角" in draft.text[slice(*f.mention.site_span)]}
        assert near == {None}
        assert {"T1", "T2", "T1CE"} <= of_the_lesion


def test_a_midline_site_in_a_list_has_no_side() -> None:
    sentences = [s for style in template_sentences(held_out=False) for s in style if "导水管周围灰质" in s]
    for template, seed in product(sentences, range(3)):
        draft = Draft(random.Random(seed))
        put_sentence(draft, template)
        sides = {f.mention.site.side for f in draft.facts if f.mention.site.site == "导水管周围"}
        assert sides <= {None}


def test_slices_are_no_sites_and_figures_no_values() -> None:
    sentences = [s for style in template_sentences(held_out=False) for s in style if "层面" in s or "图A" in s]
    for template, seed in product(sentences, range(3)):
        draft = Draft(random.Random(seed))
        put_sentence(draft, template)
        named = {draft.text[slice(*f.mention.site_span)] for f in draft.facts}
        assert draft.facts
        assert not any("层面" in words or "图" in words for words in named)

import random

import pytest

from selip_contracts.vocabulary import SITES
from selip_extract.language.lexicon import lexicon
from selip_extract.pseudo_reports.writing.report import write_study
from selip_extract.training.style_dropout import StyleDropout, is_held_out, seen_phrases
from selip_extract.training.tagged_report import TaggedReport, tagged

REPORTS = 200


@pytest.fixture(scope="module")
def reports() -> list[TaggedReport]:
    found = [tagged(write_study(random.Random(f"style-{i}"))) for i in range(REPORTS)]
    return [report for report in found if report is not None]


def test_a_changed_report_states_the_same_of_other_words(reports: list[TaggedReport]) -> None:
    dropout = StyleDropout()
    changed = [dropout(random.Random(i), report) for i, report in enumerate(reports)]
    assert sum(new.text != old.text for new, old in zip(changed, reports, strict=True)) > 0.8 * len(reports)
    for new, old in zip(changed, reports, strict=True):
        assert (new.stated, new.links, new.doubted) == (old.stated, old.links, old.doubted)
        assert {role: len(spans) for role, spans in new.spans.items()} == {
            role: len(spans) for role, spans in old.spans.items()
        }
        assert all(0 <= start < end <= len(new.text) for spans in new.spans.values() for start, end in spans)


def test_the_same_seed_changes_a_report_in_the_same_way(reports: list[TaggedReport]) -> None:
    dropout = StyleDropout()
    assert [dropout(random.Random(3), r) for r in reports[:30]] == [dropout(random.Random(3), r) for r in reports[:30]]


def test_places_get_names_that_nobody_knows() -> None:
    dropout = StyleDropout()
    known = {form for site in SITES.values() for form in site.surface_forms} | lexicon().words.keys()
    names = [dropout.made_up_site(random.Random(i)) for i in range(300)]
    assert sum(name not in known for name in names) > 0.8 * len(names)
    assert len(set(names)) > 0.9 * len(names)


def test_a_phrase_is_either_learnt_or_kept_out() -> None:
    phrases = [f"短语{i}" for i in range(500)]
    learnt, kept_out = seen_phrases(phrases, held_out=False), seen_phrases(phrases, held_out=True)
    assert sorted((*learnt, *kept_out)) == sorted(phrases)
    assert 0.05 < len(kept_out) / len(phrases) < 0.15
    assert all(map(is_held_out, kept_out))


def test_texts_that_state_nothing_have_no_spans() -> None:
    dropout = StyleDropout()
    for i in range(50):
        report = dropout.nothing_stated(random.Random(i))
        assert report.text
        assert not any(report.spans.values())
        assert not report.links

"""The tagger that ships, alone: what it reads, and how sure it is of what others read."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from selip_contracts.annotated import GOLD, read_annotated
from selip_contracts.findings import Finding, GeneralFinding
from selip_contracts.vocabulary import UNLISTED
from selip_extract.evaluation.score import score
from selip_extract.extractors.second_reader import SecondReading
from selip_extract.extractors.tagger import TaggerExtractor
from selip_extract.language.lexer import lex

TEXT = "左侧额叶见片状长T1长T2信号，DWI呈高信号，增强后未见强化。双侧侧脑室扩大。"


@pytest.fixture(scope="module")
def tagger() -> Iterator[TaggerExtractor]:
    with closing(TaggerExtractor()) as extractor:
        yield extractor


def _read(tagger: TaggerExtractor, text: str) -> SecondReading:
    (reading,) = tagger.second_readings([lex(text)])
    return reading


def test_signals_negatives_and_changes_are_read_with_their_evidence(tagger: TaggerExtractor) -> None:
    reading = _read(tagger, TEXT)
    assert {f.key for f in reading.findings} == {
        ("T1", "左侧", "额叶", "低"),
        ("T2", "左侧", "额叶", "高"),
        ("DWI", "左侧", "额叶", "高"),
        ("T1CE", "左侧", "额叶", None),
    }
    assert reading.general is not None
    assert {g.key for g in reading.general} == {("双侧", "侧脑室", "扩大")}
    words = {
        (f.modality, span.role): TEXT[span.start : span.end]
        for f in reading.findings
        if f.evidence is not None
        for span in f.evidence.spans
    }
    assert words["DWI", "site"] == "额叶"
    assert words["DWI", "side"] == "左侧"
    assert words["DWI", "signal"] == "高信号"
    assert words["DWI", "sequence"] == "DWI"
    assert words["T1CE", "negation"].startswith("未见")
    assert all(f.confidence is not None and f.confidence > 0.5 for f in reading.findings)


def test_a_place_that_no_vocabulary_holds_keeps_its_finding(tagger: TaggerExtractor) -> None:
    reading = _read(tagger, "右侧翼峡窝见结节，T2WI呈高信号。左侧额叶T1WI呈低信号。")
    found = {(f.side, f.site, f.modality, f.signal) for f in reading.findings}
    assert ("右侧", UNLISTED, "T2", "高") in found
    assert ("左侧", "额叶", "T1", "低") in found
    assert not any(f.site == "额叶" and f.modality == "T2" for f in reading.findings)


def test_a_finding_of_others_has_a_probability_by_the_words_it_cites(tagger: TaggerExtractor) -> None:
    reading = _read(tagger, TEXT)
    high = next(f for f in reading.findings if f.modality == "DWI")
    assert (reading.unreturned(high) or 0) > 0.5
    for change in ({"signal": "低"}, {"side": "右侧"}, {"modality": "FLAIR"}):
        assert (reading.unreturned(high.model_copy(update=change)) or 0) < 0.1
    assert reading.general is not None
    assert (reading.unreturned(reading.general[0]) or 0) > 0.5


def test_the_reading_of_a_text_depends_on_no_other_text(tagger: TaggerExtractor) -> None:
    texts = [r.findings_text for r in read_annotated(GOLD / "development_hard.jsonl")]
    together = [reading.study for reading in tagger.read(texts)]
    alone = [tagger.read([text])[0].study for text in texts]
    for one, other in zip(together, alone, strict=True):
        assert [f.key for f in one.findings] == [f.key for f in other.findings]
        assert [f.confidence for f in one.findings] == pytest.approx([f.confidence for f in other.findings], abs=2e-4)


def test_a_long_text_is_read_to_its_end(tagger: TaggerExtractor) -> None:
    text = "左侧额叶见片状长T1长T2信号。双侧海马对称，信号未见异常。" * 40 + "右侧丘脑见点状DWI高信号。"
    keys = {f.key for f in _read(tagger, text).findings}
    assert ("DWI", "右侧", "丘脑", "高") in keys
    assert ("T2", "左侧", "额叶", "高") in keys


@pytest.mark.parametrize("text", ["", " \n", "。。。", "123456", "𠮷髎\u0301", "No abnormality.", "x" * 2000])
def test_what_states_nothing_gives_nothing(tagger: TaggerExtractor, text: str) -> None:
    reading = _read(tagger, text)
    assert not reading.findings
    assert not reading.general


def test_evidence_lies_in_the_text(tagger: TaggerExtractor) -> None:
    for report in read_annotated(GOLD / "styles_e_hard.jsonl"):
        reading = _read(tagger, report.findings_text)
        stated: list[Finding | GeneralFinding] = [*reading.findings, *(reading.general or ())]
        for one in stated:
            assert one.evidence is not None
            assert report.findings_text[one.evidence.start : one.evidence.end] == one.evidence.text
            assert all(0 <= s.start < s.end <= len(report.findings_text) for s in one.evidence.spans)


FLOORS = {"development": 0.9, "styles_a": 0.9, "styles_b": 0.85, "styles_d": 0.85, "styles_e": 0.85, "styles_f": 0.8}


@pytest.mark.parametrize("name", FLOORS)
def test_alone_it_reads_annotated_reports_that_it_was_not_trained_on(tagger: TaggerExtractor, name: str) -> None:
    reports = list(read_annotated(GOLD / f"{name}.jsonl"))
    readings = tagger.read([report.findings_text for report in reports])
    figures = score(reports, {r.report_id: reading.study for r, reading in zip(reports, readings, strict=True)})
    assert figures.finding_f1.value is not None
    assert figures.finding_f1.value >= FLOORS[name]


def test_sides_in_traditional_characters_are_read(tagger: TaggerExtractor) -> None:
    reading = _read(tagger, "雙側側腦室旁見斑片狀長T1長T2訊號。")
    assert {f.key for f in reading.findings} == {("T1", "双侧", "侧脑室旁", "低"), ("T2", "双侧", "侧脑室旁", "高")}


def test_a_site_that_is_named_again_without_its_side_has_it(tagger: TaggerExtractor) -> None:
    reading = _read(tagger, "左侧额叶见肿块，T1WI呈低信号，T2WI呈高信号。增强扫描：额叶病灶明显强化。")
    assert ("T1CE", "左侧", "额叶", "明显强化") in {f.key for f in reading.findings}

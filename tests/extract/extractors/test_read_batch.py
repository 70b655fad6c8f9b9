from collections.abc import Sequence

import pytest

from selip_contracts.findings import Finding, Study
from selip_extract.extraction import Review
from selip_extract.extractors.base import Reading
from selip_extract.extractors.read_batch import MAX_CHARACTERS, read_batch
from selip_extract.reports.report import Report
from selip_shared.errors import SelipError

FINDING = Finding(modality="T2", side=None, site="额叶", signal="高")


class FrontalLobeExtractor:
    """Finds a T2 高 at 额叶 wherever the word stands, and fails on some words as a real extractor may."""

    name = "frontal"
    batch_size = 8

    def __init__(self) -> None:
        self.batches: list[int] = []

    def close(self) -> None:
        pass

    def fingerprint(self) -> dict[str, str]:
        return {"extractor": self.name}

    def read(self, texts: Sequence[str]) -> list[Reading]:
        self.batches.append(len(texts))
        if any("炸" in text for text in texts):
            raise RuntimeError(f"cannot read {texts[0]}")
        if any("没有模型" in text for text in texts):
            raise SelipError("There is no model; install one.")
        return [self._read_one(text) for text in texts]

    def _read_one(self, text: str) -> Reading:
        if "断" in text:
            return Reading(Study(), reply="{", status="incomplete", note="ended early")
        study = Study(findings=(FINDING,)) if "额叶" in text else Study()
        uncited = (Review("uncited", "信号", 2, 4),) if "信号" in text else ()
        return Reading(study, reply="额叶", review=uncited)


def reports(*texts: str) -> list[Report]:
    return [Report(f"r{row}", text, row) for row, text in enumerate(texts, start=1)]


def test_a_reading_becomes_an_extraction_of_its_report() -> None:
    first, second = read_batch(FrontalLobeExtractor(), reports("额叶信号", "未见异常"))
    assert first.study == Study(findings=(FINDING,))
    assert (first.report_id, first.status, first.reply) == ("r1", "ok", "额叶")
    assert first.review == (Review("uncited", "信号", 2, 4),)
    assert (second.status, second.study, second.review) == ("ok", Study(), ())
    assert first.seconds > 0


@pytest.mark.parametrize("text", ["", "  \n", "\x00\x01", "——。"])
def test_a_text_without_a_letter_is_empty_and_never_reaches_the_extractor(text: str) -> None:
    extractor = FrontalLobeExtractor()
    [extraction] = read_batch(extractor, reports(text))
    assert (extraction.status, extraction.study, extraction.review) == ("empty", None, ())
    assert extractor.batches == []


def test_a_text_over_the_limit_is_too_long_and_its_beginning_is_to_be_reviewed() -> None:
    at_limit, over = read_batch(FrontalLobeExtractor(), reports("正" * MAX_CHARACTERS, "额" * (MAX_CHARACTERS + 1)))
    assert at_limit.status == "ok"
    assert (over.status, over.study) == ("too_long", None)
    assert over.review == (Review("failed", "额" * 60, 0, 60),)


@pytest.mark.parametrize("bad", range(5))
def test_one_report_that_the_extractor_fails_on_costs_no_other_its_findings(bad: int) -> None:
    texts = ["左侧额叶"] * 5
    texts[bad] = "左侧额叶炸"
    extractions = read_batch(FrontalLobeExtractor(), reports(*texts))
    assert [e.status for e in extractions] == ["error" if row == bad else "ok" for row in range(5)]
    assert [e.report_id for e in extractions] == ["r1", "r2", "r3", "r4", "r5"]


def test_the_note_of_an_error_names_the_exception_and_quotes_nothing() -> None:
    [extraction] = read_batch(FrontalLobeExtractor(), reports("左侧额叶炸"))
    assert extraction.note == "RuntimeError"


def test_an_unfinished_reading_keeps_its_reply_and_has_no_study() -> None:
    [extraction] = read_batch(FrontalLobeExtractor(), reports("左侧额叶断"))
    assert (extraction.status, extraction.study) == ("incomplete", None)
    assert (extraction.reply, extraction.note) == ("{", "ended early")
    assert extraction.review == (Review("failed", "左侧额叶断", 0, 5),)


def test_an_error_for_the_user_is_not_laid_on_the_reports() -> None:
    with pytest.raises(SelipError, match="There is no model"):
        read_batch(FrontalLobeExtractor(), reports("没有模型"))

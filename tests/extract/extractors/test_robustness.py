"""Any file and any text: every report ends with a status of its own, whatever stands beside it."""

import csv
import io
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selip_contracts.annotated import GOLD, read_annotated
from selip_contracts.findings import Finding, GeneralFinding, Study
from selip_extract.database.store import Store
from selip_extract.extraction import Extraction
from selip_extract.extractors.base import Extractor
from selip_extract.extractors.read_batch import read_batch
from selip_extract.extractors.registry import EXTRACTORS, ModelChoice
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.pipeline import RunOptions, extract
from selip_extract.reports.report import Report
from selip_extract.reports.report_table import ReportTable, open_reports
from selip_shared.errors import SelipError

SENTENCES = sorted(
    {
        f"{sentence}。"
        for name in ("development", "development_hard")
        for report in read_annotated(GOLD / f"{name}.jsonl")
        for sentence in report.findings_text.split("。")
        if sentence
    }
)
# What a scanner may stumble over, and words that speak of what went before.
ODD_WORDS = "余 病灶 同侧 其内 前片示 增强后 T T1 长 侧 \u200b \ufeff ① ² ﷽ ﬁ".split(" ")
ODD = st.one_of(st.text(st.characters(codec="utf-8"), max_size=8), st.sampled_from([*ODD_WORDS, "\r\n"]))
TEXTS = st.lists(st.one_of(st.sampled_from(SENTENCES), st.sampled_from(SENTENCES), ODD), max_size=6).map("".join)
RULES = RuleExtractor()


def study_of(extraction: Extraction) -> tuple[str, Study | None]:
    """Status and study, without the last digits of its confidences, which the padding of a batch may move."""
    study = extraction.study
    if study is not None:
        findings, negatives = (
            tuple(finding.model_copy(update={"confidence": None}) for finding in several)
            for several in (study.findings, study.negatives)
        )
        study = study.model_copy(update={"findings": findings, "negatives": negatives})
    return extraction.status, study


def quotes_itself(text: str, extraction: Extraction) -> None:
    """Every finding quotes the text where it says that it does."""
    study = extraction.study or Study()
    found: tuple[Finding | GeneralFinding, ...] = (*study.findings, *study.negatives, *study.general)
    for finding in found:
        assert finding.evidence is not None
        assert text[finding.evidence.start : finding.evidence.end] == finding.evidence.text
    for review in extraction.review:
        assert text[review.start : review.end] == review.text


def neighbours_do_not_matter(extractor: Extractor, texts: list[str], size: int, rng: random.Random) -> None:
    reports = [Report(str(number), text, number) for number, text in enumerate(texts)]
    alone = {report: study_of(read_batch(extractor, [report])[0]) for report in reports}
    shuffled = rng.sample(reports, len(reports))
    for start in range(0, len(shuffled), size):
        batch = shuffled[start : start + size]
        for report, extraction in zip(batch, read_batch(extractor, batch), strict=True):
            assert extraction.report_id == report.report_id
            assert study_of(extraction) == alone[report]
            quotes_itself(report.text, extraction)


batches = given(
    texts=st.lists(TEXTS, min_size=1, max_size=6), size=st.integers(1, 6), rng=st.randoms(use_true_random=False)
)


@settings(max_examples=150)
@batches
def test_what_rules_find_does_not_depend_on_the_neighbours(texts: list[str], size: int, rng: random.Random) -> None:
    neighbours_do_not_matter(RULES, texts, size, rng)


@pytest.mark.slow
@settings(max_examples=10_000)
@batches
def test_what_rules_find_does_not_depend_on_ten_thousand_neighbours(
    texts: list[str], size: int, rng: random.Random
) -> None:
    neighbours_do_not_matter(RULES, texts, size, rng)


@cache
def default_extractor() -> Extractor:
    return EXTRACTORS["both"](ModelChoice())


@settings(max_examples=4)
@batches
def test_what_both_find_does_not_depend_on_the_neighbours(texts: list[str], size: int, rng: random.Random) -> None:
    neighbours_do_not_matter(default_extractor(), texts, size, rng)


@pytest.mark.slow
@settings(max_examples=300)
@batches
def test_what_both_find_does_not_depend_on_many_neighbours(texts: list[str], size: int, rng: random.Random) -> None:
    neighbours_do_not_matter(default_extractor(), texts, size, rng)


LOSSLESS = ("utf-8", "utf-8-sig", "gb18030", "utf-16")
ODD_CODECS = ("big5", "shift_jis", "latin-1", "cp1252", "utf-32", "utf-7", "gbk", "utf-16-le", "utf-16-be")
HEADINGS = st.permutations(["检查号", "影像所见", "备注"]).flatmap(
    lambda usual: st.lists(
        st.one_of(st.sampled_from(["", "所见", "印象", "报告号", "影像所见 "]), ODD), max_size=2
    ).map(lambda others: [*usual, *others])
)
CELLS = st.one_of(
    TEXTS, ODD, st.sampled_from(["", " ", "=1+1", '"', "'", "\n", ",;|\t", "1e5", "007", "\0", "NULL", "#N/A"])
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[bytes, int | None]:
    """A file that may be one of reports, and how many there are in it where that can be said."""
    headings = draw(HEADINGS)
    width = st.just(len(headings)) if draw(st.booleans()) else st.integers(0, len(headings) + 2)
    rows = draw(st.lists(width.flatmap(lambda n: st.lists(CELLS, min_size=n, max_size=n)), max_size=6))
    file = io.StringIO()
    csv.writer(file, delimiter=draw(st.sampled_from(",,,\t;|"))).writerows([headings, *rows])
    codec = draw(st.sampled_from((*LOSSLESS, *LOSSLESS, *ODD_CODECS)))
    content = bytearray(file.getvalue().encode(codec, errors="replace"))
    blows = draw(st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 5)), max_size=3))
    for at, inserted, removed in blows:
        at %= len(content) + 1
        content[at : at + removed] = inserted
    whole = not blows and codec in LOSSLESS and len(headings) == 3 and all(len(row) == 3 for row in rows)
    return bytes(content), len(rows) if whole else None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "selip.duckdb") as store:
        yield store


def opened(path: Path) -> ReportTable | str:
    """The table, or the sentence with which it is refused."""
    try:
        return open_reports(path)
    except SelipError as refusal:
        return str(refusal)


def every_report_has_a_status(store: Store, path: Path, content: bytes, rows: int | None) -> None:
    path.write_bytes(content)
    table = opened(path)
    if isinstance(table, str):
        assert rows is None
        assert table.replace(str(path), "").splitlines() == [table.replace(str(path), "")]
        return
    assert rows in (None, table.total)
    ((before,),) = store.connection.execute("SELECT count(*) FROM reports").fetchall()
    outcome = extract(table, store, RULES, RunOptions(batch_size=2))
    assert (outcome.added.given, outcome.remaining) == (table.total, 0)
    reports_and_statuses = store.connection.execute(
        "SELECT count(*), count(status) FROM reports LEFT JOIN (FROM extractions WHERE run_id = ?) USING (report_id)",
        [outcome.run_id],
    ).fetchall()
    assert reports_and_statuses == [(before + outcome.added.new,) * 2]


one_store = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(one_store, max_examples=60)
@given(table=tables())
def test_reports_in_are_statuses_out(store: Store, tmp_path: Path, table: tuple[bytes, int | None]) -> None:
    every_report_has_a_status(store, tmp_path / "reports.csv", *table)


@pytest.mark.slow
@settings(one_store, max_examples=10_000)
@given(table=tables())
def test_reports_in_are_statuses_out_of_ten_thousand_files(
    store: Store, tmp_path: Path, table: tuple[bytes, int | None]
) -> None:
    every_report_has_a_status(store, tmp_path / "reports.csv", *table)

import csv
import resource
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from threading import Barrier, Lock
from typing import Any

import pytest

from selip_contracts.findings import Finding, Study
from selip_extract.database.store import Added, Store
from selip_extract.extraction import Review
from selip_extract.extractors.base import Reading
from selip_extract.extractors.read_batch import MAX_CHARACTERS
from selip_extract.pipeline import ExtractionOutcome, RunOptions, configuration, extract
from selip_extract.reports.report_table import open_reports
from selip_shared.errors import SelipError

# A batch that waits so long for the other one is alone in work.
HANGS_AFTER_SECONDS = 60


class FrontalLobeExtractor:
    """Finds a T2 高 at 额叶 wherever the word stands; `before` is called with each batch of texts."""

    name = "frontal"
    batch_size = 8

    def __init__(self, settings: str = "1", before: Callable[[Sequence[str]], None] | None = None) -> None:
        self.settings = settings
        self.before = before
        self.batches: list[list[str]] = []

    def close(self) -> None:
        pass

    def fingerprint(self) -> dict[str, str]:
        return {"settings": self.settings, "task_version": "7"}

    def read(self, texts: Sequence[str]) -> list[Reading]:
        if self.before is not None:
            self.before(texts)
        self.batches.append(list(texts))
        return [self._read_one(text) for text in texts]

    def _read_one(self, text: str) -> Reading:
        finding = Finding(modality="T2", side=None, site="额叶", signal="高")
        return Reading(
            Study(findings=(finding,) if "额叶" in text else ()), review=(Review("uncited", text[:1], 0, 1),)
        )

    @property
    def texts(self) -> list[str]:
        return [text for batch in self.batches for text in batch]


class ForgetfulExtractor(FrontalLobeExtractor):
    """Keeps no text."""

    def read(self, texts: Sequence[str]) -> list[Reading]:
        return [self._read_one(text) for text in texts]


def fail_on_explosive(texts: Sequence[str]) -> None:
    if any("炸" in text for text in texts):
        raise RuntimeError(texts[0])


def write_csv(path: Path, rows: Iterable[tuple[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(chain([("检查号", "影像所见")], rows))
    return path


@contextmanager
def store_in(folder: Path) -> Iterator[Store]:
    with Store(folder / "selip.duckdb") as store:
        yield store


def run(
    folder: Path, rows: Sequence[tuple[str, str]], extractor: FrontalLobeExtractor, batch_size: int = 4
) -> ExtractionOutcome:
    with store_in(folder) as store:
        return extract(open_reports(write_csv(folder / "reports.csv", rows)), store, extractor, RunOptions(batch_size))


def stored(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with store_in(folder) as store:
        return store.connection.execute(query).fetchall()


def test_every_report_ends_with_a_status(tmp_path: Path) -> None:
    rows = [
        ("a", "左侧额叶见长T2信号"),
        ("b", ""),
        ("c", "额" * (MAX_CHARACTERS + 1)),
        ("d", "左侧额叶炸"),
        ("a", "左侧额叶见长T2信号"),
        ("a", "另一份报告"),
        ("e", "未见异常"),
    ]
    outcome = run(tmp_path, rows, FrontalLobeExtractor(before=fail_on_explosive))
    assert outcome.added == Added(new=6, renamed=1, repeated=1)
    assert (outcome.read, outcome.remaining, outcome.interrupted) == (6, 0, False)
    assert stored(tmp_path, "SELECT report_id, status FROM extractions ORDER BY 1") == [
        ("a", "ok"),
        ("a#2", "ok"),
        ("b", "empty"),
        ("c", "too_long"),
        ("d", "error"),
        ("e", "ok"),
    ]
    assert stored(tmp_path, "SELECT report_id, site, signal FROM findings") == [("a", "额叶", "高")]
    failed = stored(tmp_path, "SELECT report_id FROM review WHERE reason = 'failed' ORDER BY 1")
    assert failed == [("c",), ("d",)]


def test_run_again_only_what_is_new_is_read(tmp_path: Path) -> None:
    rows = [(f"r{number}", f"额叶第{number}例") for number in range(10)]
    run(tmp_path, rows[:7], FrontalLobeExtractor())
    again = FrontalLobeExtractor()
    outcome = run(tmp_path, rows, again)
    assert (outcome.added, outcome.read) == (Added(new=3, known=7), 3)
    assert sorted(again.texts) == ["额叶第7例", "额叶第8例", "额叶第9例"]
    assert stored(tmp_path, "SELECT count(*), count(DISTINCT report_id), count(DISTINCT run_id) FROM findings") == [
        (10, 10, 1)
    ]


def test_another_configuration_is_another_run_and_overwrites_nothing(tmp_path: Path) -> None:
    rows = [("a", "额叶"), ("b", "额叶")]
    first = run(tmp_path, rows, FrontalLobeExtractor(settings="1"))
    second = run(tmp_path, rows, FrontalLobeExtractor(settings="2"))
    assert (first.run_id, second.run_id, second.read) == (1, 2, 2)
    assert stored(tmp_path, "SELECT run_id, count(*) FROM finding_rows GROUP BY 1 ORDER BY 1") == [(1, 2), (2, 2)]
    assert stored(tmp_path, "SELECT DISTINCT run_id FROM findings") == [(2,)]


def test_a_run_says_what_wrote_it(tmp_path: Path) -> None:
    run(tmp_path, [("a", "额叶")], FrontalLobeExtractor())
    [(extractor, task, code, settings)] = stored(
        tmp_path, "SELECT extractor, task_version, code_version, configuration->>'settings' FROM runs"
    )
    assert (extractor, task, settings) == ("frontal", "7", "1")
    assert code == configuration(FrontalLobeExtractor())["code_version"]


def test_ctrl_c_keeps_what_is_written_and_the_next_sitting_goes_on(tmp_path: Path) -> None:
    rows = [(f"r{number}", f"额叶第{number}例") for number in range(10)]

    def interrupt_at_second_batch(texts: Sequence[str]) -> None:
        if "额叶第3例" in texts:
            signal.raise_signal(signal.SIGINT)

    stopped = run(tmp_path, rows, FrontalLobeExtractor(before=interrupt_at_second_batch), batch_size=6)
    assert stopped.interrupted
    assert stopped.read in (6, 9)
    assert stopped.remaining == 10 - stopped.read
    assert stored(tmp_path, "SELECT count(*) FROM finding_rows") == [(stopped.read,)]
    assert stored(tmp_path, "SELECT count(*) FROM findings") == [(0,)]

    rest = run(tmp_path, rows, FrontalLobeExtractor(), batch_size=6)
    assert (rest.run_id, rest.read, rest.remaining, rest.interrupted) == (stopped.run_id, stopped.remaining, 0, False)
    assert stored(tmp_path, "SELECT count(*), count(DISTINCT report_id) FROM findings") == [(10, 10)]


def test_an_error_for_the_user_ends_the_sitting_with_what_is_written(tmp_path: Path) -> None:
    def fail_at_last_batch(texts: Sequence[str]) -> None:
        if "额叶第4例" in texts:
            raise SelipError("The model is gone: name another one.")

    extractor = FrontalLobeExtractor(before=fail_at_last_batch)
    rows = [(f"r{number}", f"额叶第{number}例") for number in range(5)]
    with pytest.raises(SelipError, match="The model is gone"):
        run(tmp_path, rows, extractor, batch_size=6)
    assert stored(tmp_path, "SELECT status, count(*) FROM extractions GROUP BY 1") == [("ok", 3)]
    assert stored(tmp_path, "SELECT last_finished_at IS NULL FROM runs") == [(True,)]


def test_a_run_that_goes_on_reads_the_very_batches_that_an_uninterrupted_one_reads(tmp_path: Path) -> None:
    rows = [(f"r{number}", "额叶" * (1 + number * 7 % 20) + str(number)) for number in range(100)]
    (tmp_path / "whole").mkdir()
    whole = FrontalLobeExtractor()
    run(tmp_path / "whole", rows, whole, batch_size=6)

    def fail_in_the_second_window(texts: Sequence[str]) -> None:
        if rows[70][1] in texts:
            raise SelipError("The model is gone: name another one.")

    with pytest.raises(SelipError, match="The model is gone"):
        run(tmp_path, rows, FrontalLobeExtractor(before=fail_in_the_second_window), batch_size=6)
    ((before,),) = stored(tmp_path, "SELECT count(*) FROM extractions")
    rest = FrontalLobeExtractor()
    assert run(tmp_path, rows, rest, batch_size=6).read == 100 - before
    assert sorted(rest.batches) == sorted(batch for batch in whole.batches if batch in rest.batches)
    assert 0 < before < 100


def test_failures_are_read_again_only_where_it_is_asked_for(tmp_path: Path) -> None:
    rows = [("r1", "额叶"), ("r2", "额叶炸"), ("r3", "")]
    first = run(tmp_path, rows, FrontalLobeExtractor(before=fail_on_explosive))
    statuses = "SELECT report_id, status FROM extractions ORDER BY 1"
    assert stored(tmp_path, statuses) == [("r1", "ok"), ("r2", "error"), ("r3", "empty")]

    assert run(tmp_path, rows, FrontalLobeExtractor()).read == 0
    extractor = FrontalLobeExtractor()
    with Store(tmp_path / "selip.duckdb") as store:
        table = open_reports(tmp_path / "reports.csv")
        again = extract(table, store, extractor, RunOptions(retry_failed=True))
    assert (again.run_id, again.read, extractor.texts) == (first.run_id, 1, ["额叶炸"])
    assert stored(tmp_path, statuses) == [("r1", "ok"), ("r2", "ok"), ("r3", "empty")]
    assert stored(tmp_path, "SELECT report_id, reason FROM review ORDER BY ALL") == [
        ("r1", "uncited"),
        ("r2", "uncited"),
    ]


def test_two_batches_are_in_work_at_once_and_no_more(tmp_path: Path) -> None:
    lock = Lock()
    pairs = Barrier(2)
    at_work: list[int] = [0]
    most: list[int] = [0]

    def wait_for_the_other_batch(_texts: Sequence[str]) -> None:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        pairs.wait(HANGS_AFTER_SECONDS)
        with lock:
            at_work[0] -= 1

    extractor = FrontalLobeExtractor(before=wait_for_the_other_batch)
    outcome = run(tmp_path, [(f"r{number}", f"额叶{number}") for number in range(20)], extractor)
    assert (most, len(extractor.batches), outcome.read) == ([2], 10, 20)
    assert stored(tmp_path, "SELECT DISTINCT status FROM extractions") == [("ok",)]


def test_batches_hold_reports_of_like_length(tmp_path: Path) -> None:
    rows = [(f"r{number}", "额叶" * (1 + number * 7 % 20)) for number in range(20)]
    extractor = FrontalLobeExtractor()
    run(tmp_path, rows, extractor, batch_size=10)
    by_length = sorted(len(text) for _, text in rows)
    lengths = sorted([len(text) for text in batch] for batch in extractor.batches)
    assert lengths == [by_length[start : start + 5] for start in range(0, 20, 5)]


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_the_size_of_a_batch_changes_no_finding(tmp_path: Path, batch_size: int) -> None:
    rows = [(f"r{number}", "额叶" if number % 3 else "未见异常") for number in range(10)]
    run(tmp_path, rows, FrontalLobeExtractor(), batch_size=batch_size)
    found = stored(tmp_path, "SELECT report_id FROM findings ORDER BY 1")
    assert found == [(f"r{number}",) for number in range(10) if number % 3]


def test_a_table_without_rows_is_read_to_its_end(tmp_path: Path) -> None:
    outcome = run(tmp_path, [], FrontalLobeExtractor())
    assert (outcome.added, outcome.read, outcome.remaining) == (Added(), 0, 0)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    text = "左侧额叶见斑片状长T1长T2信号，FLAIR呈高信号，DWI呈高信号，ADC图呈低信号，边界欠清。双侧脑室大小正常。" * 2

    def peak_megabytes(reports: int) -> float:
        folder = tmp_path / str(reports)
        folder.mkdir()
        rows = ((f"r{number}", f"{text}{number}") for number in range(reports))
        table = open_reports(write_csv(folder / "reports.csv", rows))
        with store_in(folder) as store:
            assert extract(table, store, ForgetfulExtractor()).read == reports
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    few = peak_megabytes(10_000)
    many = peak_megabytes(100_000)
    assert many - few < 150  # the cache of the database, which has a limit of its own; the texts alone are 30 MB


class SilentExtractor(FrontalLobeExtractor):
    """A model that gives no answer to the first reports."""

    def __init__(self, failing: int) -> None:
        super().__init__()
        self.failing = failing

    def _read_one(self, text: str) -> Reading:
        return Reading.failed("error", "no answer") if int(text[-2:]) < self.failing else super()._read_one(text)


def test_a_run_whose_first_reports_all_fail_ends_with_the_reason(tmp_path: Path) -> None:
    rows = [(f"r{i:02}", f"左侧额叶见长T2信号{i:02}") for i in range(60)]
    with pytest.raises(SelipError, match=r"All of the first 32 reports failed \(error: no answer\).*--retry-failed"):
        run(tmp_path, rows, SilentExtractor(60))
    assert stored(tmp_path, "SELECT count(*) FROM extractions WHERE status = 'error'") == [(32,)]


def test_a_run_of_which_any_report_was_read_goes_on(tmp_path: Path) -> None:
    rows = [(f"r{i:02}", f"左侧额叶见长T2信号{i:02}") for i in range(60)]
    assert run(tmp_path, rows, SilentExtractor(31)).read == 60

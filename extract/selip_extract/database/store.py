"""The DuckDB file as the extraction sees it: reports go in once, runs continue, batches are written whole."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from selip_contracts.database_file import disk_errors, open_store, transaction, utc_now
from selip_contracts.deidentified import key_marks
from selip_extract.database.columns import (
    BatchRows,
    Columns,
    StoredRow,
    batch_rows,
    column,
)
from selip_extract.extraction import NO_USAGE, Extraction, Status, Usage
from selip_extract.reports.report import Report
from selip_shared.errors import SelipError
from selip_shared.threads import granted_cpus

REPORT_BATCH_SIZE = 5_000
MAX_BATCH_CHARACTERS = 5_000_000
"""A batch of reports is written at this number of reports or characters: memory does not grow with the file."""

MEMORY_LIMIT = "512MB"
"""DuckDB's memory limit; its default is most of the machine's memory, which the model needs."""

MAX_LOG_BYTES = 64_000_000
"""At this length the write-ahead log goes into the tables: until then DuckDB keeps its rows in memory."""

LOG_THREADS = min(4, granted_cpus())
"""Threads that write the log into the tables."""

RETRYABLE: tuple[Status, ...] = ("incomplete", "invalid", "error")
"""Statuses that another attempt may change: an empty or too long text stays so."""

_REPORT_COLUMNS = (
    "ordinal", "report_id", "given_id", "patient_id", "report_date", "text", "text_sha256", "impression", "kept",
    "source_file", "source_row", "added_at",
)  # fmt: skip
_RUN_COLUMNS = (
    "extractor", "engine", "model_hash", "adapter_hash", "task_version", "grammar_version", "schema_version",
    "code_version", "seed",
)  # fmt: skip


@dataclass(frozen=True)
class Added:
    """What became of the reports given: `new` of them `renamed`; `known` before; `repeated` with the same text.

    `superseded` is the number of earlier reports in whose place the views now show a new one of the same id.
    """

    new: int = 0
    renamed: int = 0
    known: int = 0
    repeated: int = 0
    superseded: int = 0

    @property
    def given(self) -> int:
        """All reports that were given."""
        return self.new + self.known + self.repeated

    def __add__(self, other: "Added") -> "Added":
        return Added(
            self.new + other.new,
            self.renamed + other.renamed,
            self.known + other.known,
            self.repeated + other.repeated,
            self.superseded + other.superseded,
        )


class ReportWindow(NamedTuple):
    """Consecutive reports, and the ids of those among them that a run has not extracted yet."""

    reports: list[Report]
    pending: frozenset[str]


class Store:
    """The file at `path`, open for writing by this process alone; a context manager, `connection` for queries."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; SelipError where that cannot be."""
        self.path = path
        self.connection = open_store(path)
        self.connection.execute("SET memory_limit = ?", [MEMORY_LIMIT])
        # By itself it would write the log with one thread: see _shorten_log.
        self.connection.execute("SET wal_autocheckpoint = '1TB'")
        # One value tells the type of a column: they are all of one type.
        self.connection.execute("SET pandas_analyze_sample = 1")
        # Several threads would each keep the rows of a batch first and then write them a second time.
        self.connection.execute("SET threads = 1")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def add_reports(self, reports: Iterable[Report], source_file: str | None = None) -> Added:
        """Add those that are not there yet; the same id with another text becomes id#2, id#3 and so on.

        A report that was there is superseded where its id now comes with another text and not with its own again.
        `source_file` is None where each report names its file.
        """
        known_until = self._one("SELECT coalesce(max(ordinal), 0) FROM reports")
        amendments = _Amendments(known_until)
        added = Added()
        for batch in _bounded(reports):
            with self._transaction():
                added += self._add(batch, source_file, amendments)
        with self._transaction():
            return added + Added(superseded=self._supersede(amendments))

    def write_checked(self, run_id: int, extractions: Sequence[Extraction], persons: Mapping[str, str]) -> None:
        """Add what persons, by report, have read: from now on it counts in place of what any extractor has read."""
        with self._transaction():
            self._insert(batch_rows(run_id, extractions))
            self.connection.execute(
                """UPDATE reports SET checked_run = $run, checked_by = person, checked_at = $now
                FROM (SELECT unnest($ids) AS checked_id, unnest($persons) AS person) WHERE report_id = checked_id""",
                {"run": run_id, "now": utc_now(), "ids": [e.report_id for e in extractions],
                 "persons": [persons[e.report_id] for e in extractions]},
            )  # fmt: skip

    def is_deidentified(self) -> bool:
        """Whether the reports in the file came in under a key."""
        return any(mark is not None for (mark,) in self._key_marks())

    def require_key(self, key_mark: str | None) -> None:
        """SelipError where the reports in the file came in under another key, or with one and now without (None)."""
        marks = self._key_marks()
        if not marks or marks == [(key_mark,)]:
            return
        if key_mark is None:
            raise SelipError(
                f"The reports in {self.path} are de-identified: give --deidentify with the same key, "
                "or name another database."
            )
        if marks == [(None,)]:
            raise SelipError(
                f"The reports in {self.path} came in as they were: leave --deidentify out, or name another database."
            )
        raise SelipError(
            f"The reports in {self.path} are de-identified with another key: give the file of that key, "
            "or name another database."
        )

    def begin_run(self, configuration: Mapping[str, object]) -> int:
        """The run of this configuration, continued where there is one.

        `configuration` is JSON and names the `extractor` and the `code_version`; the columns of `runs` are filled from
        the keys of the same name.
        """
        described = json.dumps(configuration, ensure_ascii=False, sort_keys=True)
        fingerprint = hashlib.sha256(described.encode()).hexdigest()
        found = self._rows("SELECT run_id FROM runs WHERE fingerprint = ?", [fingerprint])
        if found:
            return int(found[0][0])
        run_id = int(self._one("SELECT coalesce(max(run_id), 0) + 1 FROM runs"))
        values = [run_id, fingerprint, *(configuration.get(name) for name in _RUN_COLUMNS), described, utc_now()]
        with self._transaction():
            self.connection.execute(
                f"""INSERT INTO runs
                (run_id, fingerprint, {", ".join(_RUN_COLUMNS)}, configuration, started_at, seconds)
                VALUES ({", ".join("?" * len(values))}, 0)""",
                values,
            )
        return run_id

    def pending_count(self, run_id: int) -> int:
        """How many reports this run has not extracted yet."""
        return int(
            self._one(
                "SELECT count(*) FROM reports ANTI JOIN (FROM extractions WHERE run_id = ?) USING (report_id)", [run_id]
            )
        )

    def pending(self, run_id: int, size: int) -> Iterator[ReportWindow]:
        """The windows with reports that this run has not extracted, in the order in which the reports were added.

        Windows are fixed ranges of `size` ordinals: a continued run sees the same windows again. The list of windows is
        read once, before the first; extractions may be written between two of them.
        """
        numbers = self._rows(
            """SELECT DISTINCT (ordinal - 1) // $size AS number FROM reports
            ANTI JOIN (FROM extractions WHERE run_id = $run) USING (report_id) ORDER BY number""",
            {"size": size, "run": run_id},
        )
        for (number,) in numbers:
            rows = self._rows(
                """SELECT report_id, text, source_row, extracted FROM reports
                LEFT JOIN (SELECT report_id, true AS extracted FROM extractions WHERE run_id = $run) USING (report_id)
                WHERE ordinal > $start AND ordinal <= $start + $size ORDER BY ordinal""",
                {"run": run_id, "start": number * size, "size": size},
            )
            yield ReportWindow(
                [Report(report_id=report_id, text=text, row=row) for report_id, text, row, _ in rows],
                frozenset(report_id for report_id, _, _, extracted in rows if not extracted),
            )

    def write(self, run_id: int, extractions: Sequence[Extraction]) -> None:
        """Add a batch of extractions with findings and review, all of it or nothing."""
        self.write_rows(batch_rows(run_id, extractions))

    def write_rows(self, rows: BatchRows) -> None:
        """Add the rows of a batch, all of them or none."""
        with self._transaction():
            self._insert(rows)

    def forget_failures(self, run_id: int) -> int:
        """Make the retryable failures of this run pending again; how many."""
        failed = "FROM extractions WHERE run_id = $run AND status IN (SELECT unnest($failures))"
        values = {"run": run_id, "failures": list(RETRYABLE)}
        with self._transaction():
            self.connection.execute(
                f"DELETE FROM review_rows WHERE run_id = $run AND report_id IN (SELECT report_id {failed})", values
            )
            return len(self._rows(f"DELETE {failed} RETURNING report_id", values))

    def require_success(self, run_id: int) -> None:
        """SelipError with the usual reason where every report that this run has read failed for want of an answer."""
        ((failed, read, status, note),) = self._rows(
            """SELECT count(*) FILTER (status IN (SELECT unnest($failures))), count(*), mode(status), mode(note)
            FROM extractions WHERE run_id = $run""",
            {"run": run_id, "failures": list(RETRYABLE)},
        )
        if failed == read:
            raise SelipError(
                f"All of the first {read} reports failed ({status}{f': {note}' if note else ''}): mend the cause, and"
                " read them again with --retry-failed."
            )

    def finish_run(self, run_id: int, *, seconds: float, reports: int, usage: Usage = NO_USAGE) -> bool:
        """Record a session that read `reports` in `seconds`; whether the run is complete, and so the newest one."""
        now = utc_now()
        with self._transaction():
            complete = self.pending_count(run_id) == 0
            self.connection.execute(
                """UPDATE runs SET seconds = seconds + $seconds,
                    reports_per_second = coalesce($reports / nullif($seconds, 0), reports_per_second),
                    tokens_in = nullif(coalesce(tokens_in, 0) + $tokens_in, 0),
                    tokens_cached = CASE WHEN coalesce(tokens_in, 0) + $tokens_in > 0
                        THEN coalesce(tokens_cached, 0) + $tokens_cached END,
                    tokens_out = CASE WHEN coalesce(tokens_in, 0) + $tokens_in > 0
                        THEN coalesce(tokens_out, 0) + $tokens_out END,
                    finished_at = CASE WHEN $complete THEN coalesce(finished_at, $now) ELSE finished_at END,
                    last_finished_at = CASE WHEN $complete THEN $now ELSE last_finished_at END
                WHERE run_id = $run""",
                {"seconds": seconds if reports else 0.0, "reports": reports, "complete": complete, "now": now,
                 "run": run_id, **asdict(usage)},
            )  # fmt: skip
        return complete

    def _key_marks(self) -> list[StoredRow]:
        """The mark of the key that the reports came in under, None for none; no row while there is no report."""
        return key_marks(self.connection) or [(None,) for _ in self._rows("SELECT 1 FROM reports LIMIT 1")]

    def _insert(self, rows: BatchRows) -> None:
        for table, columns in rows.tables.items():
            self._append(table, columns)

    def _add(self, batch: Sequence[Report], source_file: str | None, amendments: "_Amendments") -> Added:
        ids = list({report.report_id for report in batch})
        there = self._rows(
            """SELECT given_id, text_sha256, report_id, ordinal FROM reports
            WHERE given_id IN (SELECT unnest($ids)) OR report_id IN (SELECT unnest($ids))""",
            {"ids": ids},
        )
        known = {(given, digest): (ordinal, report_id) for given, digest, report_id, ordinal in there}
        taken = {report_id for _, _, report_id, _ in there}
        ordinal = int(self._one("SELECT coalesce(max(ordinal), 0) FROM reports"))
        now = utc_now()
        rows: list[StoredRow] = []
        renamed = before = repeated = 0
        for report in batch:
            digest = hashlib.sha256(report.text.encode()).hexdigest()
            if (found := known.get((report.report_id, digest))) is not None:
                before += found[0] <= amendments.known_until
                repeated += found[0] > amendments.known_until
                amendments.give(report, *found)
                continue
            report_id = self._free(report.report_id, taken)
            renamed += report_id != report.report_id
            taken.add(report_id)
            ordinal += 1
            known[report.report_id, digest] = (ordinal, report_id)
            amendments.give(report, ordinal, report_id)
            rows.append(
                (ordinal, report_id, report.report_id, report.patient_id, report.date, report.text, digest,
                 report.impression, report.kept, report.file if source_file is None else source_file, report.row, now)
            )  # fmt: skip
        self._append("reports", dict(zip(_REPORT_COLUMNS, map(column, zip(*rows, strict=True)), strict=False)))
        return Added(new=len(rows), renamed=renamed, known=before, repeated=repeated)

    def _supersede(self, amendments: "_Amendments") -> int:
        """Mark the earlier text of each id that now came with another one; how many.

        An id with more texts than these two names no single report.
        """
        if not amendments.ids:
            return 0
        superseded = self._rows(
            """WITH held AS (
                SELECT given_id, ordinal, patient_id, ordinal > $until OR ordinal IN (SELECT unnest($again)) AS given
                FROM reports WHERE given_id IN (SELECT unnest($ids)) AND NOT superseded
            ), amended AS (
                SELECT min(ordinal) AS ordinal FROM held GROUP BY given_id
                HAVING count_if(given) = 1 AND count_if(NOT given) = 1 AND NOT arg_min(given, ordinal)
                   AND count(DISTINCT patient_id) <= 1
            )
            UPDATE reports SET superseded = true WHERE ordinal IN (FROM amended) RETURNING report_id""",
            {"ids": sorted(amendments.ids), "again": amendments.given_again(), "until": amendments.known_until},
        )
        return len(superseded)

    def _free(self, given_id: str, taken: set[str]) -> str:
        """The id itself or the first of id#2, id#3 … that no report has; `taken` knows all reports with the id."""
        candidate, number = given_id, 1
        while candidate in taken or (
            number > 1 and self._rows("SELECT 1 FROM reports WHERE report_id = ?", [candidate])
        ):
            number += 1
            candidate = f"{given_id}#{number}"
        return candidate

    def _append(self, table: str, given_columns: Columns) -> None:
        """Add rows given as columns; value by value, the database's appender takes three times as long."""
        if any(len(values) for values in given_columns.values()):
            # DuckDB finds the variable of that name by itself; a view of it would be planned once more.
            self.connection.execute(f"INSERT INTO {table} BY NAME FROM given_columns")

    def _rows(self, query: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[StoredRow]:
        # fetchall and not fetchone: an open result would refuse the next appender.
        return self.connection.execute(query, values).fetchall()

    def _one(self, query: str, values: Sequence[object] = ()) -> Any:
        ((value,),) = self._rows(query, values)
        return value

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with transaction(self.connection, self.path):
            yield
        self._shorten_log()

    def _shorten_log(self) -> None:
        """Write a long log into the tables."""
        log = self.path.with_name(f"{self.path.name}.wal")
        if not log.exists() or log.stat().st_size < MAX_LOG_BYTES:
            return
        self.connection.execute("SET threads = ?", [LOG_THREADS])
        with disk_errors(self.path):
            self.connection.execute("CHECKPOINT")
        self.connection.execute("SET threads = 1")


class _Amendments:
    """What decides whether a file amends reports that were there: which it gives again, and which ids it changes.

    A row's number and a patient's number are no ids of a report: another text under them is another report.
    """

    def __init__(self, known_until: int) -> None:
        self.known_until = known_until
        self.ids: set[str] = set()
        self._again = bytearray(known_until + 1)

    def give(self, report: Report, ordinal: int, report_id: str) -> None:
        """Note a report of the file, which the database holds under this number and id."""
        if ordinal <= self.known_until:
            self._again[ordinal] = True
        if report_id != report.report_id and not report.numbered and report.report_id != report.patient_id:
            self.ids.add(report.report_id)

    def given_again(self) -> list[int]:
        return [ordinal for ordinal, given in enumerate(self._again) if given]


def _bounded(reports: Iterable[Report]) -> Iterator[list[Report]]:
    batch: list[Report] = []
    characters = 0
    for report in reports:
        batch.append(report)
        characters += len(report.text)
        if len(batch) >= REPORT_BATCH_SIZE or characters >= MAX_BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch

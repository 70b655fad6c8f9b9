"""The DuckDB file as the extraction sees it: reports go in once, runs continue, batches are written whole."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from selip_contracts.findings import AnnotatedReport, Evidence, Finding, GeneralFinding, Study
from selip_contracts.tables import open_store, utc_now
from selip_extract.extraction import Extraction
from selip_extract.reports import Report
from selip_shared.errors import SelipError

ADDED_TOGETHER = 5_000
ADDED_CHARACTERS = 5_000_000
"""A batch of reports is written when it holds so many reports or characters: memory does not grow with the file."""

MEMORY = "512MB"
"""What the database may keep in memory; by default it would be most of the machine's, which the model needs."""

_PAGE = 1_000
_RUN_COLUMNS = (
    "reader", "engine", "model_hash", "adapter_hash", "task_version", "grammar_version", "schema_version",
    "code_version", "seed",
)  # fmt: skip
_EVIDENCE_COLUMNS = "evidence, evidence_start, evidence_end, evidence_spans"
_FINDING_COLUMNS = (
    "present, modality, side, site, signal, morphology, count, size_mm, margin, lesion, certainty, confidence, agreed, "
    + _EVIDENCE_COLUMNS
)
_GENERAL_COLUMNS = f"side, site, change, {_EVIDENCE_COLUMNS}"
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Added:
    """What became of the reports given: `new` of them `renamed`; `known` before; `repeated` with the same text."""

    new: int = 0
    renamed: int = 0
    known: int = 0
    repeated: int = 0

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
        )


class Store:
    """The file at `path`, open for writing by this process alone; a context manager, `connection` for queries."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; SelipError where that cannot be."""
        self.path = path
        self.connection = open_store(path)
        self.connection.execute("SET memory_limit = ?", [MEMORY])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def add_reports(self, reports: Iterable[Report], source_file: str) -> Added:
        """Add those that are not there yet; the same id with another text becomes id#2, id#3 and so on."""
        known_until = self._one("SELECT coalesce(max(ordinal), 0) FROM reports")
        added = Added()
        for batch in _bounded(reports):
            with self._transaction():
                added += self._add(batch, source_file, known_until)
        return added

    def begin_run(self, configuration: Mapping[str, object]) -> int:
        """The run of this configuration, continued where there is one.

        `configuration` is JSON and names the `reader` and the `code_version`; the columns of `runs` are filled from
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

    def pending(self, run_id: int, batch: int) -> Iterator[list[Report]]:
        """The reports that this run has not extracted yet, in the order they came in, `batch` at a time.

        What is pending is settled at the first batch; extractions may be written between two batches.
        """
        table = f"pending_{run_id}"
        self.connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE {table} AS SELECT ordinal FROM reports
            ANTI JOIN (FROM extractions WHERE run_id = {int(run_id)}) USING (report_id) ORDER BY ordinal"""
        )
        last = 0
        while rows := self._rows(
            f"""SELECT ordinal, report_id, text, source_row FROM reports SEMI JOIN
            (SELECT ordinal FROM {table} WHERE ordinal > ? ORDER BY ordinal LIMIT ?) USING (ordinal)
            ORDER BY ordinal""",
            [last, batch],
        ):
            last = rows[-1][0]
            yield [Report(report_id=report_id, text=text, row=row) for _, report_id, text, row in rows]
        self.connection.execute(f"DROP TABLE {table}")

    def write(self, run_id: int, extractions: Sequence[Extraction]) -> None:
        """Add a batch of extractions with findings and review, all of it or nothing."""
        tables: dict[str, list[Row]] = {
            "extractions": [(run_id, e.report_id, e.status, e.seconds, e.reply, e.note) for e in extractions],
            "finding_rows": [row for e in extractions for row in _finding_rows(run_id, e)],
            "general_finding_rows": [row for e in extractions for row in _general_rows(run_id, e)],
            "review_rows": [
                (run_id, e.report_id, position, review.reason, review.text, review.start, review.end)
                for e in extractions
                for position, review in enumerate(e.review, start=1)
            ],
        }
        with self._transaction():
            for table, rows in tables.items():
                self._append(table, rows)

    def finish_run(self, run_id: int, *, seconds: float, reports: int) -> bool:
        """Record a sitting that read `reports` in `seconds`; whether the run is complete, and so the newest one."""
        now = utc_now()
        complete = self.pending_count(run_id) == 0
        with self._transaction():
            self.connection.execute(
                """UPDATE runs SET seconds = seconds + $seconds,
                    reports_per_second = coalesce($reports / nullif($seconds, 0), reports_per_second),
                    finished_at = CASE WHEN $complete THEN coalesce(finished_at, $now) ELSE finished_at END,
                    last_finished_at = CASE WHEN $complete THEN $now ELSE last_finished_at END
                WHERE run_id = $run""",
                {"seconds": seconds if reports else 0.0, "reports": reports, "complete": complete, "now": now,
                 "run": run_id},
            )  # fmt: skip
        return complete

    def studies(self, run_id: int) -> Iterator[AnnotatedReport]:
        """The reports that this run read with status ok and what it found, in the order they came in."""
        last = 0
        while page := self._rows(
            """SELECT ordinal, report_id, text FROM reports JOIN extractions USING (report_id)
            WHERE run_id = ? AND status = 'ok' AND ordinal > ? ORDER BY ordinal LIMIT ?""",
            [run_id, last, _PAGE],
        ):
            last = page[-1][0]
            ids = [report_id for _, report_id, _ in page]
            findings = self._by_report("finding_rows", _FINDING_COLUMNS, run_id, ids)
            general = self._by_report("general_finding_rows", _GENERAL_COLUMNS, run_id, ids)
            for _, report_id, text in page:
                read = [_finding(row) for row in findings.get(report_id, [])]
                study = Study(
                    findings=tuple(finding for finding in read if finding.present),
                    negatives=tuple(finding for finding in read if not finding.present),
                    general=tuple(_general(row) for row in general.get(report_id, [])),
                )
                yield AnnotatedReport(report_id=report_id, findings_text=text, study=study)

    def _add(self, batch: Sequence[Report], source_file: str, known_until: int) -> Added:
        ids = list({report.report_id for report in batch})
        there = self._rows(
            """SELECT given_id, text_sha256, report_id, ordinal FROM reports
            WHERE given_id IN (SELECT unnest($ids)) OR report_id IN (SELECT unnest($ids))""",
            {"ids": ids},
        )
        known = {(given, digest): ordinal for given, digest, _, ordinal in there}
        taken = {report_id for _, _, report_id, _ in there}
        ordinal = int(self._one("SELECT coalesce(max(ordinal), 0) FROM reports"))
        now = utc_now()
        rows: list[Row] = []
        renamed = before = repeated = 0
        for report in batch:
            digest = hashlib.sha256(report.text.encode()).hexdigest()
            if (found := known.get((report.report_id, digest))) is not None:
                before += found <= known_until
                repeated += found > known_until
                continue
            report_id = self._free(report.report_id, taken)
            renamed += report_id != report.report_id
            taken.add(report_id)
            ordinal += 1
            known[report.report_id, digest] = ordinal
            rows.append((ordinal, report_id, report.report_id, report.text, digest, source_file, report.row, now))
        self._append("reports", rows)
        return Added(new=len(rows), renamed=renamed, known=before, repeated=repeated)

    def _free(self, given_id: str, taken: set[str]) -> str:
        """The id itself or the first of id#2, id#3 … that no report has; `taken` knows all reports with the id."""
        candidate, number = given_id, 1
        while candidate in taken or (
            number > 1 and self._rows("SELECT 1 FROM reports WHERE report_id = ?", [candidate])
        ):
            number += 1
            candidate = f"{given_id}#{number}"
        return candidate

    def _by_report(self, table: str, columns: str, run_id: int, ids: Sequence[str]) -> dict[str, list[Row]]:
        rows = self._rows(
            f"""SELECT report_id, {columns} FROM {table} WHERE run_id = ? AND report_id IN (SELECT unnest(?))
            ORDER BY report_id, position""",
            [run_id, ids],
        )
        return {report_id: [row[1:] for row in group] for report_id, group in groupby(rows, key=lambda row: row[0])}

    def _append(self, table: str, rows: Sequence[Row]) -> None:
        with self.connection.appender(table) as appender:
            appender.append_rows(rows)

    def _rows(self, query: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[Row]:
        # fetchall and not fetchone: an open result would refuse the next appender.
        return self.connection.execute(query, values).fetchall()

    def _one(self, query: str, values: Sequence[object] = ()) -> Any:
        ((value,),) = self._rows(query, values)
        return value

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it or nothing; a disk that refuses is a SelipError."""
        try:
            self.connection.begin()
            yield
            self.connection.commit()
        except BaseException as error:
            self._roll_back()
            if isinstance(error, duckdb.IOException):
                reason = str(error).splitlines()[0].removeprefix("IO Error: ")
                raise SelipError(
                    f"{self.path} cannot be written ({reason}): free space or name another file."
                ) from error
            raise

    def _roll_back(self) -> None:
        try:
            self.connection.rollback()
        except duckdb.Error:
            return  # the failed commit has already undone it


def _bounded(reports: Iterable[Report]) -> Iterator[list[Report]]:
    batch: list[Report] = []
    characters = 0
    for report in reports:
        batch.append(report)
        characters += len(report.text)
        if len(batch) >= ADDED_TOGETHER or characters >= ADDED_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _finding_rows(run_id: int, extraction: Extraction) -> Iterator[Row]:
    if extraction.study is None:
        return
    for findings in (extraction.study.findings, extraction.study.negatives):
        for position, f in enumerate(findings, start=1):
            yield (
                run_id, extraction.report_id, position, f.modality, f.side, f.site, f.signal, f.signal_class, f.present,
                f.morphology, f.count, f.size_mm, f.margin, f.lesion, f.certainty, *_evidence_values(f.evidence),
                f.confidence, f.agreed,
            )  # fmt: skip


def _general_rows(run_id: int, extraction: Extraction) -> Iterator[Row]:
    if extraction.study is not None:
        for position, g in enumerate(extraction.study.general, start=1):
            yield (run_id, extraction.report_id, position, g.side, g.site, g.change, *_evidence_values(g.evidence))


def _evidence_values(evidence: Evidence | None) -> Row:
    if evidence is None:
        return (None, None, None, None)
    spans = [{"role": span.role, "start": span.start, "end": span.end} for span in evidence.spans]
    return (evidence.text, evidence.start, evidence.end, spans)


def _finding(row: Row) -> Finding:
    present, modality, side, site, signal, morphology, count, size, margin, lesion, certainty, confidence, agreed = row[
        :-4
    ]
    return Finding(
        modality=modality, side=side, site=site, signal=signal, present=present, morphology=morphology, count=count,
        size_mm=tuple(size), margin=margin, lesion=lesion, certainty=certainty, confidence=confidence, agreed=agreed,
        evidence=_evidence(row[-4:]),
    )  # fmt: skip


def _general(row: Row) -> GeneralFinding:
    side, site, change = row[:-4]
    return GeneralFinding(side=side, site=site, change=change, evidence=_evidence(row[-4:]))


def _evidence(values: Row) -> Evidence | None:
    text, start, end, spans = values
    return None if text is None else Evidence(text=text, start=start, end=end, spans=tuple(spans))

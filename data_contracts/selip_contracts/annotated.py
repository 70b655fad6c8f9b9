"""The annotated file: JSON lines, each a report and the study that it states; reading returns what was written."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding
from selip_shared.errors import SelipError
from selip_shared.files import replacing

GOLD = Path(__file__).parent / "gold"
"""Annotated reports that ship with the project, a file each style; gold/README.md describes them."""

_IDENTITY = ("modality", "side", "site", "signal", "change")


class Fault(ValueError):
    """What is wrong with one line, in a few words."""


def read_annotated(path: Path) -> Iterator[AnnotatedReport]:
    """The reports of an annotated file, one at a time; SelipError with line and reason where a line is not valid."""
    first_line: dict[str, int] = {}
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                try:
                    report = parse_annotated(line.strip())
                    if earlier := first_line.get(report.report_id):
                        raise Fault(f"report_id {report.report_id} is already on line {earlier}")
                except Fault as fault:
                    raise SelipError(f"{path}, line {number}: {fault}: correct the line.") from fault
                first_line[report.report_id] = number
                yield report
    except OSError as error:
        raise SelipError(f"{path} cannot be read ({error.strerror}): name an annotated JSON-lines file.") from error
    except UnicodeDecodeError as error:
        raise SelipError(f"{path} is not UTF-8 text: name an annotated JSON-lines file.") from error


def write_annotated(path: Path, reports: Iterable[AnnotatedReport]) -> int:
    """Write the reports, one a line, return their number; an earlier file stays until the new one is complete."""
    count = 0
    try:
        with replacing(path) as file:
            for report in reports:
                file.write((format_annotated(report) + "\n").encode())
                count += 1
    except OSError as error:
        raise SelipError(f"{path} cannot be written ({error.strerror}): name a file where you may write.") from error
    return count


def format_annotated(report: AnnotatedReport) -> str:
    """One line of the file, without the line break; fields that say nothing are left out."""
    line = {
        "report_id": report.report_id,
        "findings_text": report.findings_text,
        "normal": report.study.normal,
        "findings": [as_stated(finding) for finding in report.study.findings],
        "negatives": [as_stated(negative) for negative in report.study.negatives],
        "general": [as_stated(change) for change in report.study.general],
    }
    if report.checked_by is not None:
        line["checked_by"] = report.checked_by
    return json.dumps(line, ensure_ascii=False)


def parse_annotated(line: str) -> AnnotatedReport:
    """The inverse of `format_annotated`; Fault where the line is no annotated report or contradicts itself."""
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        raise Fault(f"no JSON ({error.msg}, character {error.pos + 1})") from error
    if not isinstance(fields, dict):
        raise Fault("no JSON object")
    missing = [name for name in ("report_id", "findings_text", "normal", "findings") if name not in fields]
    if missing:
        raise Fault(f"{' and '.join(missing)} missing")
    try:
        report = AnnotatedReport.model_validate(
            {
                "report_id": fields["report_id"],
                "findings_text": fields["findings_text"],
                "checked_by": fields.get("checked_by"),
                "study": {
                    "findings": _with_defaults(fields["findings"], {"side": None}),
                    "negatives": _with_defaults(fields.get("negatives", []), {"side": None, "present": False}),
                    "general": _with_defaults(fields.get("general", []), {"side": None}),
                    # A disease that is named without a signal gives no finding, and the study is not normal.
                    "understood": fields["normal"] is not False or bool(fields["findings"] or fields.get("general")),
                },
            }
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part != "study")
        raise Fault(f"{field}: {first['msg'].removeprefix('Value error, ')}") from error
    _check(report, fields["normal"])
    return report


def _with_defaults(items: object, defaults: dict[str, object]) -> object:
    if not isinstance(items, list):
        return items
    return [{**defaults, **item} if isinstance(item, dict) else item for item in items]


def as_stated(item: Finding | GeneralFinding) -> dict[str, Any]:
    """The item as in a line: its identity in full, and of the further fields those that say something."""
    said = item.model_dump(mode="json", exclude_defaults=True, exclude={"present"})
    identity = {name: getattr(item, name) for name in _IDENTITY if name in type(item).model_fields}
    if isinstance(item, Finding) and not item.present:
        del identity["signal"]
    return {**identity, **said}


def _check(report: AnnotatedReport, normal: object) -> None:
    study = report.study
    if normal is not study.normal:
        raise Fault(f"normal is {json.dumps(normal)} but the findings say {json.dumps(study.normal)}")
    _check_distinct("findings", [(*finding.key, finding.site_text) for finding in study.findings])
    _check_distinct("general", [(*change.key, change.site_text) for change in study.general])
    items: tuple[Finding | GeneralFinding, ...] = (*study.findings, *study.negatives, *study.general)
    for item in items:
        evidence = item.evidence
        if evidence is not None and report.findings_text[evidence.start : evidence.end] != evidence.text:
            raise Fault(f"an evidence is not the text at [{evidence.start}, {evidence.end}) of findings_text")


def _check_distinct(name: str, keys: Sequence[tuple[str | None, ...]]) -> None:
    for key, times in Counter(keys).items():
        if times > 1:
            raise Fault(f"{name} contain {' '.join(part for part in key if part)} twice")

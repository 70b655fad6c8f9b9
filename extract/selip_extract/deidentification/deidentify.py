"""De-identified reports: identifiers masked in the text, ids replaced by keyed hashes."""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from selip_extract.deidentification.identifiers import identifiers, replacement_of
from selip_extract.reports.report import Report
from selip_shared.errors import SelipError

MIN_KEY_BYTES = 16
NEW_KEY_BYTES = 32
HASH_CHARACTERS = 16
MIN_ID_LENGTH = 6
"""A report's own id is masked in its text only from this length on: a shorter one may be a size."""


class Deidentifier:
    """Masks what identifies a patient; equal ids become equal hashes under equal keys."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.key_mark = self._hash(b"key")
        """Equal for equal keys; says nothing else of a key."""

    def reports(self, reports: Iterable[Report]) -> Iterator[Report]:
        """Each report with its text masked, ids replaced and the day left out of its date, in the same order."""
        for report in reports:
            yield replace(
                report,
                report_id=self.report_id(report.report_id),
                text=self._without_id(report),
                patient_id=None if report.patient_id is None else self.report_id(report.patient_id),
                date=None if report.date is None else datetime(report.date.year, report.date.month, 1),
                impression=None if report.impression is None else self.text(report.impression),
                kept=None,
            )

    def text(self, text: str) -> str:
        """The text with names, numbers, dates of birth and addresses masked, and other dates without the day.

        No extractor takes a mask for a finding.
        """
        parts = []
        done = 0
        for start, end, replacement in identifiers(text):
            parts += [text[done:start], replacement]
            done = end
        return "".join([*parts, text[done:]])

    def report_id(self, report_id: str) -> str:
        """The keyed hash of an id, 16 hexadecimal digits."""
        return self._hash(b"id" + report_id.encode())

    def _without_id(self, report: Report) -> str:
        text = self.text(report.text)
        own = report.report_id
        if len(own) < MIN_ID_LENGTH or not re.search(r"\d", own):
            return text
        return re.sub(rf"(?<![A-Za-z\d]){re.escape(own)}(?![A-Za-z\d])", replacement_of("编号"), text)

    def _hash(self, message: bytes) -> str:
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()[:HASH_CHARACTERS]


def read_or_create_key(path: Path) -> tuple[bytes, bool]:
    """The key in the file, and whether it was made just now; SelipError where the file cannot hold one."""
    if path.is_dir():
        raise SelipError(f"{path} is a folder: name a file for the key.")
    if not path.parent.is_dir():
        raise SelipError(f"The folder {path.parent} for the key does not exist: create it or name another file.")
    key = secrets.token_bytes(NEW_KEY_BYTES)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) < MIN_KEY_BYTES:
            raise SelipError(
                f"{path} holds {len(key)} bytes, and a key has at least {MIN_KEY_BYTES}: "
                "name the file of another key, or one that does not exist for a new key."
            ) from None
        return key, False
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key, True

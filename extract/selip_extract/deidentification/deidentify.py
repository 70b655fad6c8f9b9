"""Reports without what tells who the patient is: identifiers masked in the text, ids replaced by keyed hashes."""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from selip_extract.deidentification.identifiers import NUMBER, identifiers
from selip_extract.reports.report import Report
from selip_shared.errors import SelipError

SHORTEST_KEY = 16
NEW_KEY_BYTES = 32
HASH_CHARACTERS = 16
SHORTEST_ID_SOUGHT = 6
"""A report's own id is masked wherever its text names it if it has so many characters: a shorter one may be a size."""


class Deidentifier:
    """Masks what identifies a patient; equal ids become equal hashes under equal keys."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.key_mark = self._hash(b"key")
        """Tells whether two keys are the same, and nothing of them."""

    def reports(self, reports: Iterable[Report]) -> Iterator[Report]:
        """Each report with its text masked and its id replaced, in the same order."""
        for report in reports:
            yield Report(self.report_id(report.report_id), self._without_id(report), report.row)

    def text(self, text: str) -> str:
        """The text with names, numbers, dates of birth and addresses masked, and other dates without the day.

        The masks are words that no reader takes for a finding.
        """
        parts = []
        done = 0
        for start, end, instead in identifiers(text):
            parts += [text[done:start], instead]
            done = end
        return "".join([*parts, text[done:]])

    def report_id(self, report_id: str) -> str:
        """The keyed hash of an id, 16 hexadecimal digits."""
        return self._hash(b"id" + report_id.encode())

    def _without_id(self, report: Report) -> str:
        text = self.text(report.text)
        own = report.report_id
        if len(own) < SHORTEST_ID_SOUGHT or not re.search(r"\d", own):
            return text
        return re.sub(rf"(?<![A-Za-z\d]){re.escape(own)}(?![A-Za-z\d])", NUMBER, text)

    def _hash(self, message: bytes) -> str:
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()[:HASH_CHARACTERS]


def key_in(path: Path) -> tuple[bytes, bool]:
    """The key that the file holds, and whether it was made just now; SelipError where it can be none."""
    if path.is_dir():
        raise SelipError(f"{path} is a folder: name a file for the key.")
    if not path.parent.is_dir():
        raise SelipError(f"The folder {path.parent} for the key does not exist: create it or name another file.")
    key = secrets.token_bytes(NEW_KEY_BYTES)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) < SHORTEST_KEY:
            raise SelipError(
                f"{path} holds {len(key)} bytes, and a key has at least {SHORTEST_KEY}: "
                "name the file of another key, or one that does not exist for a new key."
            ) from None
        return key, False
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key, True

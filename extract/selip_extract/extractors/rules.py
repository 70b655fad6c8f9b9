"""The rule reader: lexicon and clause grammar, without any model."""

from collections.abc import Sequence

from selip_extract.clause_reader import read_clauses
from selip_extract.extractors import Reading
from selip_extract.read_changes import read_changes
from selip_extract.scan import Scan, scan
from selip_extract.study import assembled

RULES_VERSION = "2"


class RuleReader:
    """Reads reports by rule alone."""

    name = "rules"
    batch_size = 2048

    def fingerprint(self) -> dict[str, str]:
        """The version of the rules."""
        return {
            "model_hash": "none",
            "task_version": f"rules-{RULES_VERSION}",
            "grammar_version": "none",
            "engine": "rules",
        }

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading a text."""
        return [self.read_scan(scan(text)) for text in texts]

    def close(self) -> None:
        """Rules hold nothing."""

    def read_scan(self, scanned: Scan) -> Reading:
        """The reading of a report that has been scanned already."""
        return Reading(assembled(read_clauses(scanned), read_changes(scanned)))

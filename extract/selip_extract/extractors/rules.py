"""The rule reader: lexicon and clause grammar, without a model."""

from collections.abc import Sequence

from selip_contracts.vocabulary import cached_until_sites_change
from selip_extract.extractors.base import Reading
from selip_extract.extractors.inconsistencies import misread
from selip_extract.extractors.review import reviewed
from selip_extract.language.lexer import lex
from selip_extract.language.study import assembled
from selip_extract.rules.clause_reader import read_clauses
from selip_extract.rules.general_findings import read_changes
from selip_extract.rules.sentence import sentences

RULES_VERSION = "3"
KEPT_READINGS = 1 << 9
"""Normal reports repeat word for word, and equal ones are near each other in batches that are sorted by length."""


class RuleExtractor:
    """Reads reports by rule alone."""

    name = "rules"
    batch_size = 512

    def fingerprint(self) -> dict[str, str]:
        """The version of the rules."""
        return {
            "model_hash": "none",
            "task_version": f"rules-{RULES_VERSION}",
            "grammar_version": "none",
            "engine": "rules",
        }

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading per text."""
        return [_reading(text) for text in texts]

    def close(self) -> None:
        """Nothing to release."""


@cached_until_sites_change(KEPT_READINGS)
def _reading(text: str) -> Reading:
    """The reading of a text, which depends on nothing else than the vocabulary."""
    lexed = lex(text)
    read = sentences(lexed)
    findings = read_clauses(read)
    study = assembled(findings, read_changes(read))
    study, review = reviewed(lexed, study, findings, misread(lexed, findings))
    return Reading(study, review=review)

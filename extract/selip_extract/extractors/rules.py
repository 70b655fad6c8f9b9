"""The rule reader: lexicon and clause grammar, without a model."""

from collections.abc import Sequence

from selip_extract.extractors.base import Reading
from selip_extract.extractors.review import reviewed
from selip_extract.language.lexer import lex
from selip_extract.language.study import assembled
from selip_extract.language.tokens import LexedReport
from selip_extract.rules.clause_reader import read_clauses
from selip_extract.rules.general_findings import read_changes
from selip_extract.rules.sentence import sentences

RULES_VERSION = "3"


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
        return [self.read_lexed(lex(text)) for text in texts]

    def close(self) -> None:
        """Nothing to release."""

    def read_lexed(self, lexed: LexedReport) -> Reading:
        """The reading of a report that has been lexed already."""
        read = sentences(lexed)
        findings = read_clauses(read)
        study, review = reviewed(lexed, assembled(findings, read_changes(read)), findings)
        return Reading(study, review=review)

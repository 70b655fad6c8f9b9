"""Double reading by the language model and the rules: the default."""

from collections.abc import Sequence

from selip_extract.extractors.base import Reading
from selip_extract.extractors.double_reading import combine, sentences_to_compare
from selip_extract.extractors.language_model import LanguageModelExtractor, ModelReply
from selip_extract.extractors.review import reviewed
from selip_extract.extractors.rules import RULES_VERSION
from selip_extract.language.lexer import lex
from selip_extract.language.study import assembled
from selip_extract.language.tokens import LexedReport
from selip_extract.llm.engine import Failure
from selip_extract.rules.clause_reader import read_clauses
from selip_extract.rules.general_findings import read_changes
from selip_extract.rules.sentence import sentences


class DoubleExtractor:
    """Reads every report twice and marks where the readers differ."""

    name = "both"

    def __init__(self, model: LanguageModelExtractor) -> None:
        self.model = model

    @property
    def batch_size(self) -> int:
        """As many reports as the model takes."""
        return self.model.batch_size

    def fingerprint(self) -> dict[str, str]:
        """The model's fingerprint and the version of the rules."""
        return self.model.fingerprint() | {"rules_version": RULES_VERSION}

    def close(self) -> None:
        """Close the model's engine."""
        self.model.close()

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading per text: findings carry `agreed`, and sentences on which the readers differ are in `review`."""
        lexed_reports = [lex(text) for text in texts]
        return [
            self._reading(*pair)
            for pair in zip(lexed_reports, self.model.read_lexed_reports(lexed_reports), strict=True)
        ]

    def _reading(self, lexed: LexedReport, reply: ModelReply | Failure) -> Reading:
        if isinstance(reply, Failure):
            return Reading.failed(reply.status, reply.note)
        read = sentences(lexed)
        stated = read_clauses(read)
        by_rule = assembled(stated, read_changes(read))
        rules = (*by_rule.findings, *by_rule.negatives)
        study, review = reviewed(lexed, assembled(combine(lexed, reply.sentences, rules), by_rule.general), stated)
        review = (*sentences_to_compare(lexed, reply.sentences, rules), *review)
        return Reading(study, reply.text, review=tuple(dict.fromkeys(review)), usage=reply.usage)

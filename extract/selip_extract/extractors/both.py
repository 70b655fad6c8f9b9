"""Double reading: the rules and a second reader read every report, and their findings are combined one by one."""

from collections.abc import Sequence

from selip_extract.extractors.base import Reading
from selip_extract.extractors.combination import DEFAULT, Combination, combined
from selip_extract.extractors.inconsistencies import misread
from selip_extract.extractors.review import once, reviewed
from selip_extract.extractors.rules import RULES_VERSION
from selip_extract.extractors.second_reader import SecondReader, SecondReading
from selip_extract.language.lexer import lex
from selip_extract.language.study import assembled
from selip_extract.language.tokens import LexedReport
from selip_extract.rules.clause_reader import read_clauses
from selip_extract.rules.general_findings import read_changes
from selip_extract.rules.sentence import sentences


class DoubleExtractor:
    """Reads every report by rule and with a second reader, and marks the sentences in which they differ."""

    name = "both"

    def __init__(self, reader: SecondReader, combination: Combination = DEFAULT) -> None:
        self.reader = reader
        self.combination = combination

    @property
    def batch_size(self) -> int:
        """As many reports as the second reader takes."""
        return self.reader.batch_size

    def fingerprint(self) -> dict[str, str]:
        """The fingerprint of the second reader, the version of the rules, and the weights of the combination."""
        return self.reader.fingerprint() | {
            "rules_version": RULES_VERSION,
            "combination": self.combination.model_dump_json(include={"weights"}),
        }

    def close(self) -> None:
        """Close the second reader."""
        self.reader.close()

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading for each text: findings carry `agreed` and the combined probability as `confidence`."""
        reports = [lex(text) for text in texts]
        return [self._reading(*pair) for pair in zip(reports, self.reader.second_readings(reports), strict=True)]

    def _reading(self, lexed: LexedReport, second: SecondReading) -> Reading:
        if second.failed:
            return Reading.failed(second.status, second.note)
        read = sentences(lexed)
        stated = read_clauses(read)
        unfit = tuple(misread(lexed, stated))
        both = combined(lexed, stated, read_changes(read), unfit, second, self.combination)
        study, review = reviewed(lexed, assembled(both.findings, both.general), stated, unfit)
        note = second.note if second.status == "ok" else f"the rules alone read what the model answered {second.status}"
        passages = once((*both.review, *second.review, *review))
        return Reading(study, second.reply, note=note, review=passages, usage=second.usage)

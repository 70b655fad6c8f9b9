"""Double reading by the language model and the rules: the default."""

from collections.abc import Sequence

from selip_extract.extractors.base import Reading
from selip_extract.extractors.double_reading import double_read, to_review
from selip_extract.extractors.language_model import LanguageModelReader, Said
from selip_extract.extractors.rules import RULES_VERSION, RuleReader
from selip_extract.language.lexer import Scan, scan
from selip_extract.language.study import assembled
from selip_extract.llm.engine import Failure


class DoubleReader:
    """Reads every report twice and keeps where the readers differ."""

    name = "both"

    def __init__(self, model: LanguageModelReader) -> None:
        self.model = model
        self.rules = RuleReader()

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
        """One reading a text; findings carry `agreed`, what the readers differ on is in `review`."""
        scans = [scan(text) for text in texts]
        return [self._reading(*pair) for pair in zip(scans, self.model.read_scans(scans), strict=True)]

    def _reading(self, scanned: Scan, said: Said | Failure) -> Reading:
        if isinstance(said, Failure):
            return Reading.failed(said.status, said.note)
        by_rule = self.rules.read_scan(scanned).study
        rules = (*by_rule.findings, *by_rule.negatives)
        study = assembled(double_read(said.sentences, rules), by_rule.general)
        review = to_review(scanned, said.sentences, rules, (*study.findings, *study.negatives), study.general)
        return Reading(study, said.reply, review=review, usage=said.usage)

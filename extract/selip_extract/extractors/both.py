"""Double reading by the language model and the rules: the default."""

from collections.abc import Sequence
from pathlib import Path

from selip_extract.double_reading import double_read, to_review
from selip_extract.extractors import Reading
from selip_extract.extractors.language_model import LanguageModelReader
from selip_extract.extractors.rules import RULES_VERSION, RuleReader
from selip_extract.scan import scan
from selip_extract.study import assembled


class DoubleReader:
    """Reads every report twice and keeps where the readers differ."""

    name = "both"

    def __init__(self, folder: Path | None = None) -> None:
        self.model = LanguageModelReader(folder)
        self.rules = RuleReader()

    def fingerprint(self) -> dict[str, str]:
        """The model's fingerprint and the version of the rules."""
        return self.model.fingerprint() | {"rules_version": RULES_VERSION}

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading a text; findings carry `agreed`, what the readers differ on is in `review`."""
        scans = [scan(text) for text in texts]
        readings = []
        for scanned, said in zip(scans, self.model.read_scans(scans), strict=True):
            by_rule = self.rules.read_scan(scanned).study
            rules = (*by_rule.findings, *by_rule.negatives)
            kept = double_read(said.sentences, rules)
            study = assembled(kept, by_rule.general)
            review = to_review(scanned, said.sentences, rules, (*study.findings, *study.negatives), study.general)
            readings.append(Reading(study, said.reply, review=review))
        return readings

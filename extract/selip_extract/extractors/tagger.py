"""The tagger that ships as an extractor: alone, or as the second reader beside the rules."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from selip_contracts.findings import Finding, GeneralFinding
from selip_extract.extractors.base import Reading
from selip_extract.extractors.inconsistencies import misread
from selip_extract.extractors.review import once, quoted, reviewed
from selip_extract.extractors.second_reader import SecondReading
from selip_extract.language.lexer import lex
from selip_extract.language.study import assembled
from selip_extract.language.tokens import LexedReport
from selip_extract.tagger.findings import findings
from selip_extract.tagger.model_files import TAGGER_FOLDER, load_tagger
from selip_extract.tagger.statements import TAGGER_VERSION, Stated
from selip_extract.tagger.tagger import TaggedStatement, TaggedWindow, Tagger
from selip_shared.provenance import folder_hash

BATCH_SIZE = 256
SURE = 0.9
"""A statement that no words of the lexicon support goes to a person if the tagger is at least so sure of it.

One of several sites of the same words does not: a heading (【脑实质】) is no site.
"""


class TaggerExtractor:
    """Reads reports by tagging their characters."""

    name = "model"
    batch_size = BATCH_SIZE

    def __init__(self, folder: Path = TAGGER_FOLDER) -> None:
        self.folder = folder
        # One thread for all callers: each further thread that calls torch would start its own threads.
        self._worker = ThreadPoolExecutor(1)

    @cached_property
    def tagger(self) -> Tagger:
        """The network, loaded at its first use."""
        return Tagger(load_tagger(self.folder))

    def fingerprint(self) -> dict[str, str]:
        """The version of the tagger's statements and the hash of its weights."""
        return {
            "model_hash": folder_hash(self.folder, "*.safetensors"),
            "task_version": f"tagger-{TAGGER_VERSION}",
            "grammar_version": "none",
            "engine": "tagger",
        }

    def close(self) -> None:
        """End the thread."""
        self._worker.shutdown()

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading for each text."""
        reports = [lex(text) for text in texts]
        return [self._reading(*pair) for pair in zip(reports, self.second_readings(reports), strict=True)]

    def _reading(self, lexed: LexedReport, read: SecondReading) -> Reading:
        study = assembled(read.findings, read.general or ())
        study, review = reviewed(lexed, study, read.findings, misread(lexed, read.findings))
        return Reading(study, review=once((*read.review, *review)))

    def second_readings(self, reports: Sequence[LexedReport]) -> list[SecondReading]:
        """The tagger's reading of each report."""
        return self._worker.submit(self._second_readings, reports).result()

    def _second_readings(self, reports: Sequence[LexedReport]) -> list[SecondReading]:
        read = self.tagger.windows([lexed.text for lexed in reports])
        return [
            self._second_reading(lexed, windows, self.tagger.statements(windows))
            for lexed, windows in zip(reports, read, strict=True)
        ]

    def _second_reading(
        self, lexed: LexedReport, windows: Sequence[TaggedWindow], statements: Sequence[Sequence[TaggedStatement]]
    ) -> SecondReading:
        surest: dict[object, tuple[Finding | GeneralFinding, float]] = {}
        supported: set[int] = set()
        unsupported: set[int] = set()
        for window, said in zip(windows, statements, strict=True):
            for stated, statement in findings(lexed, window, said):
                if stated is None:
                    unsupported |= {statement.value[0]} if statement.probability > SURE else set()
                    continue
                supported.add(statement.value[0])
                name = (stated.key, stated.site_text)
                if name not in surest or surest[name][1] < statement.probability:
                    surest[name] = stated, statement.probability
        found = [stated for stated, _ in surest.values()]

        def unreturned(stated: Finding | GeneralFinding) -> float | None:
            return self._worker.submit(self._probability, windows, stated).result()

        return SecondReading(
            findings=tuple(f for f in found if isinstance(f, Finding)),
            general=tuple(f for f in found if isinstance(f, GeneralFinding)),
            unreturned=unreturned,
            review=tuple(
                quoted("low_confidence", lexed, sentence)
                for sentence in lexed.sentences
                if any(sentence[0].start <= at < sentence[-1].end for at in unsupported - supported)
            ),
        )

    def _probability(self, windows: Sequence[TaggedWindow], stated: Finding | GeneralFinding) -> float:
        """The probability of a finding of others, by the words that it cites."""
        assert stated.evidence is not None
        cited = {span.role: (span.start, span.end) for span in stated.evidence.spans}
        value = cited.get("signal") or cited["change"]
        said = Stated(stated.modality, stated.signal) if isinstance(stated, Finding) else Stated(None, stated.change)
        for window in windows:
            if window.window.reads(cited["site"][0], value[0]):
                return self.tagger.probability(window, said, stated.side, cited["site"], value)
        return 0.0

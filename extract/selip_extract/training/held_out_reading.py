"""The model in training reads the held-out annotated reports: F1 of its findings, beside the loss."""

from collections.abc import Sequence
from pathlib import Path

from peft import PeftModel

from selip_contracts.findings import AnnotatedReport
from selip_extract.evaluation.score import score
from selip_extract.extractors.language_model import LanguageModelExtractor
from selip_extract.llm.answer_forms import AnswerForm
from selip_extract.llm.engines.transformers_engine import TransformersEngine
from selip_extract.llm.model_files import load_tokenizer


class HeldOutReports:
    """Annotated reports that the model in training reads as it will read others: alone, in the form's grammar."""

    def __init__(self, reports: Sequence[AnnotatedReport], model: PeftModel, folder: Path, form: AnswerForm) -> None:
        # Ids are unique in one file alone.
        self.reports = [report.model_copy(update={"report_id": str(i)}) for i, report in enumerate(reports)]
        engine = TransformersEngine(folder, load_tokenizer(folder), form.request_batch_size, model=model)
        self._extractor = LanguageModelExtractor(engine, form)

    def f1(self) -> float:
        """F1 of the findings that are read now; 0 where neither annotation nor model has one."""
        readings = self._extractor.read([report.findings_text for report in self.reports])
        found = {r.report_id: reading.study for r, reading in zip(self.reports, readings, strict=True)}
        return score(self.reports, found).finding_f1.value or 0.0

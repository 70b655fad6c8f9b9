"""A model that writes freely: the grammar is gone, grounding is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from selip_contracts.annotated import GOLD, read_annotated
from selip_extract.cli.score import main
from selip_extract.evaluation.score import grounded
from selip_extract.extractors.language_model import LanguageModelExtractor
from selip_extract.llm.answer_forms import SentenceForm
from selip_extract.llm.engines.transformers_engine import TransformersEngine
from selip_extract.llm.model_files import MODEL_FOLDER, load_tokenizer
from tests.commands import command

HARD = GOLD / "styles_d_hard.jsonl"


@pytest.fixture(scope="module")
def engine() -> Iterator[TransformersEngine]:
    engine = TransformersEngine(MODEL_FOLDER, load_tokenizer(MODEL_FOLDER), request_batch_size=96)
    yield engine
    engine.close()


def test_it_says_other_things_and_is_cited_all_the_same(engine: TransformersEngine) -> None:
    texts = [report.findings_text for report in read_annotated(HARD)]
    free, bound = (LanguageModelExtractor(engine, SentenceForm(), constrained) for constrained in (False, True))
    freely = free.read(texts)
    assert [reading.reply for reading in freely] != [reading.reply for reading in bound.read(texts)]
    assert all(
        grounded(finding.site, text)
        for text, reading in zip(texts, freely, strict=True)
        for finding in reading.study.findings
    )
    assert free.fingerprint()["grammar_version"] != bound.fingerprint()["grammar_version"]


def test_what_was_read_before_cannot_be_read_freely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    selip_score = command(main, monkeypatch, capsys)
    code, _, said = selip_score(HARD, "--db", tmp_path / "selip.duckdb", "--unconstrained")
    assert code == 1
    assert "leave them out with --db" in said

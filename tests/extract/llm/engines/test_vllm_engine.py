"""The real engine on a CPU: it answers as transformers does, with an adapter too, and outlives its own death."""

import os
import random
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import torch
from peft import get_peft_model

from selip_contracts.findings import Study
from selip_extract.extractors.language_model import LanguageModelExtractor
from selip_extract.extractors.read_batch import read_batch
from selip_extract.language.lexer import lex
from selip_extract.llm.adapters import MANIFEST, lora_config, model_hash
from selip_extract.llm.answer_forms import SentenceForm
from selip_extract.llm.engine import Answer, Failure, GenerationRequest
from selip_extract.llm.engines.transformers_engine import TransformersEngine
from selip_extract.llm.engines.vllm_engine import VllmEngine
from selip_extract.llm.model_files import MODEL_FOLDER, load_model, load_tokenizer
from selip_extract.pseudo_reports.writing.report import write_study
from selip_extract.reports.report import Report
from selip_shared.files import write_text

pytest.importorskip("vllm", reason="vLLM is not installed")
# What vLLM and its children leave behind or complain about is theirs.
pytestmark = pytest.mark.filterwarnings("default")

FORM = SentenceForm()
POISON = "左侧额叶见斑片状长T1长T2信号，边界不清，右侧颞叶见类似信号。"


def texts(number: int) -> list[str]:
    return [write_study(random.Random(f"vllm-{i}")).text for i in range(number)]


def requests(text: str) -> list[GenerationRequest]:
    lexed = lex(text)
    return [
        GenerationRequest(FORM.prompt(asked), FORM.constraint(asked), FORM.max_answer_tokens)
        for asked in FORM.asked(lexed)
    ]


class Mortal(VllmEngine):
    """Its process is killed whenever it is asked about the poison."""

    deaths = 0

    def answers(self, asked: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        if self._llm is not None and requests(POISON)[0] in asked:
            self.deaths += 1
            for child in psutil.Process().children():
                if "spawn_main" in " ".join(child.cmdline()):
                    os.kill(child.pid, signal.SIGKILL)
        return super().answers(asked)


@pytest.fixture(scope="module")
def engine() -> Iterator[Mortal]:
    with closing(Mortal(MODEL_FOLDER, load_tokenizer(MODEL_FOLDER))) as started:
        yield started


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that changes answers: nothing was learnt, its weights are drawn."""
    folder = tmp_path_factory.mktemp("adapter")
    model = load_model(MODEL_FOLDER)
    torch.manual_seed(0)
    adapted = get_peft_model(model, lora_config(model, rank=8))
    with torch.no_grad():
        for name, weights in adapted.named_parameters():
            if "lora_B" in name:
                weights.normal_(0, 0.3)
    adapted.save_pretrained(str(folder))
    write_text(folder / MANIFEST, f'{{"base": {{"name": "shipped", "hash": "{model_hash(MODEL_FOLDER)}"}}}}')
    return folder


def compared(one: Sequence[Answer | Failure], other: Sequence[Answer | Failure]) -> None:
    assert len(one) == len(other) > 10
    for a, b in zip(one, other, strict=True):
        assert isinstance(a, Answer)
        assert isinstance(b, Answer)
        assert (a.text, a.ends, a.ended) == (b.text, b.ends, b.ended)
        assert a.log_probabilities == pytest.approx(b.log_probabilities, abs=1e-3)
        assert a.usage.tokens_out == b.usage.tokens_out


def test_answers_are_those_of_transformers(engine: Mortal) -> None:
    asked = [request for text in texts(12) for request in requests(text)]
    with closing(TransformersEngine(MODEL_FOLDER, load_tokenizer(MODEL_FOLDER), 96)) as local:
        compared(engine.answers(asked), local.answers(asked))


def test_a_prompt_without_room_fails_alone(engine: Mortal) -> None:
    request = requests(texts(1)[0])[0]
    short, long = engine.answers([request, GenerationRequest("〇 " * 2_000, request.constraint, request.max_tokens)])
    assert isinstance(short, Answer)
    assert isinstance(long, Failure)
    assert long.status == "too_long"


def test_a_grammar_that_cannot_be_fails_alone(engine: Mortal) -> None:
    request = requests(texts(1)[0])[0]
    assert request.constraint is not None
    broken = GenerationRequest(request.prompt, type(request.constraint)("grammar", "root ::= ("), request.max_tokens)
    good, bad = engine.answers([request, broken])
    assert isinstance(good, Answer)
    assert isinstance(bad, Failure)
    assert bad.status == "error"


def test_what_kills_the_engine_is_found_and_the_rest_is_read(engine: Mortal) -> None:
    engine.answers(requests(texts(1)[0]))
    reports = [Report("a", texts(1)[0], 1), Report("b", POISON, 2)]
    read = read_batch(LanguageModelExtractor(engine, FORM), reports)
    assert [(e.report_id, e.status, e.note) for e in read] == [("a", "ok", None), ("b", "error", "EngineDeadError")]
    assert engine.deaths == 2
    assert isinstance(engine.answers(requests(texts(1)[0]))[0], Answer)


def test_with_an_adapter_findings_are_those_of_transformers(adapter: Path) -> None:
    tokenizer = load_tokenizer(MODEL_FOLDER)

    def studies(engine: VllmEngine | TransformersEngine) -> list[Study]:
        with closing(LanguageModelExtractor(engine, FORM)) as extractor:
            return [_without_confidence(reading.study) for reading in extractor.read(texts(30))]

    adapted = studies(TransformersEngine(MODEL_FOLDER, tokenizer, 96, adapter))
    assert studies(VllmEngine(MODEL_FOLDER, tokenizer, adapter)) == adapted
    assert studies(TransformersEngine(MODEL_FOLDER, tokenizer, 96)) != adapted


def _without_confidence(study: Study) -> Study:
    return Study(
        findings=tuple(f.model_copy(update={"confidence": None}) for f in study.findings),
        negatives=tuple(f.model_copy(update={"confidence": None}) for f in study.negatives),
        general=study.general,
    )

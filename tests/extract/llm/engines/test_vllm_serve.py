"""The engine against a real vLLM server of the model that ships, on loopback and on the CPU."""

import random
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from selip_extract.extractors.language_model import LanguageModelExtractor
from selip_extract.llm.answer_forms import SentenceForm
from selip_extract.llm.engine import Failure, GenerationRequest
from selip_extract.llm.engines.endpoint_engine import EndpointEngine
from selip_extract.llm.engines.transformers_engine import TransformersEngine
from selip_extract.llm.model_files import MODEL_FOLDER, load_tokenizer
from selip_extract.pseudo_reports.writing.report import write_study
from tests.extract.llm.engines.vllm_server import serving

pytestmark = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EndpointEngine]:
    with serving(MODEL_FOLDER, tmp_path_factory.mktemp("vllm") / "log.txt") as engine:
        yield engine


def test_findings_and_confidences_are_those_of_transformers(served: EndpointEngine) -> None:
    form = SentenceForm()
    reports = [write_study(random.Random(f"served-{i}")).text for i in range(20)]
    local = TransformersEngine(MODEL_FOLDER, load_tokenizer(MODEL_FOLDER), request_batch_size=96)
    here = LanguageModelExtractor(local, form).read(reports)
    there = LanguageModelExtractor(served, form).read(reports)
    assert sum(len(reading.study.findings) for reading in here) > 20
    for one, other in zip(here, there, strict=True):
        assert other.status == one.status
        assert (other.reply or "").split() == (one.reply or "").split()
        assert other.usage.tokens_out == one.usage.tokens_out
        assert [f.key for f in other.study.findings] == [f.key for f in one.study.findings]
        confidences = [[f.confidence for f in r.study.findings] for r in (one, other)]
        assert confidences[1] == pytest.approx(confidences[0], abs=1e-3)


def test_what_it_cannot_answer_fails_alone(served: EndpointEngine) -> None:
    too_long, free = served.answers(
        [GenerationRequest(" ".join(["左侧"] * 2000), None, 8), GenerationRequest("左侧 <answer>", None, 8)]
    )
    assert isinstance(too_long, Failure)
    assert too_long.status == "too_long"
    assert not isinstance(free, Failure)

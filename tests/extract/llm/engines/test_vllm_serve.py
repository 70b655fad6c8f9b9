"""The engine against a real vLLM server of the model that ships, on loopback and on the CPU."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest

from selip_extract.extractors.language_model import LanguageModelExtractor
from selip_extract.llm.answer_forms import SentenceForm
from selip_extract.llm.engine import Failure, GenerationRequest
from selip_extract.llm.engines.endpoint_engine import EndpointEngine
from selip_extract.llm.engines.server import RetryPolicy
from selip_extract.llm.engines.transformers_engine import TransformersEngine
from selip_extract.llm.engines.vllm_engine import VLLM_CPU_ENVIRONMENT
from selip_extract.llm.model_files import MODEL_FOLDER, load_tokenizer
from selip_extract.pseudo_reports.writing.report import write_study
from selip_shared.errors import SelipError

pytestmark = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")

SECONDS_TO_LOAD = 400
SETTINGS = {
    **VLLM_CPU_ENVIRONMENT,
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
}
# `vllm serve` asks for the version of a distribution vllm, and the one for the CPU has another name.
SERVE = [
    *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(MODEL_FOLDER)),
    *("--served-model-name", "selip", "--host", "127.0.0.1", "--dtype", "float32", "--enforce-eager"),
    *("--generation-config", "vllm", "--enable-prompt-tokens-details", "--max-num-seqs", "64"),
    *("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}'),
]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EndpointEngine]:
    port, log = _free_port(), tmp_path_factory.mktemp("vllm") / "log.txt"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*SERVE, "--port", str(port)],
            env=os.environ | SETTINGS,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        with closing(_engine(f"http://127.0.0.1:{port}/v1", server, log)) as engine:
            yield engine
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def _engine(url: str, server: subprocess.Popen[bytes], log: Path) -> EndpointEngine:
    until = time.monotonic() + SECONDS_TO_LOAD
    while server.poll() is None and time.monotonic() < until:
        try:
            return EndpointEngine(url, None, rendered=True, retry_policy=RetryPolicy(tries=2, pause=0.1))
        except SelipError:
            time.sleep(1)
    pytest.fail(f"vLLM does not serve: {log.read_text('utf-8', 'replace')[-2000:]}")


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

"""Speed of the vLLM engine and of a vLLM server, compared with a bare loop over LLM.generate.

All answer the same questions with the same sampling. The extractors also tokenise, read by rule, cite and write the
file. The bare loop runs once with vLLM's default settings and once with those of the engine, all in one process.
With --write the figures are stored in results.json.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from selip_extract.database.store import Store
from selip_extract.extractors.base import Extractor
from selip_extract.extractors.both import DoubleExtractor
from selip_extract.extractors.language_model import LanguageModelExtractor
from selip_extract.extractors.registry import EXTRACTORS, ModelChoice
from selip_extract.language.lexer import lex
from selip_extract.llm.engine import GenerationRequest
from selip_extract.llm.engines.tokens import prompt_ids
from selip_extract.llm.engines.vllm_engine import VLLM_CPU_ENVIRONMENT, VLLM_ENVIRONMENT, VllmEngine
from selip_extract.llm.model_files import MODEL_FOLDER, save_model
from selip_extract.pipeline import extract
from selip_extract.reports.report_table import open_reports
from tests.benchmarks.bench_extract import reports_of_usual_length, write_csv
from tests.benchmarks.figures import Figure, keep, machine, show

REPORTS = 4096
REPORTS_OF_LARGER_MODEL = 128
LARGER = {
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "intermediate_size": 1408,
    "head_dim": 64,
}
TURNS = 3
WARM_UP_DIVISOR = 16
"""A 16th of the requests is answered before the measurement, since the first steps are slow."""
VLLM_DEFAULTS = {name: value for name, value in VLLM_CPU_ENVIRONMENT.items() if name.startswith("VLLM_CPU")}
# An idle engine polls for work for a second.
IDLE_SECONDS = 2.0
MAX_SERVER_START_SECONDS = 300.0


def questions(extractor: DoubleExtractor, texts: Sequence[str]) -> list[GenerationRequest]:
    """All questions of the texts."""
    assert isinstance(extractor.reader, LanguageModelExtractor)
    form = extractor.reader.form
    return [
        GenerationRequest(form.prompt(asked), form.constraint(asked), form.max_answer_tokens)
        for lexed in map(lex, texts)
        for asked in form.asked(lexed)
    ]


def bare_loop(llm: Any, engine: VllmEngine, requests: Sequence[GenerationRequest]) -> float:
    """Seconds of one LLM.generate over all questions, which are built before."""
    time.sleep(IDLE_SECONDS)
    asked = [{"prompt_token_ids": ids} for ids in prompt_ids(engine.tokenizer, requests)]
    sampling = [engine.sampling(request, request.max_tokens) for request in requests]
    started = time.perf_counter()
    llm.generate(asked, sampling, use_tqdm=False)
    return time.perf_counter() - started


def pipeline(extractor: Extractor, path: Path) -> float:
    """Seconds of the whole extraction into a new file."""
    time.sleep(IDLE_SECONDS)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "selip.duckdb") as store:
        return extract(open_reports(path), store, extractor).seconds


@contextmanager
def server(model: Path) -> Iterator[str]:
    """Start vLLM's server with the model; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/v1"
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model),
        "--served-model-name", "selip", "--generation-config", "vllm",
        "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager",
        "--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}',
    ]  # fmt: skip
    settings = os.environ | VLLM_ENVIRONMENT | VLLM_CPU_ENVIRONMENT
    process = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + MAX_SERVER_START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx2.get(f"{address}/models", trust_env=False).raise_for_status()
        except httpx2.HTTPError:
            time.sleep(1)
        else:
            return
    raise RuntimeError("vllm serve did not start")


def larger_model(folder: Path) -> Path:
    """A larger model like the built-in one, with random weights, which dominates the cost of a request."""
    torch.manual_seed(0)
    config = LlamaConfig.from_pretrained(MODEL_FOLDER)
    config.update(LARGER)
    model = LlamaForCausalLM(config)  # type: ignore[no-untyped-call]
    save_model(model, folder / "larger", {})
    return folder / "larger"


def figures(folder: Path) -> Iterator[Figure]:
    """Compare with the built-in model and with a larger one."""
    yield from compared(folder, "the model that ships", MODEL_FOLDER, REPORTS)
    yield from compared(folder, "a larger model", larger_model(folder), REPORTS_OF_LARGER_MODEL)


def started(arguments: dict[str, Any], settings: Mapping[str, str]) -> Any:
    """Start vLLM with these arguments and these environment variables."""
    from vllm import LLM

    usual = dict(os.environ)
    for name in VLLM_CPU_ENVIRONMENT:
        os.environ.pop(name, None)
    os.environ.update(settings)
    try:
        return LLM(**arguments)
    finally:
        os.environ.clear()
        os.environ.update(usual)


def compared(folder: Path, name: str, model: Path, count: int) -> Iterator[Figure]:
    """Run all in turn, several times, and yield medians."""
    reports = list(islice(reports_of_usual_length(), count))
    path = write_csv(folder / "reports.csv", [(r.report_id, r.findings_text) for r in reports])
    texts = [r.findings_text for r in reports]
    with closing(EXTRACTORS["vllm"](ModelChoice(model=str(model)))) as offline, server(model) as address:
        assert isinstance(offline, DoubleExtractor)
        assert isinstance(offline.reader, LanguageModelExtractor)
        engine = offline.reader.engine
        assert isinstance(engine, VllmEngine)
        requests = questions(offline, texts)
        usual = started(engine.arguments(), VLLM_DEFAULTS)
        alone = started(engine.arguments(), VLLM_CPU_ENVIRONMENT)
        with closing(EXTRACTORS["endpoint"](ModelChoice(model=str(model), base_url=address))) as served:
            for llm in (usual, alone):
                bare_loop(llm, engine, requests[: len(requests) // WARM_UP_DIVISOR])
            for extractor in (offline, served):
                extractor.read(texts[: count // WARM_UP_DIVISOR])
            turns = [
                (
                    bare_loop(usual, engine, requests),
                    bare_loop(alone, engine, requests),
                    pipeline(offline, path),
                    pipeline(served, path),
                )
                for _ in range(TURNS)
            ]
    bare, in_one_process, through, over_network = (
        count / statistics.median(seconds) for seconds in zip(*turns, strict=True)
    )
    yield Figure(f"{name}: bare loop over LLM.generate", bare, "reports/s")
    yield Figure(f"{name}: bare loop, all in one process", in_one_process, "reports/s")
    yield Figure(f"{name}: --extractor vllm", through, "reports/s")
    yield Figure(f"{name}: --extractor vllm against the bare loop", through / bare, "times", "≥ 0.95")
    yield Figure(f"{name}: --extractor vllm against the one process", through / in_one_process, "times")
    yield Figure(f"{name}: --extractor endpoint, a server on this machine", over_network, "reports/s")
    yield Figure(f"{name}: --extractor endpoint against the bare loop", over_network / bare, "times", "≥ 0.90")
    yield Figure(f"{name}: --extractor endpoint against the one process", over_network / in_one_process, "times")


def main() -> None:
    """Measure and print the figures; with --write, store them."""
    with tempfile.TemporaryDirectory() as folder:
        found = show(f"engines on {machine()}", figures(Path(folder)))
    if sys.argv[1:] == ["--write"]:
        keep("engines", found)


if __name__ == "__main__":
    main()

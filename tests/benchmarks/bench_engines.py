"""vLLM and its server on this machine against a bare loop over LLM.generate: with --write also into results.json.

All answer the same questions with the same sampling; the pipelines also scan, read by rule, cite and write the file.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2

from selip_extract.engines import Ask
from selip_extract.engines.vllm_engine import VllmEngine
from selip_extract.extractors import EXTRACTORS, Extractor, ModelChoice
from selip_extract.extractors.both import DoubleReader
from selip_extract.model_files import MODEL_FOLDER
from selip_extract.pipeline import extract
from selip_extract.read_reports import open_reports
from selip_extract.scan import scan
from selip_extract.store import Store
from tests.benchmarks.bench_extract import reports_of_usual_length, write_csv
from tests.benchmarks.figures import Figure, keep, machine, show

REPORTS = 512
TURNS = 3
SERVER_STARTS_WITHIN = 300.0


def questions(reader: DoubleReader, texts: Sequence[str]) -> list[Ask]:
    """All that the texts ask."""
    form = reader.model.form
    return [
        Ask(form.prompt(s, q), form.constraint(q), form.longest_answer)
        for s in map(scan, texts)
        for q in form.questions(s)
    ]


def bare_loop(llm: Any, engine: VllmEngine, asks: Sequence[Ask]) -> float:
    """Seconds of one LLM.generate over all the questions, made before the clock starts."""
    prompts = [{"prompt_token_ids": engine.prompt(ask)} for ask in asks]
    sampling = [engine.sampling(ask, ask.longest) for ask in asks]
    started = time.perf_counter()
    llm.generate(prompts, sampling, use_tqdm=False)
    return time.perf_counter() - started


def pipeline(extractor: Extractor, path: Path) -> float:
    """Seconds of the whole pipeline into a new file."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "selip.duckdb") as store:
        return extract(open_reports(path), store, extractor).seconds


@contextmanager
def server() -> Iterator[str]:
    """`vllm serve` with the model that ships; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/v1"
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(MODEL_FOLDER),
        "--served-model-name", "selip", "--generation-config", "vllm",
        "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager",
        "--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}',
    ]  # fmt: skip
    quiet = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_LOGGING_LEVEL": "ERROR"}
    process = subprocess.Popen(command, env=os.environ | quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + SERVER_STARTS_WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx2.get(f"{address}/models", trust_env=False).raise_for_status()
        except httpx2.HTTPError:
            time.sleep(1)
        else:
            return
    raise RuntimeError("vllm serve did not start")


def figures(folder: Path) -> Iterator[Figure]:
    """The three in turn, several times; medians."""
    reports = list(islice(reports_of_usual_length(), REPORTS))
    path = write_csv(folder / "reports.csv", [(r.report_id, r.findings_text) for r in reports])
    texts = [r.findings_text for r in reports]
    with closing(EXTRACTORS["vllm"](ModelChoice())) as offline:
        assert isinstance(offline, DoubleReader)
        engine = offline.model.engine
        assert isinstance(engine, VllmEngine)
        offline.read(texts[:4])
        arguments = engine.arguments()
        from vllm import LLM

        llm, asks = LLM(**arguments), questions(offline, texts)
        turns = [(bare_loop(llm, engine, asks), pipeline(offline, path)) for _ in range(TURNS)]
    bare, through = (REPORTS / statistics.median(seconds) for seconds in zip(*turns, strict=True))
    yield Figure("bare loop over LLM.generate", bare, "reports/s")
    yield Figure("--extractor vllm", through, "reports/s")
    yield Figure("--extractor vllm against the bare loop", through / bare, "times", "≥ 0.95")
    with server() as address:
        choice = ModelChoice(model=str(MODEL_FOLDER), base_urls=(address,))
        with closing(EXTRACTORS["endpoint"](choice)) as served:
            served.read(texts[:4])
            rate = REPORTS / statistics.median(pipeline(served, path) for _ in range(TURNS))
    yield Figure("--extractor endpoint, vllm serve on this machine", rate, "reports/s")
    yield Figure("--extractor endpoint against the bare loop", rate / bare, "times", "≥ 0.90")


def main() -> None:
    """Measure, print, and with --write keep the figures."""
    with tempfile.TemporaryDirectory() as folder:
        found = show(f"engines on {machine()}", figures(Path(folder)))
    if sys.argv[1:] == ["--write"]:
        keep("engines", found)


if __name__ == "__main__":
    main()

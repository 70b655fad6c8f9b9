"""A real vLLM server on loopback and on the CPU."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from selip_extract.llm.engines.endpoint_engine import EndpointEngine
from selip_extract.llm.engines.server import RetryPolicy
from selip_extract.llm.engines.vllm_engine import VLLM_CPU_ENVIRONMENT
from selip_shared.errors import SelipError

# Against a server that hangs: a busy machine takes many minutes to load one.
SECONDS_TO_LOAD, SECONDS_TO_END = 1800, 600
SETTINGS = {
    **VLLM_CPU_ENVIRONMENT,
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
}
# `vllm serve` asks for the version of a distribution vllm, and the one for the CPU has another name.
SERVE = [
    *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
    *("--served-model-name", "selip", "--host", "127.0.0.1", "--dtype", "float32", "--enforce-eager"),
    *("--generation-config", "vllm", "--enable-prompt-tokens-details", "--max-num-seqs", "64"),
    *("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}'),
]


@contextmanager
def serving(model: Path, log: Path) -> Iterator[EndpointEngine]:
    """The engine of a server of the model, which writes to `log`."""
    port = _free_port()
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*SERVE, "--model", str(model), "--port", str(port)],
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
        server.wait(SECONDS_TO_END)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _engine(url: str, server: subprocess.Popen[bytes], log: Path) -> EndpointEngine:
    until = time.monotonic() + SECONDS_TO_LOAD
    while server.poll() is None and time.monotonic() < until:
        try:
            return EndpointEngine(url, None, rendered=True, retry_policy=RetryPolicy(tries=2, pause=0.1))
        except SelipError:
            time.sleep(1)
    pytest.fail(f"vLLM does not serve: {log.read_text('utf-8', 'replace')[-2000:]}")

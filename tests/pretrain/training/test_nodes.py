"""A training on two nodes, which are two torchrun commands on loopback with a rendezvous."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pretrain.training.training_runs import ENVIRONMENT, arguments, assert_same_training, torchrun

HANGS_AFTER_SECONDS = 1800


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def node(endpoint: str, log: Path, *options: str) -> subprocess.Popen[bytes]:
    """One of two nodes: it joins the rendezvous, and joins again when the other one is lost."""
    run = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    run += ["--max-restarts", "3", "--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint, "--rdzv-id", "selip"]
    with log.open("ab") as file:
        return subprocess.Popen(
            [*run, "-m", "selip_pretrain.cli.pretrain", *options],
            env=ENVIRONMENT, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip


@pytest.mark.slow
def test_a_node_that_is_lost_and_comes_back_leaves_no_trace(tmp_path: Path, db: Path, config: Path) -> None:
    whole = torchrun(db, tmp_path / "whole", config)
    subprocess.run(whole, env=ENVIRONMENT, capture_output=True, check=True)

    endpoint, out = f"127.0.0.1:{free_port()}", tmp_path / "out"
    options = arguments(db, out, config)
    logs = tmp_path / "first.log", tmp_path / "second.log"
    # The first one hosts the rendezvous.
    first = node(endpoint, logs[0], *options)
    second = node(endpoint, logs[1], *options)
    try:
        until = time.monotonic() + HANGS_AFTER_SECONDS
        while not (out / "last" / "state.json").exists():
            assert first.poll() is None, logs[0].read_text()
            assert time.monotonic() < until
            time.sleep(0.02)
        os.killpg(second.pid, signal.SIGKILL)
        second.wait()
        second = node(endpoint, logs[1], *options)
        assert (first.wait(HANGS_AFTER_SECONDS), second.wait(HANGS_AFTER_SECONDS)) == (0, 0), logs[0].read_text()
    finally:
        for process in (first, second):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    assert_same_training(out, tmp_path / "whole")

"""A training on two nodes, which are two torchrun commands on loopback with a rendezvous."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pretrain.training.training_runs import ENVIRONMENT, arguments, assert_same_training, torchrun

HANGS_AFTER_SECONDS = 1800
ROOT = str(Path(__file__).parents[3])
# The node is lost in the middle of the training: its torchrun and its training process are killed at once.
LOST = """
import os, signal
from selip_pretrain.volumes import volume_cache
from tests.pretrain.training.training_runs import SignallingCache

def lose(number, frame):
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

signal.signal(signal.SIGUSR1, lose)
whole_cache = volume_cache.VolumeCache
volume_cache.VolumeCache = lambda folder, recipe: SignallingCache(whole_cache(folder, recipe), 60, signal.SIGUSR1)
from selip_pretrain.cli.pretrain import main
main()
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def node(endpoint: str, is_host: bool, log: Path, *training: str) -> subprocess.Popen[bytes]:
    """One of two nodes: it joins the rendezvous, and joins again when the other one is lost."""
    run = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    run += ["--max-restarts", "3", "--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint, "--rdzv-id", "selip"]
    run += ["--rdzv-conf", f"is_host={int(is_host)}"]
    environment = ENVIRONMENT | {"PYTHONPATH": os.pathsep.join([ROOT, ENVIRONMENT.get("PYTHONPATH", "")])}
    with log.open("ab") as file:
        return subprocess.Popen([*run, *training], env=environment, stdout=file, stderr=file, start_new_session=True)


@pytest.mark.slow
def test_a_node_that_is_lost_and_comes_back_leaves_no_trace(tmp_path: Path, db: Path, config: Path) -> None:
    whole = torchrun(db, tmp_path / "whole", config)
    subprocess.run(whole, env=ENVIRONMENT, capture_output=True, check=True)

    endpoint, out = f"127.0.0.1:{free_port()}", tmp_path / "out"
    options = arguments(db, out, config)
    training = ("-m", "selip_pretrain.cli.pretrain", *options)
    lost = tmp_path / "lost.py"
    lost.write_text(LOST, encoding="utf-8")
    logs = tmp_path / "first.log", tmp_path / "second.log"
    # The first one hosts the rendezvous: on loopback both could.
    first = node(endpoint, True, logs[0], *training)
    second = node(endpoint, False, logs[1], str(lost), *options)
    try:
        assert second.wait(HANGS_AFTER_SECONDS) == -signal.SIGKILL, logs[1].read_text()
        second = node(endpoint, False, logs[1], *training)
        assert (first.wait(HANGS_AFTER_SECONDS), second.wait(HANGS_AFTER_SECONDS)) == (0, 0), logs[0].read_text()
    finally:
        for process in (first, second):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    assert_same_training(out, tmp_path / "whole")

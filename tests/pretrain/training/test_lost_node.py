"""Two nodes of torchrun on loopback, one of which is lost with all of its processes."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from selip_pretrain.data.cohort import Cohort
from tests.pretrain.training.training_runs import ENVIRONMENT, arguments, assert_same_training, table

VALIDATED = 5
"""The steps between two validations, and checkpoints."""

NODE = """
import os, signal, sys
from selip_pretrain.volumes import volume_cache
from tests.pretrain.training.training_runs import SignallingCache

def lose_this_node(number, frame):
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

signal.signal(signal.SIGUSR1, lose_this_node)
volumes = int(sys.argv.pop(1))
whole_cache = volume_cache.VolumeCache
volume_cache.VolumeCache = lambda folder, recipe: SignallingCache(whole_cache(folder, recipe), volumes, signal.SIGUSR1)
from selip_pretrain.cli.pretrain import main
main()
"""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


def nodes(training: list[str], lost_after: int | None = None) -> list[tuple[int, str]]:
    """Exit code and stderr of two nodes with a process each; the second is lost after so many volumes."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    launch += ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{free_port()}", "--no-python"]
    running = []
    for node in (0, 1):
        volumes = 0 if lost_after is None or node == 0 else lost_after
        # Both names of loopback are of both nodes: only one of them may hold the store.
        command = [*launch, "--rdzv-conf", f"is_host={1 - node}", sys.executable, "-c", NODE, str(volumes), *training]
        running.append(subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True))
    said = [process.communicate()[1] for process in running]
    return [(process.returncode, text) for process, text in zip(running, said, strict=True)]


@pytest.mark.slow
def test_the_other_node_ends_and_the_training_continues_to_the_same_weights(
    tmp_path: Path, db: Path, cohort: Cohort, config: Path
) -> None:
    assert [code for code, _ in nodes(arguments(db, tmp_path / "whole", config))] == [0, 0]
    training = arguments(db, tmp_path / "out", config)
    # Each node reads half a batch a step, and all of the validation's volumes.
    lost_after = (VALIDATED + 3) * 6 + len(cohort.validation)
    (code, said), (lost, _) = nodes(training, lost_after)
    assert (code, lost) == (1, -9), said
    assert "start the command on all nodes again, and it continues from the last checkpoint." in said
    assert [row["step"] for row in table(tmp_path / "out", "validation")] == [VALIDATED]
    assert [code for code, _ in nodes(training)] == [0, 0]
    assert_same_training(tmp_path / "out", tmp_path / "whole")

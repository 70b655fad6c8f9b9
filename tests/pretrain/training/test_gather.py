import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from selip_pretrain.training.gather import gather

PROCESS = Path(__file__).with_name("gathering_process.py")
SMALL = 1e-6


def trained(folder: Path, world_size: int) -> list[dict[str, Tensor]]:
    """What each process of a training by `world_size` processes found."""
    with ExitStack() as stack:
        processes = []
        for rank in range(world_size):
            command = [sys.executable, "-W", "error", str(PROCESS), str(rank), str(world_size), str(folder)]
            process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            processes.append(process)
        for process in processes:
            _, errors = process.communicate()
            assert process.returncode == 0, errors
    return [load_file(folder / f"{rank}.safetensors") for rank in range(world_size)]


@pytest.fixture(scope="module")
def alone_and_two(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
    (alone,) = trained(tmp_path_factory.mktemp("one"), 1)
    return alone, trained(tmp_path_factory.mktemp("two"), 2)


def test_two_processes_learn_what_one_does(
    alone_and_two: tuple[dict[str, Tensor], list[dict[str, Tensor]]],
) -> None:
    alone, two = alone_and_two
    compared = [name for name in alone if name.startswith(("embeddings", "gradient.", "parameter."))]
    assert "gradient.logit_scale" in compared
    for rank in two:
        assert torch.equal(rank["rows"], alone["rows"])
        for name in compared:
            assert (rank[name] - alone[name]).abs().max() <= SMALL, name


def test_before_the_mean_over_processes_a_gradient_counts_once_for_each(
    alone_and_two: tuple[dict[str, Tensor], list[dict[str, Tensor]]],
) -> None:
    alone, two = alone_and_two
    gathered = torch.cat([rank["embedding_gradient"] for rank in two])
    assert (gathered / 2 - alone["embedding_gradient"]).abs().max() <= SMALL


def test_a_process_alone_gathers_nothing() -> None:
    part = torch.arange(3)
    assert gather(part) is part

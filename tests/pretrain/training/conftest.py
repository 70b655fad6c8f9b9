"""A training in this process, and one that was never interrupted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from selip_pretrain.data.cohort import Cohort
from selip_pretrain.training.distributed import Distributed, joined_processes
from selip_pretrain.training.train import Resources, pretrain
from selip_pretrain.volumes.volume_cache import VolumeCache
from tests.pretrain.small_cohort import small_configuration
from tests.pretrain.training.training_runs import STEPS


@contextmanager
def single_process() -> Iterator[Distributed]:
    """One thread, since sums over more threads are rounded differently."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with joined_processes() as joined:
            yield joined
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def distributed() -> Iterator[Distributed]:
    with single_process() as joined:
        yield joined


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, cohort: Cohort, cache: VolumeCache) -> Path:
    """The folder of a training without interruption."""
    out = tmp_path_factory.mktemp("whole")
    with single_process() as joined:
        assert pretrain(small_configuration(), cohort, cache, out, Resources(joined)).progress.step == STEPS
    return out


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(small_configuration().json_text(), encoding="utf-8")
    return path

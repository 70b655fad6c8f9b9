"""What the tests of trainings share: a small training, its tables, and a process that is stopped at a given volume."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from selip_pretrain.volumes.volume_cache import ScannedImage, VolumeCache

STEPS = 20
GOLDEN = Path(__file__).parent / "golden" / "loss_curve.json"
"""Made by `python -m tests.pretrain.training.golden_loss_curve`."""
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


class SignallingCache(VolumeCache):
    """Sends this process a signal when so many volumes have been read."""

    def __init__(self, cache: VolumeCache, volumes: int, number: signal.Signals) -> None:
        super().__init__(cache.folder.parent, cache.recipe)
        self._left = volumes
        self._number = number

    def get(self, image: ScannedImage) -> Tensor:
        """The volume, as it is."""
        self._left -= 1
        if self._left == 0:
            signal.raise_signal(self._number)
        return super().get(image)


def table(out: Path, name: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (out / f"{name}.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "volumes_per_second"} for row in rows]


def assert_same_training(out: Path, whole: Path) -> None:
    """Equal to the last bit: figures of every step, weights, optimizer."""
    for name in ("training", "validation"):
        assert table(out, name) == table(whole, name)
    for file in ("last/model.safetensors", "last/optimizer.safetensors", "best/model.safetensors"):
        found, expected = load_file(out / file), load_file(whole / file)
        assert found.keys() == expected.keys()
        assert [name for name in expected if not torch.equal(found[name], expected[name])] == []
    assert (out / "last/state.json").read_text() == (whole / "last/state.json").read_text()


def command(db: Path, out: Path, config: Path, *options: str) -> list[str]:
    """The command line of a training, warnings being errors."""
    return [sys.executable, "-W", "error", "-m", "selip_pretrain.cli.pretrain", *arguments(db, out, config, *options)]


def torchrun(db: Path, out: Path, config: Path, *options: str) -> list[str]:
    """The command line of a training by two processes."""
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return [*run, "-m", "selip_pretrain.cli.pretrain", *arguments(db, out, config, *options)]


def arguments(db: Path, out: Path, config: Path, *options: str) -> list[str]:
    """The arguments of selip-pretrain."""
    return ["--db", str(db), "--out", str(out), "--config", str(config), *options]


def assert_same_gradients(out: Path, expected: Path) -> None:
    """After its first step Adam's first moment is a tenth of the gradient."""
    one, other = (load_file(folder / "last" / "optimizer.safetensors") for folder in (expected, out))
    moments = [name for name in one if name.endswith("exp_avg")]
    assert "logit_scale.exp_avg" in moments
    for name in moments:
        assert 10 * (one[name] - other[name]).abs().max() <= 1e-6, name
    assert max(10 * one[name].abs().max() for name in moments) > 0.01

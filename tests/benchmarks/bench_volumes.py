"""Speed of preparing, caching and augmenting volumes on this machine, and the time that training steps wait for them.

With --write the figures are stored in results.json. The training step is forward and
backward of a 3D ResNet-18 on random tensors, on the GPU if there is one.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.networks.nets.resnet import resnet18
from torch import Tensor

from selip_pretrain.data.augment import AugmentationRecipe, augmented, draw_augmentation
from selip_pretrain.data.batches import Batch, BatchPlan, load_batches
from selip_pretrain.data.pairs import Pair, PairDataset
from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.preprocess import VolumeRecipe, prepare
from selip_pretrain.volumes.read_volume import Volume
from selip_pretrain.volumes.volume_cache import VolumeCache, prepare_all
from selip_shared.execution.processes import ProcessWorkers
from tests.benchmarks.figures import Figure, keep, machine, show

SMALL = VolumeRecipe(shape=(24, 128, 128))
LARGE = VolumeRecipe(shape=(24, 256, 256))
PAIRS = 32
BATCH = 4
STEPS = 7
WORKERS = 2
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# nibabel is only partly typed
nibabel: Any = nib


def seconds(work: Callable[[], object], times: int = 10) -> float:
    """Seconds of one call, after one call that is not counted."""
    work()
    started = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - started) / times


def heads() -> tuple[Volume, Volume]:
    """Heads of noise, at 1 mm and in slices of 6 mm."""
    shape = (197, 233, 189)
    places = np.stack(np.meshgrid(*(np.linspace(-1.2, 1.2, n) for n in shape), indexing="ij"))
    voxels = np.random.default_rng(0).random(shape) * ((places**2).sum(axis=0) < 1)
    whole = Volume(voxels.astype(np.float32), np.eye(4))
    return whole, Volume(np.ascontiguousarray(whole.voxels[:, :, ::6]), np.diag([1.0, 1, 6, 1]))


def stored_pairs(folder: Path, volume: Volume) -> list[Pair]:
    """Write different volumes, each with a text of its own."""
    random = np.random.default_rng(0)
    pairs = []
    for number in range(PAIRS):
        path = folder / f"{number}.nii.gz"
        voxels = (volume.voxels * 1000 + random.normal(0, 20, volume.voxels.shape)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(voxels, volume.affine), path)
        text, content = f"{number}", content_hash([path])
        pairs.append(Pair(path.name, text, text, "T1", text, False, "train", "nifti", (path,), content))
    return pairs


def preparing() -> Iterator[Figure]:
    """Preprocessing of one volume after the other on one core, after reading."""
    torch.set_num_threads(1)
    for volume, name in zip(heads(), ("1 mm", "6 mm slices"), strict=True):
        took = seconds(partial(prepare, volume, LARGE), 3)
        yield Figure(f"preparing a volume of {name} for 24×256×256, one core", 1 / took, "volumes/s")


def caching(folder: Path, pairs: list[Pair]) -> Iterator[Figure]:
    """Writing to the cache, reading from it, and augmentation, on one core."""
    torch.set_num_threads(1)
    for recipe, size in ((SMALL, "24×128×128"), (LARGE, "24×256×256")):
        cache = VolumeCache(folder / "cache", recipe)
        started = time.perf_counter()
        with ProcessWorkers(WORKERS) as workers:
            _, problems = prepare_all(pairs, cache, workers)
        assert not problems
        rate = PAIRS / (time.perf_counter() - started)
        yield Figure(f"filling the cache for {size} from compressed files", rate, "volumes/s")
        yield Figure(f"a volume of {size} from the cache", 1000 * seconds(partial(cache.get, pairs[0])), "ms")
        changes = draw_augmentation(np.random.default_rng(0), AugmentationRecipe())
        yield Figure("its changes", 1000 * seconds(partial(augmented, cache.get(pairs[0]), changes)), "ms")


class Step:
    """One training step: forward, backward, optimizer."""

    def __init__(self) -> None:
        self.encoder = resnet18(spatial_dims=3, n_input_channels=1, num_classes=512, conv1_t_stride=(1, 2, 2)).to(
            DEVICE
        )
        self.optimizer = torch.optim.Adam(self.encoder.parameters())

    def run(self, images: Tensor) -> None:
        """A step on images (N, 1, D, H, W)."""
        self.optimizer.zero_grad()
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=DEVICE.type == "cuda"):
            loss = self.encoder(images.to(DEVICE, non_blocking=True)).square().mean()
        loss.backward()
        self.optimizer.step()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()


def fed(folder: Path, pairs: list[Pair], recipe: VolumeRecipe, workers: int) -> Iterator[Batch]:
    """Batches with a warm cache."""
    dataset = PairDataset(pairs, VolumeCache(folder / "cache", recipe), augment=True, seed=0)
    plan = BatchPlan([pair.text for pair in pairs], BATCH, 0, "distinct_texts", mirror=True)
    yield from load_batches(dataset, plan.steps(0, STEPS + 1), workers, pin_memory=DEVICE.type == "cuda")


def training(folder: Path, pairs: list[Pair]) -> Iterator[Figure]:
    """The rate of the training step, the rate of the data pipeline, and the share of time that steps wait."""
    torch.set_num_threads(WORKERS)
    step = Step()
    images = torch.rand(BATCH, 1, *SMALL.shape)
    needed = BATCH / seconds(partial(step.run, images), 3)
    yield Figure(f"ResNet-18 on random tensors of 24×128×128, {DEVICE.type}", needed, "volumes/s")
    for recipe, name, wanted in ((SMALL, "24×128×128", f"≥ {needed:.1f}"), (LARGE, "24×256×256", "")):
        batches = fed(folder, pairs, recipe, WORKERS)
        next(batches)
        started = time.perf_counter()
        given = BATCH * sum(1 for _ in batches) / (time.perf_counter() - started)
        yield Figure(f"volumes of {name} with a warm cache, {WORKERS} processes", given, "volumes/s", wanted)
    waited = waiting(fed(folder, pairs, SMALL, WORKERS), step)
    yield Figure("share of the time that steps wait for volumes of 24×128×128", 100 * waited, "%", "< 5")


def waiting(batches: Iterator[Batch], step: Step) -> float:
    """The share of time after the first step that is spent waiting for batches."""
    step.run(next(batches).images)
    waited, started = 0.0, time.perf_counter()
    while True:
        before = time.perf_counter()
        batch = next(batches, None)
        waited += time.perf_counter() - before
        if batch is None:
            return waited / (time.perf_counter() - started)
        step.run(batch.images)


def planning() -> Iterator[Figure]:
    """Planning an epoch of a million pairs, a third of them normal."""
    texts = [f"{number}" if number % 3 else "normal" for number in range(1_000_000)]
    started = time.perf_counter()
    plan = BatchPlan(texts, 64, 0, "distinct_texts", mirror=True)
    yield Figure("planning batches of 1,000,000 pairs", time.perf_counter() - started, "s")
    started = time.perf_counter()
    plan.batch(0)
    yield Figure("laying out one epoch of them", time.perf_counter() - started, "s")


def main() -> None:
    """Measure and print the figures; with --write, store them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = stored_pairs(folder, heads()[1])
        parts = (preparing(), caching(folder, pairs), training(folder, pairs), planning())
        found = show(f"volumes on {machine()}", (figure for part in parts for figure in part))
    if sys.argv[1:] == ["--write"]:
        keep("volumes", found)


if __name__ == "__main__":
    main()

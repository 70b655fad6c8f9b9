"""Training of one segmentation network on patches, from its first step to the best weights; it can be resumed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from monai.losses.dice import DiceLoss
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from selip_downstream.datasets.brats import REGIONS, BratsCase, labels_of
from selip_downstream.evaluation.tasks import Metric
from selip_downstream.segmentation.cases import THRESHOLD, CaseCache, PreparedCase
from selip_downstream.segmentation.metrics import region_dice
from selip_downstream.segmentation.unet import SegmentationNetwork
from selip_shared.errors import SelipError
from selip_shared.execution.progress import progress
from selip_shared.files import write_bytes
from selip_shared.optimizer_state import optimizer_tensors, restore_optimizer

STATE, WEIGHTS = "state.safetensors", "best.safetensors"
VALIDATIONS = 10
MIN_STEPS_BETWEEN_VALIDATIONS = 10
"""A validation takes as long as several steps."""
TUMOUR_SHARE = 0.5
"""Share of the patches that are centred on a voxel of the tumour; the others are anywhere."""
DECAY_POWER = 0.9
OVERLAP = 0.5


@dataclass(frozen=True)
class TrainingPlan:
    """How a network is trained: `patch` (D, H, W) in voxels, `batch` patches a step, `seed` of all random draws."""

    patch: tuple[int, int, int]
    steps: int
    batch: int
    seed: int
    rate: float

    def learning_rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0: polynomial decay."""
        return float(self.rate * (1 - step / self.steps) ** DECAY_POWER)

    def validates_after(self, step: int) -> bool:
        """Whether the weights are validated after so many steps."""
        return step % max(MIN_STEPS_BETWEEN_VALIDATIONS, self.steps // VALIDATIONS) == 0 or step == self.steps


@dataclass
class _State:
    """The state that a training resumes from."""

    network: SegmentationNetwork
    optimizer: torch.optim.Optimizer
    best: dict[str, Tensor]
    step: int = 0
    score: float = -1.0


def train(
    network: SegmentationNetwork,
    cases: Sequence[BratsCase],
    validation: Sequence[BratsCase],
    cache: CaseCache,
    plan: TrainingPlan,
    folder: Path,
) -> None:
    """Train the network, and leave it with the weights that were best on the validation cases.

    They are written to `folder`. A training that was interrupted resumes there from its last validation; a finished one
    is only read. SelipError where the loss is not finite.
    """
    if (folder / WEIGHTS).exists():
        network.load_state_dict(load_file(folder / WEIGHTS))
        return
    state = _resume_or_begin(network, folder / STATE, plan)
    with progress("steps", plan.steps - state.step) as advance:
        while state.step < plan.steps:
            _step(state, cases, cache, plan)
            advance(1)
            if plan.validates_after(state.step):
                _validate(state, validation, cache, plan)
                _save(state, folder / STATE)
    network.load_state_dict(state.best)
    write_bytes(folder / WEIGHTS, save(state.best))
    (folder / STATE).unlink(missing_ok=True)


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """Dice and cross entropy of the regions: logits (N, 3, D, H, W), unified labels (N, 1, D, H, W).

    Dice is over all patches together, since a region is absent from many.
    """
    members = [torch.tensor(REGIONS[name], device=labels.device, dtype=labels.dtype) for name in REGIONS]
    regions = torch.cat([torch.isin(labels, own) for own in members], 1).float()
    dice: Tensor = DiceLoss(sigmoid=True, batch=True)(logits, regions)
    return dice + functional.binary_cross_entropy_with_logits(logits, regions)


@torch.inference_mode()
def predict(network: SegmentationNetwork, images: Tensor, patch: Sequence[int]) -> Tensor:
    """Probabilities of the regions (3, D, H, W) on the CPU, of images (S, D, H, W).

    Windows overlap, and each counts with Gaussian weights: its middle more than its edges.
    """
    network.train(False)
    device = network.modality_index.device
    logits = sliding_window_inference(
        images[None].float().to(device), list(patch), 1, network, overlap=OVERLAP, mode="gaussian"
    )
    assert isinstance(logits, Tensor)
    return logits[0].sigmoid().cpu()


def draw_patch(case: PreparedCase, patch: Sequence[int], random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A random patch of the case, images float32 (S, D, H, W) and labels (1, D, H, W), padded with 0.

    Half of all are mirrored left to right; brightness and contrast of each sequence are changed slightly.
    """
    size, extent = np.array(case.labels.shape), np.array(patch)
    tumour = case.labels.nonzero()
    around_tumour = bool(len(tumour)) and random.random() < TUMOUR_SHARE
    centre = tumour[random.integers(len(tumour))].numpy() if around_tumour else random.integers(size)
    start = np.clip(centre - extent // 2, 0, np.maximum(size - extent, 0))
    piece = tuple(slice(first, first + length) for first, length in zip(start.tolist(), patch, strict=True))
    images, labels = case.images[:, *piece].float(), case.labels[piece][None]
    missing = [(0, length - had) for length, had in zip(patch, labels.shape[1:], strict=True)]
    padding = [edge for pair in reversed(missing) for edge in pair]
    gamma, gain = torch.from_numpy(random.uniform(0.9, 1.1, (2, len(images), 1, 1, 1)).astype(np.float32))
    images = functional.pad(images.pow(gamma) * gain, padding)
    labels = functional.pad(labels, padding)
    return (images.flip(-1), labels.flip(-1)) if random.random() < 0.5 else (images, labels)


def _step(state: _State, cases: Sequence[BratsCase], cache: CaseCache, plan: TrainingPlan) -> None:
    """One step; its random draws depend only on the seed and its number."""
    random = np.random.default_rng((plan.seed, state.step))
    chosen = [cases[index] for index in random.integers(len(cases), size=plan.batch)]
    drawn = [draw_patch(cache.get(case), plan.patch, random) for case in chosen]
    device = state.network.modality_index.device
    images, labels = (torch.stack(part).to(device) for part in zip(*drawn, strict=True))
    state.network.train()
    for group in state.optimizer.param_groups:
        group["lr"] = plan.learning_rate(state.step)
    loss = loss_of(state.network(images), labels)
    if not torch.isfinite(loss):
        names = ", ".join(case.case for case in chosen)
        raise SelipError(
            f"The loss of step {state.step + 1:,} is not finite (NaN or infinity), on {names}: leave out the damaged "
            "one."
        )
    state.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimizer.step()
    state.step += 1


def _validate(state: _State, validation: Sequence[BratsCase], cache: CaseCache, plan: TrainingPlan) -> None:
    """Keep the weights if their mean Dice over regions and validation cases is the best so far."""
    scores = []
    for case in validation:
        prepared = cache.get(case)
        labels = labels_of(predict(state.network, prepared.images, plan.patch).numpy() > THRESHOLD)
        scores.append(region_dice(labels, prepared.labels.numpy())[Metric.DICE])
    score = float(np.mean(scores))
    if score > state.score:
        state.score = score
        state.best = {name: tensor.cpu().clone() for name, tensor in state.network.state_dict().items()}


def _resume_or_begin(network: SegmentationNetwork, path: Path, plan: TrainingPlan) -> _State:
    """The state at the last validation before an interruption, else a new one."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.rate)
    state = _State(network, optimizer, {})
    if not path.exists():
        return state
    kept: dict[str, dict[str, Tensor]] = {"network": {}, "best": {}, "optimizer": {}}
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        for key in file.keys():  # noqa: SIM118 # it is no dict
            part, name = key.split(".", 1)
            kept[part][name] = file.get_tensor(key)
    network.load_state_dict(kept["network"])
    restore_optimizer(optimizer, _numbered(network), kept["optimizer"])
    return _State(network, optimizer, kept["best"], int(metadata["step"]), float(metadata["score"]))


def _numbered(network: SegmentationNetwork) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters by their numbers, as state.safetensors names them."""
    return ((str(number), parameter) for number, parameter in enumerate(network.parameters()))


def _save(state: _State, path: Path) -> None:
    moments = optimizer_tensors(state.optimizer, _numbered(state.network))
    parts = {"network": state.network.state_dict(), "best": state.best, "optimizer": moments}
    tensors = {f"{part}.{name}": tensor.contiguous() for part, named in parts.items() for name, tensor in named.items()}
    write_bytes(path, save(tensors, {"step": str(state.step), "score": repr(state.score)}))

"""One step of training: a batch's gradients, from all processes and all chunks of it, and the change of the weights."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.parallel import DistributedDataParallel

from selip_pretrain.data.batches import Batch
from selip_pretrain.model.configuration import Configuration, Precision
from selip_pretrain.model.selip_model import HIGHEST_SCALE, SelipModel
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.objective.loss import Loss, contrastive_loss
from selip_pretrain.objective.targets import TARGETS
from selip_pretrain.training.checkpoint import TrainingState
from selip_pretrain.training.distributed import Ranks
from selip_pretrain.training.gather import gather
from selip_pretrain.training.gradient_cache import Tower, backward
from selip_shared.errors import SelipError

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
SHOWN = 8

Figures = dict[str, float]


class TrainingStep:
    """A model in training on this process: `chunk` is how many volumes are encoded together, None for all."""

    def __init__(self, model: SelipModel, table: TextTable, ranks: Ranks, chunk: int | None) -> None:
        self.configuration = model.configuration
        _check_norm(self.configuration, ranks, chunk)
        if self.configuration.norm == "batch" and ranks.size > 1:
            model.image_encoder = nn.SyncBatchNorm.convert_sync_batchnorm(  # type: ignore[no-untyped-call]
                model.image_encoder
            )
        self.model = model.to(ranks.device).train()
        self.ranks = ranks
        self.chunk = chunk
        self.table = table.to(ranks.device)
        volume = torch.zeros(1, 1, *model.recipe.shape), torch.zeros(1, dtype=torch.int64)
        self.image_encoder = _distributed(model.image_encoder, ranks, lambda: model.embed_images(*volume))
        self.text_encoder = _distributed(model.text_encoder, ranks, lambda: model.embed_texts(["无"]))
        self.training = TrainingState(model, _optimizer(model), _scaler(self.configuration, ranks.device))

    def run(self, step: int, batch: Batch, names: Sequence[str]) -> Figures:
        """Learn from this process's part of the batch of that step, counted from 0; the figures of the whole batch.

        `names` are those of the whole batch's images, for the error where the loss or the gradient is no number; the
        weights are then as they were before.
        """
        drawn = np.random.SeedSequence((self.configuration.seed, step, self.ranks.rank)).generate_state(1)
        torch.manual_seed(int(drawn[0]))
        loss, finite = self._gradients(batch)
        # Together, since each value that is fetched from a GPU waits for it.
        values = torch.stack([*loss, self._clipped()]).tolist()
        figures: Figures = dict(zip(("loss", "hard", "soft", "gradient"), values, strict=True))
        self._check(step, figures, finite, names)
        rate = self.configuration.learning_rate(step)
        self._change(rate)
        return figures | {"temperature": 1 / self.model.logit_scale.exp().item(), "rate": rate}

    def autocast(self) -> torch.autocast:
        """The precision to encode in."""
        precision = self.configuration.precision
        assert precision is not None
        return torch.autocast(self.ranks.device.type, DTYPES[precision], enabled=precision != "fp32")

    def _gradients(self, batch: Batch) -> tuple[Loss, Tensor]:
        """The whole batch's loss, its gradients on the weights, and which of the whole batch's images are finite."""
        texts = list(dict.fromkeys(batch.texts))
        place = {text: number for number, text in enumerate(texts)}
        own_texts = torch.tensor([place[text] for text in batch.texts], device=self.ranks.device)
        rows = gather(self.table.rows(batch.texts))
        target = TARGETS[self.configuration.target]
        similarity = None if self.configuration.target == "hard" else target.similarity(self.table, rows, rows)
        results: list[tuple[Loss, Tensor]] = []

        def loss_of(images: Tensor, distinct: Tensor) -> Tensor:
            all_images, all_texts = gather(images), gather(distinct[own_texts])
            loss = contrastive_loss(
                all_images,
                all_texts,
                self.model.logit_scale,
                similarity,
                soft_weight=self.configuration.soft_weight,
                sharpness=self.configuration.sharpness,
                mode=self.configuration.loss,
            )
            results.append((Loss(*(part.detach() for part in loss)), all_images.detach().isfinite().all(1)))
            return self.training.scaler.scale(loss.total)

        self.training.optimizer.zero_grad()
        backward(
            [
                Tower(self.image_encoder, lambda part: self._embed_images(batch, part), len(batch.images), self.chunk),
                Tower(self.text_encoder, lambda part: self._embed_texts(texts[part]), len(texts), self.chunk),
            ],
            loss_of,
        )
        return results[0]

    def _embed_images(self, batch: Batch, part: slice) -> Tensor:
        device = self.ranks.device
        images = batch.images[part].to(device, non_blocking=True)
        with self.autocast():
            return normalize(self.image_encoder(images, batch.modalities[part].to(device)).float(), dim=1)

    def _embed_texts(self, texts: Sequence[str]) -> Tensor:
        with self.autocast():
            return normalize(self.text_encoder(texts).float(), dim=1)

    def _clipped(self) -> Tensor:
        """Bring the gradient down to the greatest norm; the norm it had."""
        self.training.scaler.unscale_(self.training.optimizer)
        return nn.utils.clip_grad_norm_(self.model.parameters(), self.configuration.clip)

    def _check(self, step: int, figures: Figures, finite: Tensor, names: Sequence[str]) -> None:
        """SelipError where the loss is no number, or the gradient but for an overflow that the scaler meets."""
        for name in ("loss", "gradient"):
            overflow = name == "gradient" and self.configuration.precision == "fp16"
            if not math.isfinite(figures[name]) and not overflow:
                guilty = [image for image, good in zip(names, finite.tolist(), strict=True) if not good] or names
                shown = ", ".join(guilty[:SHOWN]) + (" …" if len(guilty) > SHOWN else "")
                raise SelipError(
                    f"The {name} of step {step + 1:,} is {figures[name]}; {len(guilty)} images are suspect: {shown}."
                    " Take lower learning rates or another precision; the last checkpoint is as it was."
                )

    def _change(self, rate: float) -> None:
        for group in self.training.optimizer.param_groups:
            group["lr"] = group["highest"] * rate
        self.training.scaler.step(self.training.optimizer)
        self.training.scaler.update()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, HIGHEST_SCALE)


def default_precision(device: torch.device) -> Precision:
    """What the device computes fastest in without harm."""
    if device.type == "cpu":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def _check_norm(configuration: Configuration, ranks: Ranks, chunk: int | None) -> None:
    if configuration.norm != "batch":
        return
    if chunk is not None and chunk < configuration.batch // ranks.size:
        raise SelipError("Batch norm needs all volumes of a process at once: take norm group, or leave --chunk out.")
    if ranks.size > 1 and ranks.device.type == "cpu":
        raise SelipError("Batch norm over several processes needs GPUs: take norm group, or one process.")


def _distributed(module: nn.Module, ranks: Ranks, embed: Callable[[], Tensor]) -> nn.Module:
    """The encoder as it shares gradients; weights that have no part in an embedding are not waited for."""
    if ranks.size == 1:
        return module
    module.train(False)
    torch.autograd.backward(embed().sum())
    for weights in module.parameters():
        weights.requires_grad_(weights.grad is not None)
    module.zero_grad()
    module.train()
    return DistributedDataParallel(module, device_ids=None if ranks.device.type == "cpu" else [ranks.device.index])


def _optimizer(model: SelipModel) -> torch.optim.Optimizer:
    """Adam without weight decay, at two learning rates; the temperature goes with the image encoder."""
    rates = model.configuration
    images = [*model.image_encoder.parameters(), model.logit_scale]
    return torch.optim.Adam(
        [
            {"params": images, "lr": rates.image_rate, "highest": rates.image_rate},
            {"params": list(model.text_encoder.parameters()), "lr": rates.text_rate, "highest": rates.text_rate},
        ],
        fused=model.device.type == "cuda",
    )


def _scaler(configuration: Configuration, device: torch.device) -> torch.amp.GradScaler:
    return torch.amp.GradScaler(device.type, enabled=configuration.precision == "fp16")

"""One step of training: the gradients of a batch, over all processes and chunks, and the update of the weights."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.parallel import DistributedDataParallel

from selip_pretrain.data.batches import Batch
from selip_pretrain.model.configuration import Configuration, Precision
from selip_pretrain.model.selip_model import MAX_LOGIT_SCALE, SelipModel
from selip_pretrain.objective.finding_labels import LabelledTexts
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.objective.loss import Loss, contrastive_loss, findings_loss
from selip_pretrain.objective.targets import TARGETS
from selip_pretrain.training.checkpoint import TrainingState
from selip_pretrain.training.distributed import Distributed
from selip_pretrain.training.gather import gather
from selip_pretrain.training.gradient_cache import Tower, backward
from selip_pretrain.training.study_batch import gathered
from selip_shared.errors import SelipError

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
MAX_NAMED = 8

Metrics = dict[str, float]
Losses = dict[str, Tensor]
"""Scalars: the loss, and its parts."""
Objective = Callable[[Tensor, Tensor], tuple[Losses, Tensor]]
"""From embeddings of this process's images and distinct texts the losses, and the images' of all processes."""


class TrainingStep:
    """A model in training on this process; `chunk_size` volumes are encoded together, None for all of its share."""

    def __init__(self, model: SelipModel, table: TextTable, distributed: Distributed, chunk_size: int | None) -> None:
        self.configuration = model.configuration
        _check_norm(self.configuration, distributed, chunk_size)
        if self.configuration.norm == "batch" and distributed.world_size > 1:
            model.image_encoder = nn.SyncBatchNorm.convert_sync_batchnorm(  # type: ignore[no-untyped-call]
                model.image_encoder
            )
        for encoder, rate in (
            (model.image_encoder, self.configuration.image_rate),
            (model.text_encoder, self.configuration.text_rate),
        ):
            if not rate:
                encoder.requires_grad_(False)
        self.model = model.to(distributed.device).train()
        self.distributed = distributed
        self.chunk_size = chunk_size
        self.table = table.to(distributed.device)
        head = model.findings_head
        self.labelled = None if head is None else LabelledTexts(self.table, head.labels)
        volume = torch.zeros(1, 1, *model.recipe.shape), torch.zeros(1, dtype=torch.int64)
        self.image_encoder = _parallel(model.image_encoder, distributed, lambda: model.embed_images(*volume))
        self.text_encoder = _parallel(model.text_encoder, distributed, lambda: model.embed_texts(["无"]))
        self.training = TrainingState(model, _optimizer(model), _scaler(self.configuration, distributed.device))

    def run(self, step: int, batch: Batch, image_ids: Sequence[str]) -> Metrics:
        """Learn from this process's share of the batch of a step, counted from 0; the metrics of the whole batch.

        `image_ids` are those of the whole batch. SelipError where the loss or the gradient is not finite, with the
        images or layers that it comes from; the weights are then unchanged.
        """
        seed = np.random.SeedSequence((self.configuration.seed, step, self.distributed.rank)).generate_state(1)
        torch.manual_seed(int(seed[0]))
        losses, finite = self._gradients(step, batch)
        # Transferred together, since every transfer from a GPU waits for it.
        norm = self._gradient_norm()
        values = torch.stack([*losses.values(), norm]).tolist()
        metrics: Metrics = dict(zip((*losses, "gradient"), values, strict=True))
        self._check_finite(step, metrics, finite, image_ids)
        rate = self.configuration.learning_rate(step)
        self._update(rate, norm)
        return metrics | {"temperature": 1 / self.model.logit_scale.exp().item(), "rate": rate}

    def autocast(self) -> torch.autocast:
        """The precision of the encoders."""
        precision = self.configuration.precision
        assert precision is not None
        return torch.autocast(self.distributed.device.type, DTYPES[precision], enabled=precision != "fp32")

    def _gradients(self, step: int, batch: Batch) -> tuple[Losses, Tensor]:
        """Compute the gradients; the losses of the whole batch, and bool (N,): whether images' embeddings are finite.

        Every distinct text of the process's share is encoded once.
        """
        studies = [] if batch.studies is None else batch.studies.texts
        texts = list(dict.fromkeys(text for text in (*(batch.written or batch.texts), *studies) if text))
        objective = self._of_pairs(batch, texts) if batch.studies is None else self._of_studies(step, batch, texts)
        results: list[tuple[Losses, Tensor]] = []

        def scaled_loss(images: Tensor, distinct_texts: Tensor) -> Tensor:
            losses, all_images = objective(images, distinct_texts)
            detached = {name: loss.detach() for name, loss in losses.items()}
            results.append((detached, all_images.detach().isfinite().all(1)))
            return self.training.scaler.scale(losses["loss"])

        self.training.optimizer.zero_grad()
        images = Tower(
            self.image_encoder, lambda part: self._embed_images(batch, part), len(batch.images), self.chunk_size
        )
        distinct = Tower(self.text_encoder, lambda part: self._embed_texts(texts[part]), len(texts), self.chunk_size)
        backward([images, distinct], scaled_loss)
        return results[0]

    def _of_pairs(self, batch: Batch, texts: Sequence[str]) -> Objective:
        """The loss of pairs, given the embeddings of their images and of their distinct texts."""
        text_index = self._index(batch.written or batch.texts, texts)
        rows = gather(self.table.rows(batch.texts))
        similarity = self._similarity(rows)

        def losses(images: Tensor, distinct_texts: Tensor) -> tuple[Losses, Tensor]:
            all_images = gather(images)
            loss = self._contrastive(all_images, gather(distinct_texts[text_index]), similarity)
            parts = {"loss": loss.total, "hard": loss.hard, "soft": loss.soft}
            return self._with_findings(parts, all_images, rows), all_images

        return losses

    def _of_studies(self, step: int, batch: Batch, texts: Sequence[str]) -> Objective:
        """The loss of volumes of studies, and of the studies, given the embeddings of volumes and of distinct texts."""
        assert batch.studies is not None
        device, encoder = self.distributed.device, self.model.study_encoder
        assert encoder is not None, "batches of studies are for a study encoder"
        has_text = torch.tensor([bool(text) for text in batch.texts], device=device)
        text_index = self._index([text or texts[0] for text in batch.written or batch.texts], texts)
        study_index = self._index(batch.studies.texts, texts)
        rows = self.table.rows([text or batch.studies.texts[0] for text in batch.texts]).masked_fill(~has_text, -1)
        study_rows = self.table.rows(batch.studies.texts)
        modalities, study_of = batch.modalities.to(device), batch.studies.of_volume.to(device)
        # The same on all processes, which all compute the loss of the whole batch.
        seed = int(np.random.SeedSequence((self.configuration.seed, step)).generate_state(1)[0])

        def losses(images: Tensor, distinct_texts: Tensor) -> tuple[Losses, Tensor]:
            of_sequences, of_studies = distinct_texts[text_index], distinct_texts[study_index]
            whole = gathered(images, modalities, study_of, of_sequences, rows, of_studies, study_rows)
            places = tuple(whole.stated().T)
            of_volumes = self._contrastive(
                whole.volumes[places], whole.texts[places], self._similarity(whole.rows[places])
            )
            study = self._contrastive(
                whole.embedded(encoder, seed), whole.study_texts, self._similarity(whole.study_rows)
            )
            parts = {"loss": of_volumes.total + study.total, "hard": of_volumes.hard, "soft": of_volumes.soft}
            parts |= {"study_hard": study.hard, "study_soft": study.soft}
            stated = whole.rows >= 0
            parts = self._with_findings(parts, whole.volumes[stated], whole.rows[stated])
            return parts, whole.volumes[whole.modalities >= 0]

        return losses

    def _with_findings(self, losses: Losses, images: Tensor, rows: Tensor) -> Losses:
        """The losses, with that of the findings head where there is one.

        `images` (N, E) are embeddings of volumes of all processes, `rows` int64 (N,) those of their texts in the table.
        """
        if self.labelled is None:
            return losses
        assert self.model.findings_head is not None
        findings = findings_loss(self.model.findings_head(images), self.labelled.answers(rows))
        return losses | {"loss": losses["loss"] + self.configuration.findings_weight * findings, "findings": findings}

    def _index(self, texts: Sequence[str], distinct: Sequence[str]) -> Tensor:
        index_of = {text: index for index, text in enumerate(distinct)}
        return torch.tensor([index_of[text] for text in texts], device=self.distributed.device)

    def _similarity(self, rows: Tensor) -> Tensor | None:
        """The similarity (N, N) of the texts in these rows of the table; None where the target is hard."""
        if self.configuration.target == "hard":
            return None
        return TARGETS[self.configuration.target].similarity(self.table, rows, rows)

    def _contrastive(self, images: Tensor, texts: Tensor, similarity: Tensor | None) -> Loss:
        return contrastive_loss(
            images,
            texts,
            self.model.logit_scale,
            similarity,
            hard_weight=self.configuration.hard_weight,
            soft_weight=self.configuration.soft_weight,
            sharpness=self.configuration.sharpness,
            clamp=self.configuration.clamp,
            mode=self.configuration.loss,
        )

    def _embed_images(self, batch: Batch, part: slice) -> Tensor:
        device = self.distributed.device
        images = batch.images[part].to(device, non_blocking=True)
        with self.autocast():
            return normalize(self.image_encoder(images, batch.modalities[part].to(device)).float(), dim=1)

    def _embed_texts(self, texts: Sequence[str]) -> Tensor:
        with self.autocast():
            return normalize(self.text_encoder(texts).float(), dim=1)

    def _gradient_norm(self) -> Tensor:
        """The norm of the gradient, before it is clipped."""
        self.training.scaler.unscale_(self.training.optimizer)
        return nn.utils.get_total_norm(
            [weights.grad for weights in self.model.parameters() if weights.grad is not None]
        )

    def _check_finite(self, step: int, metrics: Metrics, finite: Tensor, image_ids: Sequence[str]) -> None:
        """SelipError where loss or gradient is not finite, except a gradient overflow that the fp16 scaler handles."""
        for name in ("loss", "gradient"):
            overflow = name == "gradient" and self.configuration.precision == "fp16"
            if not math.isfinite(metrics[name]) and not overflow:
                raise SelipError(
                    f"The {name} of step {step + 1:,} is {metrics[name]}; {self._suspects(finite, image_ids)}"
                    f" (loss {self.configuration.loss}, logit scale {self.model.logit_scale.exp().item():.1f},"
                    f" precision {self.configuration.precision}). Use lower learning rates or another precision; the"
                    " last checkpoint is unchanged."
                )

    def _suspects(self, finite: Tensor, image_ids: Sequence[str]) -> str:
        """Images whose embedding is not finite, else the weights whose gradient is not, in words."""
        images = [image for image, good in zip(image_ids, finite.tolist(), strict=True) if not good]
        if images:
            return f"{len(images)} images are suspect: {_some(images)}"
        layers = [
            name
            for name, weights in self.model.named_parameters()
            if weights.grad is not None and not weights.grad.isfinite().all()
        ]
        return f"all images have finite embeddings, the gradient is not finite for {_some(layers)}"

    def _update(self, rate: float, norm: Tensor) -> None:
        if self.configuration.clip:
            nn.utils.clip_grads_with_norm_(self.model.parameters(), self.configuration.clip, norm)
        for group in self.training.optimizer.param_groups:
            group["lr"] = group["highest"] * rate
        self.training.scaler.step(self.training.optimizer)
        self.training.scaler.update()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_NAMED]) + (" …" if len(names) > MAX_NAMED else "")


def default_precision(device: torch.device) -> Precision:
    """The fastest precision of the device that does not harm the training: bf16 where it has instructions for it."""
    if device.type == "cpu":
        has = torch.cpu.get_capabilities()
        return "bf16" if has.get("avx512_bf16") or has.get("amx_bf16") else "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def _check_norm(configuration: Configuration, distributed: Distributed, chunk_size: int | None) -> None:
    if configuration.norm != "batch":
        return
    if chunk_size is not None and chunk_size < configuration.batch // distributed.world_size:
        raise SelipError("Batch norm needs all volumes of a process at once: use group norm, or omit --chunk.")
    if distributed.world_size > 1 and distributed.device.type == "cpu":
        raise SelipError("Batch norm over several processes needs GPUs: use group norm, or one process.")


def _parallel(module: nn.Module, distributed: Distributed, embed: Callable[[], Tensor]) -> nn.Module:
    """The encoder with gradients averaged over processes; weights that no embedding depends on are frozen."""
    is_locked = not any(weights.requires_grad for weights in module.parameters())
    if distributed.world_size == 1 or is_locked:
        return module
    module.train(False)
    torch.autograd.backward(embed().sum())
    for weights in module.parameters():
        weights.requires_grad_(weights.grad is not None)
    module.zero_grad()
    module.train()
    device = distributed.device
    return DistributedDataParallel(module, device_ids=None if device.type == "cpu" else [device.index])


def _optimizer(model: SelipModel) -> torch.optim.Optimizer:
    """AdamW with a learning rate for each encoder.

    Study encoder, findings head and temperature have the image's, with a locked image encoder the text's.

    Only matrices and kernels decay: neither biases nor scales of norms nor the temperature.
    """
    settings = model.configuration
    parts = (model.image_encoder, model.study_encoder, model.findings_head)
    images = [*(one for part in parts if part is not None for one in part.parameters()), model.logit_scale]
    image_rate = settings.image_rate or settings.text_rate
    groups: list[dict[str, Any]] = []
    for encoder, rate in ((images, image_rate), ([*model.text_encoder.parameters()], settings.text_rate)):
        for decay, chosen in ((settings.weight_decay, True), (0.0, False)):
            weights = [one for one in encoder if (one.ndim > 1) == chosen]
            groups.append({"params": weights, "lr": rate, "highest": rate, "weight_decay": decay})
    return torch.optim.AdamW(groups, eps=settings.adam_eps, fused=True)


def _scaler(configuration: Configuration, device: torch.device) -> torch.amp.GradScaler:
    return torch.amp.GradScaler(device.type, enabled=configuration.precision == "fp16")

"""The loss of the pretraining: contrastive over the pairs of a batch, plus divergence from the texts' soft targets."""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from selip_pretrain.objective.targets import soft_targets

Mode = Literal["logits", "reference"]


class Loss(NamedTuple):
    """Scalars: total = hard + soft_weight · soft."""

    total: Tensor
    hard: Tensor
    soft: Tensor


def contrastive_loss(
    images: Tensor,
    texts: Tensor,
    logit_scale: Tensor,
    similarity: Tensor | None,
    *,
    soft_weight: float = 1.0,
    sharpness: float = 1.0,
    mode: Mode = "logits",
) -> Loss:
    """½ [CE(z, identity) + CE(zᵀ, identity)] + soft_weight · ½ [KL(P ‖ Q_image) + KL(P ‖ Q_text)], means over rows.

    z = exp(logit_scale) · images · textsᵀ, P = S^sharpness / rowsum(S^sharpness), Q_image = softmax(z), Q_text =
    softmax(zᵀ).

    `images`, `texts`: embeddings (N, E) of unit length; pair i is row i of both. `logit_scale`: scalar, the logarithm
    of 1 / temperature, which the training keeps in [0, ln 100]. `similarity`: S (N, N), or None for the contrastive
    part alone. Computed in float32 or higher, under autocast too. ValueError for "reference" with other weights.

    Formula: arXiv 2503.19801. "logits" computes log Q from z directly. "reference" follows the formula literally:
    softmax, then its logarithm, with soft_weight 1 and P = S / rowsum(S); the two agree until a probability underflows
    to 0. Neither clamps P and Q at 1e-3 as the authors' code does: the formula does not, and clamping removes the
    gradient of nearly all negatives.
    """
    if mode == "reference" and (soft_weight, sharpness) != (1, 1):
        raise ValueError("the reference loss requires a soft_weight and a sharpness of 1")
    with torch.autocast(images.device.type, enabled=False):
        dtype = torch.promote_types(images.dtype, torch.float32)
        z = logit_scale.to(dtype).exp() * (images.to(dtype) @ texts.to(dtype).T)
        log_q = [_log_q(z, mode), _log_q(z.T, mode)]
        hard = torch.stack([-q.diagonal().mean() for q in log_q]).mean()
        if similarity is None:
            return Loss(hard, hard, torch.zeros_like(hard))
        p = soft_targets(similarity.to(dtype), sharpness)
        soft = torch.stack([F.kl_div(q, p, reduction="batchmean") for q in log_q]).mean()
        return Loss(hard + soft_weight * soft, hard, soft)


def _log_q(z: Tensor, mode: Mode) -> Tensor:
    return z.log_softmax(1) if mode == "logits" else z.softmax(1).log()

"""The losses of the pretraining: contrastive over the pairs of a batch, plus divergence from the texts' soft targets.

And of the findings head.
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from selip_pretrain.objective.targets import soft_targets

Mode = Literal["logits", "reference"]


class Loss(NamedTuple):
    """Scalars: total = hard_weight · hard + soft_weight · soft."""

    total: Tensor
    hard: Tensor
    soft: Tensor


def contrastive_loss(
    images: Tensor,
    texts: Tensor,
    logit_scale: Tensor,
    similarity: Tensor | None,
    *,
    hard_weight: float = 1.0,
    soft_weight: float = 1.0,
    sharpness: float = 1.0,
    clamp: float = 0.0,
    mode: Mode = "logits",
) -> Loss:
    """hard_weight · ½ [CE(z, identity) + CE(zᵀ, identity)] + soft_weight · ½ [KL(P ‖ Q_image) + KL(P ‖ Q_text)].

    Means over rows; without `similarity` the first part alone.

    z = exp(logit_scale) · images · textsᵀ, P = S^sharpness / rowsum(S^sharpness), Q_image = softmax(z), Q_text =
    softmax(zᵀ).

    `images`, `texts`: embeddings (N, E) of unit length; pair i is row i of both. `logit_scale`: scalar, the logarithm
    of 1 / temperature, which the training keeps in [0, ln 100]. `similarity`: S (N, N), or None for the contrastive
    part alone. Computed in float32 or higher, under autocast too. ValueError for "reference" with other weights.

    With `clamp` above 0, P and Q below it are raised to it in the divergence, and not normalised again, as the authors'
    code does with 1e-3. A raised Q has no gradient.

    Formula: arXiv 2503.19801, which has no clamp. log Q is computed by log-softmax, so that loss and gradient are
    finite for all finite logits. Mode "reference" only requires the published weights and sharpness, all 1.
    """
    if mode == "reference" and (hard_weight, soft_weight, sharpness) != (1, 1, 1):
        raise ValueError("the reference loss requires a hard_weight, a soft_weight and a sharpness of 1")
    with torch.autocast(images.device.type, enabled=False):
        dtype = torch.promote_types(images.dtype, torch.float32)
        z = logit_scale.to(dtype).exp() * (images.to(dtype) @ texts.to(dtype).T)
        log_q = [z.log_softmax(1), z.T.log_softmax(1)]
        hard = torch.stack([-q.diagonal().mean() for q in log_q]).mean()
        if similarity is None:
            return Loss(hard_weight * hard, hard, torch.zeros_like(hard))
        p = soft_targets(similarity.to(dtype), sharpness)
        soft = torch.stack([_divergence(p, q, clamp) for q in log_q]).mean()
        return Loss(hard_weight * hard + soft_weight * soft, hard, soft)


def findings_loss(log_odds: Tensor, answers: Tensor) -> Tensor:
    """The mean over volumes of the binary cross-entropies of their known labels, summed: a scalar.

    `log_odds`, `answers` (N, L): predicted, and 1 present, 0 absent or NaN unknown.
    """
    known = ~answers.isnan()
    total = binary_cross_entropy_with_logits(log_odds, answers.nan_to_num(), known.to(log_odds.dtype), reduction="sum")
    return total / max(1, len(answers))


def _divergence(p: Tensor, log_q: Tensor, clamp: float) -> Tensor:
    """The mean over rows of Σ P (log P - log Q), of P and Q that are at least `clamp`."""
    if clamp:
        p, log_q = p.clamp(min=clamp), log_q.clamp(min=math.log(clamp))
    return (torch.xlogy(p, p) - p * log_q).sum(1).mean()

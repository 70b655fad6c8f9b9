"""Two small networks on frozen features, trained with many seeds at once as one batched network.

Trainings with the same seed have the same initial weights, studies and batches, whatever their target: paired
differences are between trainings with common random numbers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import normalize

from selip_pretrain.data.batches import BatchPlan
from selip_shared.execution.progress import Advance

MAX_LOGIT_SCALE = math.log(100)

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""From embeddings (N, E) of images and texts, the scale and the similarity (N, N) of the texts a scalar."""
Weights = dict[str, Tensor]
"""The parameters of all seeds by name, each (seeds, ...)."""


@dataclass(frozen=True)
class TrainingSettings:
    """The settings that all targets share."""

    steps: int
    batch: int
    validations: int = 18
    rate: float = 3e-3
    weight_decay: float = 0.1
    warmup: int = 50
    average: float = 0.99
    hidden: int = 64
    width: int = 64


@dataclass(frozen=True)
class FrozenData:
    """Features of images (N, F) and of distinct texts (T, V), and the number of each image's text, int64 (N,)."""

    images: Tensor
    texts: Tensor
    text_of: Tensor


class TwoEncoders(nn.Module):
    """An MLP for images, one for texts, and the logarithm of the inverse temperature."""

    def __init__(self, images: int, texts: int, hidden: int, width: int) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Linear(images, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.text = nn.Sequential(nn.Linear(texts, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.logit_scale = nn.Parameter(torch.tensor(1 / 0.07).log())

    def forward(self, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings of length 1 of the features of images and texts."""
        return normalize(self.image(images), dim=-1), normalize(self.text(texts), dim=-1)


@dataclass(frozen=True)
class Trained:
    """The encoders of all seeds at their best validation; by seed that step and its mean reciprocal rank."""

    encoders: TwoEncoders
    weights: Weights
    steps: list[int]
    mean_reciprocal_rank: list[float]

    @torch.inference_mode()
    def embed(self, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (seeds, N, width) of images (N, F) and (seeds, T, width) of texts (T, V), of length 1."""
        return _embed(self.encoders, self.weights, images, texts)


def train_seeds(
    train: FrozenData,
    of_seed: Sequence[Tensor],
    validation: FrozenData,
    similarity: Tensor,
    loss: Loss,
    settings: TrainingSettings,
    advance: Advance = lambda _: None,
) -> Trained:
    """Train with the seeds 0, 1, ... at once; the weights are averaged over steps (EMA) and validated with it.

    `of_seed` are the positions in `train` of the images that each seed learns from. `similarity` (T, T) is of the texts
    of `train`.
    """
    seeds = len(of_seed)
    texts = train.text_of.tolist()
    plans = [
        BatchPlan([str(texts[i]) for i in own.tolist()], settings.batch, seed, "distinct_texts", mirror=False)
        for seed, own in enumerate(of_seed)
    ]
    models = [_initial(seed, train, settings) for seed in range(seeds)]
    weights, _ = stack_module_state(models)
    encoders = models[0]
    optimizer = torch.optim.AdamW(
        weights.values(), lr=settings.rate, weight_decay=settings.weight_decay, eps=1e-6, fused=True
    )
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / settings.warmup, total_iters=settings.warmup)

    def one_loss(own: Weights, images: Tensor, texts: Tensor, pairwise: Tensor) -> Tensor:
        of_images, of_texts = functional_call(encoders, own, (images, texts))
        return loss(of_images, of_texts, own["logit_scale"], pairwise)

    losses = vmap(one_loss)
    average = {name: tensor.detach().clone() for name, tensor in weights.items()}
    best = {name: tensor.clone() for name, tensor in average.items()}
    best_rank, best_step = torch.zeros(seeds), torch.zeros(seeds, dtype=torch.int64)
    for step in range(settings.steps):
        chosen = torch.stack(
            [own[[draw.pair for draw in plan.batch(step)]] for own, plan in zip(of_seed, plans, strict=True)]
        )
        text = train.text_of[chosen]
        pairwise = similarity[text[:, :, None], text[:, None, :]]
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(losses(weights, train.images[chosen], train.texts[text], pairwise).sum())
        optimizer.step()
        warmup.step()
        decay = min(settings.average, (1 + step) / (10 + step))
        with torch.no_grad():
            weights["logit_scale"].clamp_(0, MAX_LOGIT_SCALE)
            for name, tensor in weights.items():
                average[name].lerp_(tensor, 1 - decay)
        if (step + 1) % max(1, settings.steps // settings.validations) == 0:
            rank = _mean_reciprocal_rank(encoders, average, validation)
            better = rank > best_rank
            best_rank[better], best_step[better] = rank[better], step + 1
            for name, tensor in average.items():
                best[name][better] = tensor[better]
        advance(1)
    return Trained(encoders, best, best_step.tolist(), best_rank.tolist())


def _initial(seed: int, data: FrozenData, settings: TrainingSettings) -> TwoEncoders:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TwoEncoders(data.images.shape[1], data.texts.shape[1], settings.hidden, settings.width)


@torch.inference_mode()
def _embed(encoders: TwoEncoders, weights: Weights, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
    embedded: tuple[Tensor, Tensor] = vmap(lambda own: functional_call(encoders, own, (images, texts)))(weights)
    return embedded


def _mean_reciprocal_rank(encoders: TwoEncoders, weights: Weights, data: FrozenData) -> Tensor:
    """Of each seed (seeds,) the mean of 1 / rank of an image's text among the distinct texts."""
    images, texts = _embed(encoders, weights, data.images, data.texts)
    scores = images @ texts.mT
    own = scores.gather(2, data.text_of.expand(len(scores), -1)[..., None])
    return (1 / (1 + (scores > own).sum(2))).mean(1)

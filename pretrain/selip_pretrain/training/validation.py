"""How well images find their texts among the distinct texts of a split."""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from selip_pretrain.data.batches import feed, in_order
from selip_pretrain.data.pairs import Pair, PairDataset
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.training.gather import gather
from selip_pretrain.volumes.volume_cache import VolumeCache

ROWS_AT_ONCE = 1024
TOPS = (1, 5, 10)
SCORE = "mean_reciprocal_rank"
"""The figure by which the best checkpoint is told: the one that heeds every image and the first places most."""

Figures = dict[str, float]


@torch.inference_mode()
def validate(model: SelipModel, pairs: Sequence[Pair], cache: VolumeCache, batch: int, workers: int) -> Figures:
    """Retrieval figures over pairs; the ranks of a distributed training share the work and get the same figures."""
    texts = list(dict.fromkeys(pair.text for pair in pairs))
    place = {text: number for number, text in enumerate(texts)}
    truth = torch.tensor([place[pair.text] for pair in pairs], device=model.device)
    was_training = model.training
    model.train(False)
    ranks = text_ranks(_embed_shared(model, pairs, cache, batch, workers), model.embed_texts(texts), truth)
    model.train(was_training)
    return retrieval_figures(ranks, len(texts))


def text_ranks(images: Tensor, texts: Tensor, truth: Tensor) -> Tensor:
    """The rank, from 1, of each image's own text `truth` (N,) among texts (T, E) by inner product: int64 (N,).

    Texts that are exactly as near stand before it: a model that makes all alike has the last ranks, not the first.
    """
    parts = []
    for start in range(0, len(images), ROWS_AT_ONCE):
        near = images[start : start + ROWS_AT_ONCE] @ texts.T
        own = near.gather(1, truth[start : start + ROWS_AT_ONCE, None])
        parts.append((near >= own).sum(1))
    return torch.cat(parts)


def retrieval_figures(ranks: Tensor, texts: int) -> Figures:
    """Shares of images whose text is among the first 1, 5 and 10, mean rank, mean reciprocal rank, and the counts."""
    ranks = ranks.double().cpu()
    figures = {f"top_{top}": (ranks <= top).double().mean().item() for top in TOPS}
    return figures | {
        "mean_rank": ranks.mean().item(),
        SCORE: ranks.reciprocal().mean().item(),
        "images": len(ranks),
        "texts": texts,
    }


def embed_pairs(
    model: SelipModel, pairs: Sequence[Pair], cache: VolumeCache, batch: int = 32, workers: int = 0
) -> Tensor:
    """Embeddings (N, 512) of the pairs' volumes, in their order, on the model's device."""
    dataset = PairDataset(pairs, cache, augment=False, seed=0)
    batches = feed(dataset, in_order(len(pairs), batch), workers, pin_memory=model.device.type == "cuda")
    return torch.cat([model.embed_images(part.images, part.modalities) for part in batches])


def _embed_shared(model: SelipModel, pairs: Sequence[Pair], cache: VolumeCache, batch: int, workers: int) -> Tensor:
    """`embed_pairs`, each rank its part of them, padded to one length with pairs from the beginning."""
    ranks = dist.get_world_size() if dist.is_initialized() else 1
    share = -(-len(pairs) // ranks)
    rank = dist.get_rank() if dist.is_initialized() else 0
    own = [pairs[index % len(pairs)] for index in range(rank * share, (rank + 1) * share)]
    return gather(embed_pairs(model, own, cache, batch, workers))[: len(pairs)]

"""Validation: how well images retrieve their own texts among the distinct texts of a split."""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from selip_pretrain.data.batches import load_batches, sequential_batches
from selip_pretrain.data.pairs import Pair, PairDataset
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.training.gather import gather
from selip_pretrain.volumes.volume_cache import VolumeCache

IMAGE_BATCH_SIZE = 1024
"""Images whose similarities with all texts are computed together."""
TOP_K = (1, 5, 10)
BEST_METRIC = "mean_reciprocal_rank"
"""The metric used to select the best checkpoint: every image counts, the first ranks most."""

Metrics = dict[str, float]


@torch.inference_mode()
def validate(model: SelipModel, pairs: Sequence[Pair], cache: VolumeCache, batch_size: int, workers: int) -> Metrics:
    """Retrieval metrics over pairs; the processes of a distributed training share the work and return the same."""
    texts = list(dict.fromkeys(pair.text for pair in pairs))
    index_of = {text: index for index, text in enumerate(texts)}
    own_text = torch.tensor([index_of[pair.text] for pair in pairs], device=model.device)
    was_training = model.training
    model.train(False)
    ranks = text_ranks(_embed_distributed(model, pairs, cache, batch_size, workers), model.embed_texts(texts), own_text)
    model.train(was_training)
    return retrieval_metrics(ranks, len(texts))


def text_ranks(images: Tensor, texts: Tensor, own_text: Tensor) -> Tensor:
    """The rank, from 1, of each image's own text by inner product: int64 (N,).

    `images` (N, E) and `texts` (T, E) are embeddings, `own_text` int64 (N,) the index of each image's text. Texts that
    are exactly as similar rank before it: a model with equal embeddings for everything gets the last ranks.
    """
    parts = []
    for start in range(0, len(images), IMAGE_BATCH_SIZE):
        similarity = images[start : start + IMAGE_BATCH_SIZE] @ texts.T
        own = similarity.gather(1, own_text[start : start + IMAGE_BATCH_SIZE, None])
        parts.append((similarity >= own).sum(1))
    return torch.cat(parts)


def retrieval_metrics(ranks: Tensor, texts: int) -> Metrics:
    """Recall at 1, 5 and 10, mean rank, mean reciprocal rank, and the numbers of images and texts, of ranks (N,)."""
    ranks = ranks.double().cpu()
    recalls = {f"top_{k}": (ranks <= k).double().mean().item() for k in TOP_K}
    return recalls | {
        "mean_rank": ranks.mean().item(),
        BEST_METRIC: ranks.reciprocal().mean().item(),
        "images": len(ranks),
        "texts": texts,
    }


def embed_pairs(
    model: SelipModel, pairs: Sequence[Pair], cache: VolumeCache, batch_size: int = 32, workers: int = 0
) -> Tensor:
    """Embeddings (N, 512) of the pairs' volumes, in their order, on the model's device."""
    dataset = PairDataset(pairs, cache, augment=False, seed=0)
    draws = sequential_batches(len(pairs), batch_size)
    batches = load_batches(dataset, draws, workers, pin_memory=model.device.type == "cuda")
    return torch.cat([model.embed_images(batch.images, batch.modalities) for batch in batches])


def _embed_distributed(
    model: SelipModel, pairs: Sequence[Pair], cache: VolumeCache, batch_size: int, workers: int
) -> Tensor:
    """`embed_pairs` with each process embedding its share, padded to equal length with pairs from the beginning."""
    world_size = dist.get_world_size() if dist.is_initialized() else 1
    share = -(-len(pairs) // world_size)
    rank = dist.get_rank() if dist.is_initialized() else 0
    own = [pairs[index % len(pairs)] for index in range(rank * share, (rank + 1) * share)]
    return gather(embed_pairs(model, own, cache, batch_size, workers))[: len(pairs)]

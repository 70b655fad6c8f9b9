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
    images = _embed_distributed(model, pairs, cache, batch_size, workers)
    better, tied = text_ranks(images, model.embed_texts(texts), own_text)
    model.train(was_training)
    return retrieval_metrics(better, tied, len(texts))


def text_ranks(images: Tensor, texts: Tensor, own_text: Tensor) -> tuple[Tensor, Tensor]:
    """How many texts are more similar to each image than its own text, and how many exactly as similar, it included.

    Two int64 (N,). `images` (N, E) and `texts` (T, E) are embeddings, `own_text` int64 (N,) the index of each image's
    text. Inner products in float32 or higher, under autocast too.
    """
    better, tied = [], []
    with torch.autocast(images.device.type, enabled=False):
        dtype = torch.promote_types(images.dtype, torch.float32)
        for start in range(0, len(images), IMAGE_BATCH_SIZE):
            similarity = images[start : start + IMAGE_BATCH_SIZE].to(dtype) @ texts.to(dtype).T
            own = similarity.gather(1, own_text[start : start + IMAGE_BATCH_SIZE, None])
            better.append((similarity > own).sum(1))
            tied.append((similarity == own).sum(1))
    return torch.cat(better), torch.cat(tied)


def retrieval_metrics(better: Tensor, tied: Tensor, texts: int) -> Metrics:
    """Recall at 1, 5 and 10, mean rank, mean reciprocal rank, and the numbers of images and texts.

    `better` and `tied` int64 (N,) as `text_ranks` returns them, so that with random order among tied texts the rank is
    uniform on better + 1, …, better + tied; each metric is the expectation over that order.
    """
    better, tied = better.double().cpu(), tied.double().cpu()
    recalls = {f"top_{k}": ((k - better).clamp(min=0).minimum(tied) / tied).mean().item() for k in TOP_K}
    mean_reciprocal = (torch.digamma(better + tied + 1) - torch.digamma(better + 1)) / tied
    reciprocal = mean_reciprocal.where(tied > 1, 1 / (better + 1))
    return recalls | {
        "mean_rank": (better + (tied + 1) / 2).mean().item(),
        BEST_METRIC: reciprocal.mean().item(),
        "images": len(better),
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

"""Frozen features of volumes and texts, on which a small network trains in seconds."""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool3d, normalize, one_hot

from selip_contracts.vocabulary import MODALITIES
from selip_pretrain.data.pairs import Pair
from selip_pretrain.volumes.volume_cache import VolumeCache

POOLED = (12, 16, 16)
"""The blocks of a volume whose voxels are averaged."""


def pooled_volumes(pairs: Sequence[Pair], cache: VolumeCache) -> Tensor:
    """The prepared volume of each pair, averaged over blocks: float32 (N, blocks)."""
    return torch.stack([adaptive_avg_pool3d(cache.get(pair), POOLED).flatten() for pair in pairs])


def image_features(volumes: Tensor, modalities: Tensor, is_train: Tensor, components: int) -> Tensor:
    """Features (N, components + sequences) of volumes (N, blocks), float32.

    The mean training volume of its sequence is subtracted from each volume; what remains is projected on the principal
    components of the training volumes, and the sequence is appended. `modalities` int64 (N,), `is_train` bool (N,).
    """
    centred = volumes.clone()
    for modality in torch.unique(modalities):
        own = modalities == modality
        if (own & is_train).any():
            centred[own] -= volumes[own & is_train].mean(0)
    projected = _projected(centred, is_train, components)
    scaled = projected / projected[is_train].std(0).mean()
    return torch.cat([scaled, one_hot(modalities, len(MODALITIES)).float()], 1)


def text_features(texts: Sequence[str], is_train: Sequence[bool], components: int) -> Tensor:
    """The principal components of texts as bags of character pairs: float32 (T, components), rows of length 1.

    So a text is what a text encoder reads, and which findings are alike must be learnt. Pairs that no training text has
    are ignored, and the components are those of the training texts.
    """
    counts = CountVectorizer(analyzer="char", ngram_range=(2, 2), binary=True)
    counts.fit([text for text, train in zip(texts, is_train, strict=True) if train])
    pairs = normalize(torch.from_numpy(counts.transform(texts).toarray().astype(np.float32)))
    return normalize(_projected(pairs, torch.tensor(is_train), components))


def _projected(values: Tensor, is_train: Tensor, components: int) -> Tensor:
    """The principal components of the training rows of values (N, F), for all rows: (N, at most components)."""
    components = min(components, int(is_train.sum()), values.shape[1])
    projection = PCA(components, svd_solver="randomized", random_state=0).fit(values[is_train].numpy())
    return torch.from_numpy(projection.transform(values.numpy()).astype(np.float32))

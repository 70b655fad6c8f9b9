"""Frozen features of volumes and texts, on which a small network trains in seconds."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool3d, normalize, one_hot

from selip_contracts.statements import written_statements
from selip_contracts.vocabulary import MODALITIES, Modality
from selip_pretrain.data.pairs import Pair
from selip_pretrain.objective.finding_similarity import IndexedStatement, read_statement
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


def text_features(texts: Sequence[str], modalities: Sequence[str], is_train: Sequence[bool], components: int) -> Tensor:
    """The principal components of canonical texts as bags of findings: float32 (T, components), rows of length 1.

    The words of a finding are its side, site and signal, alone and joined, and the characters of its description. Words
    that no training text has are ignored, and the components are those of the training texts.
    """
    bags = [_words(text, modality) for text, modality in zip(texts, modalities, strict=True)]
    counts = CountVectorizer(analyzer=list, binary=True)
    counts.fit([bag for bag, train in zip(bags, is_train, strict=True) if train])
    words = normalize(torch.from_numpy(counts.transform(bags).toarray().astype(np.float32)))
    return normalize(_projected(words, torch.tensor(is_train), components))


def _projected(values: Tensor, is_train: Tensor, components: int) -> Tensor:
    """The principal components of the training rows of values (N, F), for all rows: (N, at most components)."""
    components = min(components, int(is_train.sum()), values.shape[1])
    projection = PCA(components, svd_solver="randomized", random_state=0).fit(values[is_train].numpy())
    return torch.from_numpy(projection.transform(values.numpy()).astype(np.float32))


def _words(text: str, modality: str) -> list[str]:
    statements = [read_statement(written, cast("Modality", modality)) for written in written_statements(text)]
    return ["text", *(word for statement in statements for word in _of_statement(statement))]


def _of_statement(finding: IndexedStatement) -> list[str]:
    own = [f"side {finding.side}", f"site {finding.site}", finding.location, finding.published_class]
    own.append(f"{finding.location} {finding.published_class}")
    return [*own, *(f"character {character}" for character in finding.description)]

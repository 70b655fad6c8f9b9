"""What every image encoder is: stages of feature maps, and an embedding of the last one."""

import math
from abc import ABC, abstractmethod
from typing import Final, Literal

from torch import Tensor, nn

from selip_contracts.vocabulary import MODALITIES

Norm = Literal["group", "batch"]
Pooling = Literal["mean", "places"]
Shape = tuple[int, int, int]

EMBEDDING: Final = 512
MOST_POOLED = 128
"""Of more channels so many mixtures are taken, before each place of the coarsest map gets weights of its own."""


class ImageEncoder(nn.Module, ABC):
    """A volume (1, D, H, W) and its sequence to an embedding of 512.

    `channels` are those of its feature maps, from the finest to the coarsest, and `coarsest` the size of the last. In
    training an embedding must not hang on the other volumes beside it, nor on chance, where batches are to be cut up
    for the memory.
    """

    def __init__(self, channels: tuple[int, ...], modality_width: int, coarsest: Shape, pooling: Pooling) -> None:
        super().__init__()
        self.channels = channels
        self.modality = nn.Embedding(len(MODALITIES), modality_width)
        nn.init.normal_(self.modality.weight, std=0.02)
        self.pool, pooled = _pool(channels[-1], coarsest, pooling)
        self.projection = nn.Linear(pooled, EMBEDDING)

    @abstractmethod
    def feature_maps(self, images: Tensor, modalities: Tensor) -> list[Tensor]:
        """Feature maps (N, C, d, h, w), finest first, of images (N, 1, D, H, W) on sequences (N,), int64."""

    def forward(self, images: Tensor, modalities: Tensor) -> Tensor:
        """Embeddings (N, 512), not normalised: the coarsest feature map, pooled and projected."""
        embedding: Tensor = self.projection(self.pool(self.feature_maps(images, modalities)[-1]))
        return embedding


def _pool(channels: int, coarsest: Shape, pooling: Pooling) -> tuple[nn.Module, int]:
    """From maps (N, C, d, h, w) to vectors, and how long these are."""
    if pooling == "mean":
        return nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten()), channels
    kept = min(channels, MOST_POOLED)
    mixtures = nn.Conv3d(channels, kept, 1) if kept < channels else nn.Identity()
    return nn.Sequential(mixtures, nn.Flatten()), kept * math.prod(coarsest)

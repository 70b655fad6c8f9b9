"""The base class of image encoders: feature maps of several stages, and an embedding of the last one."""

import math
from abc import ABC, abstractmethod
from typing import Final, Literal

from torch import Tensor, nn

from selip_contracts.vocabulary import MODALITIES

Norm = Literal["group", "batch"]
Pooling = Literal["mean", "flatten"]
Shape = tuple[int, int, int]

EMBEDDING: Final = 512
MAX_FLATTENED_CHANNELS = 128
"""A coarsest map of more channels is reduced to this many by a 1×1×1 convolution before it is flattened."""


class ImageEncoder(nn.Module, ABC):
    """Encodes a volume (1, D, H, W) and its sequence as an embedding of 512 dimensions.

    `channels` are those of its feature maps, from the finest to the coarsest, `coarsest` the size (d, h, w) of the last
    map. `pooling` "mean" averages the last map over its voxels; "flatten" gives each voxel its own weights. For chunked
    batches, an embedding must depend neither on the other volumes of the batch nor on random draws.
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
        embedding: Tensor = self.projection(self.pool(self.coarsest_map(images, modalities)))
        return embedding

    def coarsest_map(self, images: Tensor, modalities: Tensor) -> Tensor:
        """The last of the feature maps."""
        return self.feature_maps(images, modalities)[-1]


def _pool(channels: int, coarsest: Shape, pooling: Pooling) -> tuple[nn.Module, int]:
    """A module from maps (N, C, d, h, w) to vectors, and the length of these."""
    if pooling == "mean":
        return nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten()), channels
    kept = min(channels, MAX_FLATTENED_CHANNELS)
    reduce = nn.Conv3d(channels, kept, 1) if kept < channels else nn.Identity()
    return nn.Sequential(reduce, nn.Flatten()), kept * math.prod(coarsest)

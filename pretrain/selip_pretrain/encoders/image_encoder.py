"""What every image encoder is: stages of feature maps, and an embedding of the last one."""

from abc import ABC, abstractmethod
from typing import Final

from torch import Tensor, nn

from selip_contracts.vocabulary import MODALITIES

EMBEDDING: Final = 512


class ImageEncoder(nn.Module, ABC):
    """A volume (1, D, H, W) and its sequence to an embedding of 512.

    `channels` are those of its feature maps, from the finest to the coarsest. In training an embedding must not hang
    on the other volumes beside it, nor on chance, where batches are to be cut up for the memory.
    """

    def __init__(self, channels: tuple[int, ...], modality_width: int) -> None:
        super().__init__()
        self.channels = channels
        self.modality = nn.Embedding(len(MODALITIES), modality_width)
        nn.init.normal_(self.modality.weight, std=0.02)
        self.projection = nn.Linear(channels[-1], EMBEDDING)

    @abstractmethod
    def feature_maps(self, images: Tensor, modalities: Tensor) -> list[Tensor]:
        """Feature maps (N, C, d, h, w), finest first, of images (N, 1, D, H, W) on sequences (N,), int64."""

    def forward(self, images: Tensor, modalities: Tensor) -> Tensor:
        """Embeddings (N, 512), not normalised: the mean over the coarsest feature map, projected."""
        embedding: Tensor = self.projection(self.feature_maps(images, modalities)[-1].mean((2, 3, 4)))
        return embedding

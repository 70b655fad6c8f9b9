"""One volume of a study as a study encoder sees it, together with the study's other volumes."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from selip_contracts.statements import whole_study_text
from selip_contracts.vocabulary import MODALITIES, Modality
from selip_pretrain.model.selip_model import SelipModel


class Embedder(Protocol):
    """What embeds images and texts: a model, or the view of a study."""

    def embed_images(self, images: Tensor, modalities: Tensor) -> Tensor:
        """Embeddings (N, E) of prepared images (N, 1, D, H, W), of the sequences int64 (N,)."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (T, E) of texts."""
        ...


class StudyView:
    """Embeds a study of which one volume varies: volumes of `modality`, and statements on it.

    `others` are the study's other prepared volumes, each with its sequence.
    """

    def __init__(self, model: SelipModel, modality: Modality, others: Sequence[tuple[Tensor, Modality]]) -> None:
        self.model = model
        self.modality = modality
        self.modalities = torch.tensor([MODALITIES.index(other) for _, other in others], dtype=torch.int64)
        with torch.inference_mode():
            self.others = model.embed_images(torch.stack([image for image, _ in others]), self.modalities)

    def embed_images(self, images: Tensor, modalities: Tensor) -> Tensor:
        """Embeddings (N, 512) of the study with each of the images."""
        studies = torch.arange(len(images))
        own = self.model.embed_images(images, modalities)
        return self.model.embed_studies(
            torch.cat([own, self.others.repeat(len(images), 1)]),
            torch.cat([modalities.cpu(), self.modalities.repeat(len(images))]),
            torch.cat([studies, studies.repeat_interleave(len(self.others))]),
        )

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (T, 512) of the texts of studies that say this of the sequence alone."""
        return self.model.embed_texts([whole_study_text({self.modality: text}) for text in texts])

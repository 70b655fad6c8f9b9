"""The study encoder: one embedding of a study from the embeddings of its sequences, whichever there are."""

import torch
from torch import Tensor, nn

from selip_contracts.vocabulary import MODALITIES
from selip_pretrain.model.encoders.image_encoder import EMBEDDING

HEADS = 8


class StudyEncoder(nn.Module):
    """Attention of a learned token over the embeddings of a study's volumes, to each of which its sequence is added.

    The result is the mean of these embeddings plus a projection of the token's state, which begins at zero. It does not
    depend on the order of the volumes.
    """

    def __init__(self, width: int = EMBEDDING) -> None:
        super().__init__()
        self.modality = nn.Embedding(len(MODALITIES), width)
        self.token = nn.Parameter(torch.empty(width))
        for weight in (self.modality.weight, self.token):
            nn.init.normal_(weight, std=0.02)
        self.attention = nn.TransformerEncoderLayer(
            width, HEADS, 2 * width, dropout=0, batch_first=True, norm_first=True
        )
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, width)
        nn.init.zeros_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)

    def forward(self, embeddings: Tensor, modalities: Tensor) -> Tensor:
        """Embeddings (S, width), not normalised, of studies of at least one volume.

        `embeddings` (S, K, width) are those of at most K volumes, `modalities` int64 (S, K) their indices in
        MODALITIES, -1 where there is no volume.
        """
        present = modalities >= 0
        volumes = embeddings + self.modality(modalities.clamp(min=0))
        tokens = torch.cat([self.token.expand(len(volumes), 1, -1), volumes], 1)
        hidden = torch.cat([present.new_zeros(len(present), 1), ~present], 1)
        state = self.attention(tokens, src_key_padding_mask=hidden)[:, 0]
        weights = present / present.sum(1, keepdim=True)
        mean = (embeddings * weights[:, :, None]).sum(1)
        embedding: Tensor = mean + self.projection(self.norm(state))
        return embedding


def by_study(values: Tensor, study_of: Tensor, studies: int, volumes: int, missing: float = 0) -> Tensor:
    """The values (N, …) of volumes as (studies, volumes, …), filled up with `missing`.

    `study_of` int64 (N,) is the study of each, of which none has more than so many volumes.
    """
    order = torch.argsort(study_of, stable=True)
    counts = torch.bincount(study_of, minlength=studies)
    starts = counts.cumsum(0) - counts
    place = torch.empty_like(study_of)
    place[order] = torch.arange(len(order), device=order.device) - starts[study_of[order]]
    filled = values.new_full((studies, volumes, *values.shape[1:]), missing)
    return filled.index_put((study_of, place), values)

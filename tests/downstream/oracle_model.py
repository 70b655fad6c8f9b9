"""A model that looks at one quarter of the head, so that it is known what its maps must show."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from selip_contracts.statements import NORMAL_TEXT
from selip_pretrain.model.encoders.image_encoder import ImageEncoder
from selip_pretrain.model.selip_model import SelipModel
from tests.pretrain.small_cohort import SHAPE, small_configuration

LEFT = "在左侧额叶表现为高信号"
RIGHT = "在右侧额叶表现为高信号"


class Quarter(ImageEncoder):
    """Sees how bright the front left quarter of the upper half is, and nothing else."""

    def __init__(self) -> None:
        super().__init__((2,), 1, SHAPE, "mean")

    def feature_maps(self, images: Tensor, modalities: Tensor) -> list[Tensor]:
        assert len(images) == len(modalities)
        _, _, depth, height, width = images.shape
        seen = torch.zeros_like(images)
        place = (..., slice(depth // 2, depth), slice(0, height // 2), slice(width // 2, width))
        seen[place] = images[place]
        return [torch.cat([seen, torch.full_like(images, 0.1)], 1)]


def seeing_model() -> SelipModel:
    """A model that says LEFT the more, against the normal text, the brighter that quarter is."""
    configuration = small_configuration()
    built = SelipModel.build(configuration, [LEFT, RIGHT, NORMAL_TEXT])
    model = SelipModel(configuration, Quarter(), built.text_encoder).train(False)
    with torch.no_grad():
        model.image_encoder.projection.weight.copy_(model.embed_texts([LEFT, NORMAL_TEXT]).T)
        model.image_encoder.projection.bias.zero_()
    return model


def head() -> NDArray[np.float32]:
    x, y, z = np.meshgrid(*(np.arange(size) for size in SHAPE), indexing="ij")
    inside = ((x - 16) / 14) ** 2 + ((y - 16) / 15) ** 2 + ((z - 8) / 8) ** 2 < 1
    return (inside * 300 + np.random.default_rng(0).normal(0, 20, SHAPE)).astype(np.float32)

"""The pretrained image encoder inside a U-Net: blocks of MONAI's decoder over the encoder's own feature maps.

The encoder keeps its stem for one sequence. It is run on every sequence of a patient, each with the embedding that it
has learnt for this sequence, and at every stage the maps of all sequences are put side by side and mixed by a 1×1×1
convolution. So each sequence goes through the weights as in the pretraining, and which sequence is bright is not lost.
A stem for four sequences, with the pretrained weights in every channel, would cost a fourth, but shows the encoder the
sum of all sequences, which it has never seen; a mean of the maps would not tell which sequence is bright.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from monai.networks.blocks.dynunet_block import UnetBasicBlock, UnetOutBlock
from monai.networks.blocks.unetr_block import UnetrUpBlock
from torch import Tensor, nn

from selip_contracts.vocabulary import MODALITIES, Modality
from selip_downstream.datasets.brats import REGIONS
from selip_pretrain.model.encoders.image_encoder import ImageEncoder
from selip_pretrain.model.encoders.resnet import STRIDES, ResNet
from selip_shared.errors import SelipError

NORM = ("instance", {"affine": True})
INITIAL_LOGIT = -3.0
"""The first logit of every voxel: most belong to no region, and need not be taught so first."""
_FULL = (1, 1, 1)


class SegmentationNetwork(nn.Module):
    """Volumes (N, sequences, D, H, W) in 0..1 to logits (N, 3, D, H, W) of WT, TC and ET.

    D, H and W are multiples of `STRIDES[-1]`. Regions are learnt, not labels: they are what is measured. Another task
    may ask for other `outputs`.

    The decoder's weights are random; the encoder is taken as it is. `modalities` are the sequences in their order.
    SelipError for an encoder without stages of different size.
    """

    modality_index: Tensor

    def __init__(self, encoder: ImageEncoder, modalities: Sequence[Modality], outputs: int = len(REGIONS)) -> None:
        super().__init__()
        if not isinstance(encoder, ResNet):
            raise SelipError("A U-Net needs feature maps of several sizes: segment with a ResNet, not a transformer.")
        finest = encoder.channels[0]
        widths = [finest // 2, *(finest * 2 ** min(stage, 3) for stage in range(len(STRIDES)))]
        self.encoder = encoder
        self.register_buffer("modality_index", torch.tensor([MODALITIES.index(m) for m in modalities]), False)
        self.full = UnetBasicBlock(3, len(modalities), widths[0], kernel_size=3, stride=1, norm_name=NORM)
        self.mix = nn.ModuleList(
            nn.Conv3d(len(modalities) * channels, width, kernel_size=1)
            for channels, width in zip(encoder.channels, widths[1:], strict=True)
        )
        self.up = nn.ModuleList(
            UnetrUpBlock(3, below, width, kernel_size=3, upsample_kernel_size=step, norm_name=NORM)
            for (width, below), step in zip(pairwise(widths), _steps(), strict=True)
        )
        self.out = UnetOutBlock(3, widths[0], outputs)
        nn.init.constant_(self.out.conv.conv.bias, INITIAL_LOGIT)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, 3, D, H, W)."""
        cases = len(images)
        alone = images.flatten(0, 1)[:, None]
        maps = self.encoder.feature_maps(alone, self.modality_index.repeat(cases))
        together = (stage.reshape(cases, -1, *stage.shape[2:]) for stage in maps)
        skips = [self.full(images), *(mix(stage) for mix, stage in zip(self.mix, together, strict=True))]
        x = skips.pop()
        for up, skip in zip(reversed(self.up), reversed(skips), strict=True):
            x = up(x, skip)
        logits: Tensor = self.out(x)
        return logits


def patch_for(shape: Sequence[int]) -> tuple[int, int, int]:
    """The smallest patch (D, H, W) that the network takes and that holds this shape."""
    depth, height, width = (-(-size // stride) * stride for size, stride in zip(shape, STRIDES[-1], strict=True))
    return depth, height, width


def _steps() -> list[tuple[int, ...]]:
    """How much finer each map is than the one below it, from the finest on."""
    return [
        tuple(coarse // fine for coarse, fine in zip(below, above, strict=True))
        for above, below in pairwise((_FULL, *STRIDES))
    ]

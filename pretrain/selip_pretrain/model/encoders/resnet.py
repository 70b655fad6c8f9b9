"""MONAI's 3D ResNet with the paper's stem, which does not downsample along the few thick slices (arXiv 2503.19801)."""

from contextlib import nullcontext
from typing import Literal

import torch
from monai.networks.nets.resnet import ResNet as MonaiResNet
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

from selip_pretrain.model.encoders.image_encoder import ImageEncoder, Norm, Pooling, Shape

CHANNELS_PER_GROUP = 8
STEM_KERNEL, KERNEL = 7, 3
EXPANSION = {"basic": 1, "bottleneck": 4}
STRIDES = ((1, 2, 2), (1, 4, 4), (2, 8, 8), (4, 16, 16), (8, 32, 32))
"""Strides (D, H, W) of the feature maps relative to the image."""


class ResNet(ImageEncoder):
    """A 3D ResNet with feature maps of five stages, at `STRIDES`."""

    def __init__(
        self,
        shape: Shape,
        block: Literal["basic", "bottleneck"],
        layers: tuple[int, int, int, int],
        width: int,
        norm: Norm,
        pooling: Pooling,
    ) -> None:
        planes = [width, 2 * width, 4 * width, 8 * width]
        channels = (width, *(EXPANSION[block] * plane for plane in planes))
        depth, height, width_of_map = (-(-size // stride) for size, stride in zip(shape, STRIDES[-1], strict=True))
        super().__init__(channels, width, (depth, height, width_of_map), pooling)
        self.net = MonaiResNet(
            block,
            list(layers),
            planes,
            spatial_dims=3,
            n_input_channels=1,
            conv1_t_size=STEM_KERNEL,
            conv1_t_stride=(1, 2, 2),  # type: ignore[arg-type] # one number per axis is accepted too
            feed_forward=False,
            bias_downsample=False,
        )
        self.net.maxpool = SlicewiseMaxPool()
        if norm == "group":
            _use_group_norm(self.net)

    def feature_maps(self, images: Tensor, modalities: Tensor) -> list[Tensor]:
        """The outputs of the stem, before its pooling, and of the four stages.

        The embedding of the sequence is added to the input of the first stage.
        """
        stem, *maps = self._maps(images, modalities)
        return [relu(stem), *maps]

    def coarsest_map(self, images: Tensor, modalities: Tensor) -> Tensor:
        """The output of the last stage."""
        return self._maps(images, modalities)[-1]

    def _maps(self, images: Tensor, modalities: Tensor) -> list[Tensor]:
        """The output of the stem before its activation, and those of the stages.

        Pooling before the activation gives the same as after it, with a quarter of the activations.
        """
        net = self.net
        maps = [net.bn1(_with_right_gradient(net.conv1, images, images.shape[2], STEM_KERNEL))]
        x = relu(net.maxpool(maps[0])) + self.modality(modalities)[:, :, None, None, None]
        for stage, stride in zip((net.layer1, net.layer2, net.layer3, net.layer4), STRIDES[1:], strict=True):
            slices = -(-images.shape[2] // stride[0])
            x = _with_right_gradient(stage, x, slices, KERNEL)
            maps.append(x)
        return maps


class SlicewiseMaxPool(nn.MaxPool3d):
    """Pools each slice by 3×3 with stride 2; on a CPU with the channels last, which is several times faster."""

    def __init__(self) -> None:
        super().__init__((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, D, ⌈H / 2⌉, ⌈W / 2⌉) of maps (N, C, D, H, W)."""
        if x.device.type != "cpu":
            on_gpu: Tensor = super().forward(x)
            return on_gpu
        images, depth = x.shape[0], x.shape[2]
        # Slices side by side, so that neither they nor their gradient are copied once more.
        slices = x.contiguous(memory_format=torch.channels_last_3d).transpose(1, 2).flatten(0, 1)
        pooled: Tensor = max_pool2d(slices, 3, stride=2, padding=1)
        return pooled.view(images, depth, *pooled.shape[1:]).transpose(1, 2).contiguous()


def _with_right_gradient(module: nn.Module, x: Tensor, slices: int, kernel: int) -> Tensor:
    """The output of convolutions whose kernel spans `kernel` slices, of which the images have `slices`.

    On a CPU it is computed in float32 or higher where a kernel is deeper than images of several slices, under autocast
    too: there oneDNN's bfloat16 gradient of the weights holds uninitialised memory, wrong or not finite.
    """
    affected = x.device.type == "cpu" and 1 < slices < kernel
    x = x.to(torch.promote_types(x.dtype, torch.float32)) if affected else x
    with torch.autocast("cpu", enabled=False) if affected else nullcontext():
        output: Tensor = module(x)
    return output


def _use_group_norm(net: nn.Module) -> None:
    """Replace batch normalisation: MONAI's blocks use it whatever norm is requested."""
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm3d):
                setattr(parent, name, nn.GroupNorm(child.num_features // CHANNELS_PER_GROUP, child.num_features))

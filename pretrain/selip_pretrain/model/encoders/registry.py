"""The seam for encoders: a new one is one file, and one line in IMAGE_ENCODERS or TEXT_ENCODERS."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selip_pretrain.model.encoders.image_encoder import ImageEncoder, Norm, Pooling, Shape
    from selip_pretrain.model.encoders.text_encoder import TextEncoder


def _resnet10(shape: "Shape", norm: "Norm", pooling: "Pooling") -> "ImageEncoder":
    from selip_pretrain.model.encoders.resnet import ResNet

    return ResNet(shape, "basic", (1, 1, 1, 1), 16, norm, pooling)


def _resnet18(shape: "Shape", norm: "Norm", pooling: "Pooling") -> "ImageEncoder":
    from selip_pretrain.model.encoders.resnet import ResNet

    return ResNet(shape, "basic", (2, 2, 2, 2), 64, norm, pooling)


def _resnet50(shape: "Shape", norm: "Norm", pooling: "Pooling") -> "ImageEncoder":
    from selip_pretrain.model.encoders.resnet import ResNet

    return ResNet(shape, "bottleneck", (3, 4, 6, 3), 64, norm, pooling)


def _vit(shape: "Shape", _norm: "Norm", pooling: "Pooling") -> "ImageEncoder":
    from selip_pretrain.model.encoders.vit import VisionTransformer

    return VisionTransformer(shape, pooling)


def _characters(corpus: Sequence[str], _download: bool) -> "TextEncoder":
    from selip_pretrain.model.encoders.bert import character_encoder

    return character_encoder(corpus)


# What an encoder needs is imported when it is made: a list of encoders costs nothing.
IMAGE_ENCODERS: dict[str, Callable[["Shape", "Norm", "Pooling"], "ImageEncoder"]] = {
    "resnet10-narrow": _resnet10,
    "resnet18": _resnet18,
    "resnet50": _resnet50,
    "vit": _vit,
}
TEXT_ENCODERS: dict[str, Callable[[Sequence[str], bool], "TextEncoder"]] = {
    "characters": _characters,
}


def make_text_encoder(name: str, corpus: Sequence[str], download: bool) -> "TextEncoder":
    """The text encoder of that name, else the pretrained one of that folder or Hugging Face id.

    `corpus` are the texts of the training, of which one that starts from nothing is made. SelipError where there is
    no such encoder here and it may not be fetched.
    """
    if name in TEXT_ENCODERS:
        return TEXT_ENCODERS[name](corpus, download)
    from selip_pretrain.model.encoders.bert import pretrained_encoder

    return pretrained_encoder(name, download)

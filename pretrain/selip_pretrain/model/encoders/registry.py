"""The encoders by name: a new one is one file, and one line in IMAGE_ENCODERS or TEXT_ENCODERS."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from selip_pretrain.model.encoders.image_encoder import ImageEncoder, Norm, Pooling, Shape

if TYPE_CHECKING:
    from selip_pretrain.model.encoders.text_encoder import TextEncoder

MakeImageEncoder = Callable[[Shape, Norm, Pooling], ImageEncoder]
MakeTextEncoder = Callable[[Sequence[str], int], "TextEncoder"]


# MONAI and transformers take seconds to import: only the chosen encoder imports them.
def _resnet(block: Literal["basic", "bottleneck"], layers: tuple[int, int, int, int], width: int) -> MakeImageEncoder:
    def make(shape: Shape, norm: Norm, pooling: Pooling) -> ImageEncoder:
        from selip_pretrain.model.encoders.resnet import ResNet

        return ResNet(shape, block, layers, width, norm, pooling)

    return make


def _vit(shape: Shape, _norm: Norm, pooling: Pooling) -> ImageEncoder:
    from selip_pretrain.model.encoders.vit import VisionTransformer

    return VisionTransformer(shape, pooling)


def _characters(corpus: Sequence[str], max_tokens: int) -> "TextEncoder":
    from selip_pretrain.model.encoders.bert import character_encoder

    return character_encoder(corpus, max_tokens)


IMAGE_ENCODERS: dict[str, MakeImageEncoder] = {
    "resnet10-narrow": _resnet("basic", (1, 1, 1, 1), 16),
    "resnet18": _resnet("basic", (2, 2, 2, 2), 64),
    "resnet50": _resnet("bottleneck", (3, 4, 6, 3), 64),
    "vit": _vit,
}
TEXT_ENCODERS: dict[str, MakeTextEncoder] = {
    "characters": _characters,
}


def make_text_encoder(name: str, corpus: Sequence[str], download: bool, max_tokens: int = 256) -> "TextEncoder":
    """The text encoder of that name, else the pretrained one of that folder or Hugging Face id.

    Texts are truncated to `max_tokens`. An encoder with random weights takes its vocabulary from `corpus`, the training
    texts. SelipError where there is no such encoder on this machine and `download` is false.
    """
    if name in TEXT_ENCODERS:
        return TEXT_ENCODERS[name](corpus, max_tokens)
    from selip_pretrain.model.encoders.bert import pretrained_encoder

    return pretrained_encoder(name, download, max_tokens)

import copy

import pytest
import torch
from torch import Tensor

from selip_contracts.vocabulary import MODALITIES, Modality
from selip_downstream.segmentation.unet import SegmentationNetwork, patch_for
from selip_pretrain.model.encoders.image_encoder import ImageEncoder
from selip_pretrain.model.encoders.registry import IMAGE_ENCODERS
from selip_shared.errors import SelipError

FOUR: tuple[Modality, ...] = ("T1", "T2", "T1CE", "FLAIR")
PATCH = (8, 32, 32)


def encoder(name: str = "resnet10-narrow") -> ImageEncoder:
    torch.manual_seed(0)
    return IMAGE_ENCODERS[name](PATCH, "group", "mean")


def images(cases: int = 2, sequences: int = 4, patch: tuple[int, ...] = PATCH) -> Tensor:
    return torch.rand(cases, sequences, *patch, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("patch", [(8, 32, 32), (16, 32, 64)])
@pytest.mark.parametrize("modalities", [FOUR, ("FLAIR",)])
def test_every_voxel_gets_a_logit_of_each_region(patch: tuple[int, ...], modalities: tuple[Modality, ...]) -> None:
    network = SegmentationNetwork(encoder(), modalities)
    assert network(images(2, len(modalities), patch)).shape == (2, 3, *patch)


def test_the_encoder_is_taken_with_its_weights_and_every_one_of_its_stages_learns() -> None:
    pretrained = encoder()
    network = SegmentationNetwork(copy.deepcopy(pretrained), FOUR)
    taken = network.encoder.state_dict()
    assert all(torch.equal(weights, taken[name]) for name, weights in pretrained.state_dict().items())
    network(images()).square().sum().backward()
    silent = [name for name, weights in network.named_parameters() if weights.grad is None]
    assert silent == ["encoder.projection.weight", "encoder.projection.bias"]


def test_each_sequence_goes_through_the_encoder_alone_with_its_own_embedding() -> None:
    network, volumes = SegmentationNetwork(encoder(), FOUR).train(False), images(1)
    asked: list[Tensor] = []
    alone = network.encoder.feature_maps(volumes[0, 2][None, None], torch.tensor([MODALITIES.index("T1CE")]))
    network.mix[4].register_forward_pre_hook(lambda _module, inputs: asked.append(inputs[0]))
    with torch.inference_mode():
        network(volumes)
    third = asked[0].chunk(4, dim=1)[2]
    torch.testing.assert_close(third, alone[-1])


def test_cases_do_not_hang_on_each_other() -> None:
    network, volumes = SegmentationNetwork(encoder(), FOUR), images(2)
    with torch.inference_mode():
        torch.testing.assert_close(network(volumes)[1:], network(volumes[1:]))


def test_a_patch_is_as_large_as_the_strides_ask() -> None:
    assert patch_for((12, 64, 65)) == (16, 64, 96)
    assert patch_for((24, 256, 256)) == (24, 256, 256)


def test_a_transformer_is_refused() -> None:
    with pytest.raises(SelipError, match="segment with a ResNet"):
        SegmentationNetwork(encoder("vit"), FOUR)

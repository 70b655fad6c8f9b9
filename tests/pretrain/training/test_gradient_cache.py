from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from selip_pretrain.model.encoders.registry import IMAGE_ENCODERS
from selip_pretrain.objective.loss import contrastive_loss
from selip_pretrain.training.gradient_cache import Tower, backward

N = 7


class Small(nn.Module):
    """Two encoders and a temperature in float64, the image encoder a real one."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.image = IMAGE_ENCODERS["resnet10-narrow"]((4, 16, 16), "group", "mean")
        self.text = nn.Sequential(nn.Linear(5, 64), nn.Tanh(), nn.Linear(64, 512))
        self.logit_scale = nn.Parameter(torch.tensor(2.0))
        self.images, self.modalities = torch.rand(N, 1, 4, 16, 16).double(), torch.arange(N) % 3
        self.texts, self.similarity = torch.rand(N, 5).double(), torch.eye(N).double() * 0.5 + 0.5
        self.double()

    def embed_images(self, part: slice) -> Tensor:
        return normalize(self.image(self.images[part], self.modalities[part]), dim=1)

    def embed_texts(self, part: slice) -> Tensor:
        return normalize(self.text(self.texts[part]), dim=1)

    def loss(self, images: Tensor, texts: Tensor) -> Tensor:
        return contrastive_loss(images, texts, self.logit_scale, self.similarity).total

    def gradients(self) -> dict[str, Tensor]:
        return {name: p.grad for name, p in self.named_parameters() if p.grad is not None}


def cached(chunk: int | None) -> dict[str, Tensor]:
    model = Small()
    towers = [
        Tower(model.image, model.embed_images, N, chunk),
        Tower(model.text, model.embed_texts, N, chunk),
    ]
    backward(towers, model.loss)
    return model.gradients()


@pytest.mark.parametrize("chunk", [None, 1, 3, N, 100])
def test_gradients_are_those_of_the_whole_batch(chunk: int | None) -> None:
    whole = Small()
    everything = slice(None)
    torch.autograd.backward(whole.loss(whole.embed_images(everything), whole.embed_texts(everything)))
    found, expected = cached(chunk), whole.gradients()
    assert found.keys() == expected.keys()
    assert "logit_scale" in found
    for name, gradient in expected.items():
        assert (found[name] - gradient).abs().max() <= 1e-12, name


@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("locked", ["image", "text"])
def test_a_locked_encoder_gets_no_gradient_and_the_other_one_the_same_as_before(chunk: int | None, locked: str) -> None:
    model = Small()
    model.get_submodule(locked).requires_grad_(False)
    towers = [Tower(model.image, model.embed_images, N, chunk), Tower(model.text, model.embed_texts, N, chunk)]
    backward(towers, model.loss)
    expected = {name: gradient for name, gradient in cached(chunk).items() if not name.startswith(locked)}
    found = model.gradients()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], gradient) for name, gradient in expected.items())


def test_a_chunk_holds_the_graph_of_no_more_than_its_items() -> None:
    model, seen = Small(), []

    def watched(embed: "partial[Tensor]", part: slice) -> Tensor:
        embedding: Tensor = embed(part)
        seen.append((len(embedding), embedding.requires_grad))
        return embedding

    backward([Tower(model.image, partial(watched, partial(model.embed_images)), N, 3),
              Tower(model.text, model.embed_texts, N, 3)], model.loss)  # fmt: skip
    assert seen == [(3, False), (3, False), (1, False), (3, True), (3, True), (1, True)]

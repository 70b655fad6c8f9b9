import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from selip_pretrain.objective.loss import Mode, contrastive_loss
from selip_pretrain.objective.targets import soft_targets

SMALL = 1e-9
LARGEST_SCALE = math.log(100)


def drawn(seed: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings of length 1, and a symmetric similarity with zeros and ones, of float64."""
    generator = torch.Generator().manual_seed(seed)
    images, texts = torch.randn(2, count, 6, dtype=torch.float64, generator=generator)
    half = torch.rand(count, count, dtype=torch.float64, generator=generator)
    similarity = ((half + half.T) / 2).where(half + half.T > 0.8, 0).fill_diagonal_(1)
    return images / images.norm(dim=1, keepdim=True), texts / texts.norm(dim=1, keepdim=True), similarity


def naive(images: Tensor, texts: Tensor, scale: float, similarity: Tensor) -> tuple[float, float]:
    """Hard and soft part, number by number as the formula is written."""
    count = len(images)
    z = [[math.exp(scale) * sum(float(a) * float(b) for a, b in zip(i, t, strict=True)) for t in texts] for i in images]
    s = similarity.tolist()
    hard = soft = 0.0
    for logits in (z, [list(column) for column in zip(*z, strict=True)]):
        for i in range(count):
            total = sum(math.exp(x) for x in logits[i])
            q = [math.exp(x) / total for x in logits[i]]
            p = [x / sum(s[i]) for x in s[i]]
            hard += -math.log(q[i]) / count / 2
            soft += sum(p[j] * math.log(p[j] / q[j]) for j in range(count) if p[j] > 0) / count / 2
    return hard, soft


def leaves(*tensors: Tensor) -> list[Tensor]:
    return [tensor.clone().requires_grad_() for tensor in tensors]


@pytest.mark.parametrize("mode", ["logits", "reference"])
@given(seed=st.integers(0, 9999), count=st.integers(1, 7), scale=st.floats(0, LARGEST_SCALE))
def test_the_loss_is_the_formula(mode: Mode, seed: int, count: int, scale: float) -> None:
    images, texts, similarity = drawn(seed, count)
    hard, soft = naive(images, texts, scale, similarity)
    loss = contrastive_loss(images, texts, torch.tensor(scale, dtype=torch.float64), similarity, mode=mode)
    assert abs(float(loss.hard) - hard) <= SMALL
    assert abs(float(loss.soft) - soft) <= SMALL
    assert abs(float(loss.total) - (hard + soft)) <= SMALL


@pytest.mark.parametrize("mode", ["logits", "reference"])
@given(seed=st.integers(0, 9999), count=st.integers(2, 7), scale=st.floats(0, 3.5))
def test_the_gradient_is_the_formulas(mode: Mode, seed: int, count: int, scale: float) -> None:
    images, texts, similarity = drawn(seed, count)
    leaf_images, leaf_texts, leaf_scale = leaves(images, texts, torch.tensor(scale, dtype=torch.float64))
    contrastive_loss(leaf_images, leaf_texts, leaf_scale, similarity, mode=mode).total.backward()  # type: ignore[no-untyped-call]

    z = math.exp(scale) * images @ texts.T
    q_image, q_text = (x.exp() / x.exp().sum(1, keepdim=True) for x in (z, z.T))
    p = similarity / similarity.sum(1, keepdim=True)
    wanted = torch.eye(count, dtype=torch.float64) + p
    by_z = ((2 * q_image - wanted) + (2 * q_text - wanted).T) / (2 * count)
    assert leaf_images.grad is not None
    assert leaf_texts.grad is not None
    assert leaf_scale.grad is not None
    assert (leaf_images.grad - math.exp(scale) * by_z @ texts).abs().max() <= SMALL
    assert (leaf_texts.grad - math.exp(scale) * by_z.T @ images).abs().max() <= SMALL
    assert abs(float(leaf_scale.grad) - float((by_z * z).sum())) <= SMALL


def test_without_similarity_it_is_the_contrastive_loss_alone() -> None:
    images, texts, similarity = drawn(1, 5)
    scale = torch.tensor(2.0, dtype=torch.float64)
    alone, with_soft = contrastive_loss(images, texts, scale, None), contrastive_loss(images, texts, scale, similarity)
    assert alone.total == alone.hard == with_soft.hard
    assert alone.soft == 0
    identity = torch.eye(5, dtype=torch.float64)
    assert abs(contrastive_loss(images, texts, scale, identity).soft - alone.hard) <= SMALL


def test_the_weights_of_both_parts_are_chosen_but_in_the_reference() -> None:
    images, texts, similarity = drawn(2, 5)
    scale = torch.tensor(2.0, dtype=torch.float64)
    loss = contrastive_loss(images, texts, scale, similarity, hard_weight=0.7, soft_weight=0.3)
    assert abs(loss.total - 0.7 * loss.hard - 0.3 * loss.soft) <= SMALL
    with pytest.raises(ValueError, match="requires a hard_weight, a soft_weight and a sharpness of 1"):
        contrastive_loss(images, texts, scale, similarity, soft_weight=0.3, mode="reference")
    with pytest.raises(ValueError, match="requires a hard_weight"):
        contrastive_loss(images, texts, scale, similarity, sharpness=3, mode="reference")


@given(seed=st.integers(0, 9999), count=st.integers(1, 7), sharpness=st.floats(0.5, 6))
def test_the_sharper_the_more_of_a_target_goes_to_what_is_most_alike(seed: int, count: int, sharpness: float) -> None:
    images, texts, similarity = drawn(seed, count)
    scale = torch.tensor(1.0, dtype=torch.float64)
    sharp = contrastive_loss(images, texts, scale, similarity, sharpness=sharpness)
    assert abs(sharp.soft - naive(images, texts, 1.0, similarity**sharpness)[1]) <= SMALL
    own, of_one = soft_targets(similarity, sharpness).diagonal(), soft_targets(similarity).diagonal()
    assert bool((own >= of_one - SMALL if sharpness >= 1 else own <= of_one + SMALL).all())


@pytest.mark.parametrize("mode", ["logits", "reference"])
@pytest.mark.parametrize("clamp", [0.0, 1e-3])
def test_loss_and_gradient_are_finite_where_a_probability_underflows(mode: Mode, clamp: float) -> None:
    images = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    texts = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    leaf, scale = leaves(images, torch.tensor(LARGEST_SCALE))
    loss = contrastive_loss(leaf, texts, scale, torch.eye(2), clamp=clamp, mode=mode)
    loss.total.backward()  # type: ignore[no-untyped-call]
    assert loss.hard.item() == pytest.approx(200)
    assert loss.soft.item() == pytest.approx(-math.log(clamp) if clamp else 200, abs=0.02)
    assert leaf.grad is not None
    assert scale.grad is not None
    assert leaf.grad.isfinite().all()
    assert scale.grad.isfinite()
    assert leaf.grad[0, 0] > 0


@pytest.mark.parametrize("mode", ["logits", "reference"])
def test_identical_orthogonal_embeddings_at_the_largest_scale(mode: Mode) -> None:
    """Logits of 100 on the diagonal and 0 elsewhere: exp(-100) is no float32 number above 0."""
    leaf, scale = leaves(torch.eye(2), torch.tensor(LARGEST_SCALE))
    contrastive_loss(leaf, torch.eye(2), scale, torch.eye(2), mode=mode).total.backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()


@given(seed=st.integers(0, 9999), count=st.integers(1, 7), scale=st.floats(0, LARGEST_SCALE))
def test_single_precision_is_within_a_millionth_of_the_formula(seed: int, count: int, scale: float) -> None:
    images, texts, similarity = (tensor.float() for tensor in drawn(seed, count))
    z = math.exp(scale) * images.double() @ texts.double().T
    p = similarity.double() / similarity.double().sum(1, keepdim=True)
    log_q = [(x.exp() / x.exp().sum(1, keepdim=True)).log() for x in (z, z.T)]
    hard = sum(-float(q.diagonal().mean()) for q in log_q) / 2
    soft = sum(float(torch.xlogy(p, p).sum() - (p * q).sum()) for q in log_q) / count / 2
    loss = contrastive_loss(images, texts, torch.tensor(scale), similarity, mode="reference")
    assert float(loss.hard) == pytest.approx(hard, rel=1e-6, abs=1e-6 * float(z.abs().max()))
    assert float(loss.soft) == pytest.approx(soft, rel=1e-6, abs=1e-6 * float(z.abs().max()))


@given(seed=st.integers(0, 9999), count=st.integers(1, 7), scale=st.floats(0, LARGEST_SCALE))
def test_the_clamp_is_that_of_the_probabilities(seed: int, count: int, scale: float) -> None:
    images, texts, similarity = drawn(seed, count)
    leaf, other = leaves(images, images)
    log_scale = torch.tensor(scale, dtype=torch.float64)
    loss = contrastive_loss(leaf, texts, log_scale, similarity, clamp=1e-3, mode="reference")
    z = math.exp(scale) * other @ texts.T
    p = (similarity / similarity.sum(1, keepdim=True)).clamp(min=1e-3)
    q_image, q_text = (x.softmax(1).clamp(min=1e-3) for x in (z, z.T))
    soft = torch.stack([(p * (p.log() - q.log())).sum() / count for q in (q_image, q_text)]).mean()
    assert (loss.soft - soft).abs() <= SMALL
    (by_leaf,) = torch.autograd.grad(loss.soft, leaf)
    (by_other,) = torch.autograd.grad(soft, other)
    assert (by_leaf - by_other).abs().max() <= SMALL


def test_half_precision_is_lifted_before_the_logits() -> None:
    images, texts, similarity = (tensor.to(torch.bfloat16) for tensor in drawn(3, 6))
    scale = torch.tensor(LARGEST_SCALE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lifted = contrastive_loss(images, texts, scale, similarity)
    assert lifted == contrastive_loss(images.float(), texts.float(), scale, similarity.float())
    assert lifted.total.dtype == torch.float32


def test_soft_targets_of_equal_shares_are_shares() -> None:
    similarity = torch.tensor([[1.0, 1.0, 0.0], [0.5, 1.0, 0.5], [0.0, 0.0, 1.0]])
    assert soft_targets(similarity).tolist() == [[0.5, 0.5, 0.0], [0.25, 0.5, 0.25], [0.0, 0.0, 1.0]]

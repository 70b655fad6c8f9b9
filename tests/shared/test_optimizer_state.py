"""A training continues to the last bit from the tensors of its optimizer."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from selip_shared.optimizer_state import optimizer_tensors, restore_optimizer


def _model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def _optimizer(model: nn.Sequential) -> torch.optim.Optimizer:
    """Two groups, in another order than the parameters of the model."""
    return torch.optim.AdamW(
        [{"params": [*model[2].parameters()], "lr": 0.1}, {"params": [*model[0].parameters()], "lr": 0.01}]
    )


def _learn(model: nn.Sequential, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        optimizer.zero_grad()
        inputs = torch.randn(5, 3, generator=torch.Generator().manual_seed(step))
        torch.autograd.backward(model(inputs).square().sum())
        optimizer.step()


def test_a_restored_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole, stopped, resumed = _model(), _model(), _model()
    _learn(whole, _optimizer(whole), range(6))
    first = _optimizer(stopped)
    _learn(stopped, first, range(3))
    save_file(optimizer_tensors(first, stopped.named_parameters()), tmp_path / "optimizer.safetensors")
    resumed.load_state_dict(stopped.state_dict())
    second = _optimizer(resumed)
    restore_optimizer(second, resumed.named_parameters(), load_file(tmp_path / "optimizer.safetensors"))
    _learn(resumed, second, range(3, 6))
    for (name, expected), found in zip(whole.named_parameters(), resumed.parameters(), strict=True):
        assert torch.equal(expected, found), name
    assert [group["lr"] for group in second.param_groups] == [0.1, 0.01]


def test_an_optimizer_without_a_step_has_no_state() -> None:
    model = _model()
    assert optimizer_tensors(_optimizer(model), model.named_parameters()) == {}


def test_a_tensor_of_an_unknown_parameter_is_refused() -> None:
    model = _model()
    with pytest.raises(KeyError):
        restore_optimizer(_optimizer(model), model.named_parameters(), {"other.exp_avg": torch.zeros(1)})

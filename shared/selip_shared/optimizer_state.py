"""The state of an optimizer as tensors by name, to be kept in safetensors: no pickle, and a training continues exactly.

Learning rates and other settings of the parameter groups are not kept: whoever makes the optimizer anew sets them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

NamedParameters = Iterable[tuple[str, Parameter]]


def optimizer_tensors(optimizer: Optimizer, parameters: NamedParameters) -> dict[str, Tensor]:
    """State of these parameters as "PARAMETER.KEY", e.g. "projection.weight.exp_avg"; none where none was updated."""
    return {
        f"{name}.{key}": value
        for name, parameter in parameters
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(optimizer: Optimizer, parameters: NamedParameters, tensors: Mapping[str, Tensor]) -> None:
    """Set the state that `optimizer_tensors` returned, on the devices of the parameters.

    Raises KeyError for a tensor of a parameter that the optimizer does not have.
    """
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    index_of = {parameter: index for index, parameter in enumerate(trained)}
    index_of_name = {name: index_of[parameter] for name, parameter in parameters if parameter in index_of}
    state: defaultdict[int, dict[str, Tensor]] = defaultdict(dict)
    for full_name, tensor in tensors.items():
        name, key = full_name.rsplit(".", 1)
        state[index_of_name[name]][key] = tensor
    groups: list[dict[str, Any]] = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": dict(state), "param_groups": groups})

"""The parts of a batch on all processes, concatenated on each of them."""

import torch.distributed as dist
from torch import Tensor
from torch.distributed._functional_collectives import all_gather_single_autograd, wait_tensor


def gather(part: Tensor) -> Tensor:
    """Concatenate the parts (N, …) of all processes in the order of their ranks: (world size · N, …), with gradient.

    The backward pass sums each part's gradient over the processes. Each process computes the loss of the whole batch,
    so that sum is the true gradient times the world size, and the mean that DistributedDataParallel takes over the
    processes makes it the true gradient: for the parameters before the gather (encoders) and after it (temperature).

    Every process must call it, with parts of the same shape. With a single process, `part` itself is returned.
    """
    world = dist.group.WORLD
    if world is None or world.size() == 1:
        return part
    gathered = all_gather_single_autograd(part.contiguous(), gather_dim=0, group=world)
    whole: Tensor = wait_tensor(gathered)  # type: ignore[no-untyped-call]
    return whole

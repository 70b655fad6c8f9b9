"""A batch that is spread over ranks, put together on each of them."""

import torch.distributed as dist
from torch import Tensor
from torch.distributed._functional_collectives import all_gather_single_autograd, wait_tensor


def gather(part: Tensor) -> Tensor:
    """The parts (N, …) of all ranks below one another, in the order of the ranks: (ranks · N, …); alone, `part` itself.

    Backward sums over the ranks what they want of a part. Where each rank computes the whole batch's loss, a part's
    gradient is therefore the true one times the number of ranks, and the mean over ranks that DistributedDataParallel
    takes makes it the true one: for what is before the gather (encoders) and behind it (temperature) alike.

    Every rank calls it, with parts of one shape.
    """
    world = dist.group.WORLD
    if world is None or world.size() == 1:
        return part
    gathered = all_gather_single_autograd(part.contiguous(), gather_dim=0, group=world)
    whole: Tensor = wait_tensor(gathered)  # type: ignore[no-untyped-call]
    return whole

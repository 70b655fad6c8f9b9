"""The processes of one training: a single one, or those that torchrun has started, each with a GPU if there are any."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

PATIENCE = timedelta(hours=12)
"""The first rank may prepare volumes for hours before the others go on; torchrun notices one that has died."""

Content = TypeVar("Content")


@dataclass(frozen=True)
class Ranks:
    """A process among `size` ones."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def shared(self, content: Content) -> Content:
        """What the first process has, on all of them."""
        if self.size == 1:
            return content
        contents = [content]
        dist.broadcast_object_list(contents, device=self.device)
        return contents[0]

    def highest(self, number: int) -> int:
        """The highest of the processes' numbers, on all of them."""
        if self.size == 1:
            return number
        told = torch.tensor([number], dtype=torch.int32, device=self.device)
        dist.all_reduce(told, dist.ReduceOp.MAX)
        return int(told.item())


@contextmanager
def joined_ranks() -> Iterator[Ranks]:
    """Join the processes that torchrun has started, if it has; on a CPU all that is computed is deterministic."""
    gpu = torch.cuda.is_available()
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
    size = int(os.environ.get("WORLD_SIZE", "1"))
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(not gpu)
    if size > 1:
        dist.init_process_group("nccl" if gpu else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(dist.get_rank() if size > 1 else 0, size, device)
        if size > 1:
            # A thread of gloo that holds a tensor while the interpreter ends aborts the process: here all come to rest.
            dist.barrier()
    finally:
        torch.use_deterministic_algorithms(deterministic)
        if size > 1:
            dist.destroy_process_group()

"""The processes of one training: a single one, or those that torchrun started, with a GPU each where there are any."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from selip_shared.errors import SelipError

TIMEOUT = timedelta(hours=12)
"""The main process may prepare volumes for hours while the others wait; torchrun notices a process that died."""

Content = TypeVar("Content")


@dataclass(frozen=True)
class Distributed:
    """The process of number `rank`, from 0, among the `world_size` processes of a training."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def broadcast(self, content: Content) -> Content:
        """The main process's content, on every process."""
        if self.world_size == 1:
            return content
        contents = [content]
        dist.broadcast_object_list(contents, device=self.device)
        return contents[0]

    def maximum(self, number: int) -> int:
        """The largest of the processes' numbers, on every process."""
        if self.world_size == 1:
            return number
        largest = torch.tensor([number], dtype=torch.int32, device=self.device)
        dist.all_reduce(largest, dist.ReduceOp.MAX)
        return int(largest.item())


@contextmanager
def joined_processes() -> Iterator[Distributed]:
    """Join the processes that torchrun started, if it did; on a CPU only deterministic algorithms are used."""
    gpu = torch.cuda.is_available()
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local_rank) if gpu else torch.device("cpu")
    if gpu:
        if local_rank >= torch.cuda.device_count():
            raise SelipError(
                f"This machine lends {torch.cuda.device_count()} GPUs: start at most so many processes with "
                "--nproc-per-node."
            )
        torch.cuda.set_device(device)
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    deterministic = torch.are_deterministic_algorithms_enabled()
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    torch.use_deterministic_algorithms(not gpu)
    # Filling new memory helps to find reads of uninitialised memory, and takes a part of each step.
    memory.fill_uninitialized_memory = False
    if world_size > 1:
        dist.init_process_group("nccl" if gpu else "gloo", timeout=TIMEOUT)
    try:
        yield Distributed(dist.get_rank() if world_size > 1 else 0, world_size, device)
        if world_size > 1:
            # A gloo thread that still holds a tensor when the interpreter exits aborts the process: wait for all first.
            dist.barrier()
    finally:
        torch.use_deterministic_algorithms(deterministic)
        memory.fill_uninitialized_memory = filled
        if world_size > 1:
            dist.destroy_process_group()

"""The processes of one training: a single one, or those that torchrun started, with a GPU each where there are any."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from selip_shared.errors import SelipError
from selip_shared.memory import keep_freed_memory

PREPARATION_TIMEOUT = timedelta(hours=12)
"""The main process may prepare volumes for hours while the others wait for the cohort."""

TIMEOUT = timedelta(minutes=30)
"""Where a node is lost without a word, as by a power failure, the training ends on the others after this time."""

_LOST = re.compile("Connection closed by peer|Connection reset by peer|Broken pipe|Timed out waiting")
"""What gloo says of a process that is gone, in a RuntimeError."""

Content = TypeVar("Content")


@dataclass(frozen=True)
class Distributed:
    """The process of number `rank`, from 0, among the `world_size` processes of a training."""

    rank: int
    world_size: int
    device: torch.device
    preparation: dist.ProcessGroup | None = None
    """Waits longer than a step of the training may."""

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def broadcast(self, content: Content) -> Content:
        """The main process's content, on every process."""
        if self.world_size == 1:
            return content
        contents = [content]
        dist.broadcast_object_list(contents, group=self.preparation)
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
    """Join the processes that torchrun started, if it did.

    On a CPU only deterministic algorithms are used, and freed memory is kept for the next step.
    """
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
    else:
        keep_freed_memory()
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
        if world_size == 1:
            yield Distributed(0, 1, device)
            return
        preparation = dist.new_group(backend="gloo", timeout=PREPARATION_TIMEOUT)
        yield Distributed(dist.get_rank(), world_size, device, preparation)
        # A gloo thread that still holds a tensor when the interpreter exits aborts the process: wait for all first.
        dist.barrier()
    except RuntimeError as error:
        if world_size == 1 or not _LOST.search(str(error)):
            raise
        raise SelipError(
            "Another process of the training was lost, or its node: start the command on all nodes again, and it "
            "continues from the last checkpoint."
        ) from error
    finally:
        torch.use_deterministic_algorithms(deterministic)
        memory.fill_uninitialized_memory = filled
        if world_size > 1:
            dist.destroy_process_group()

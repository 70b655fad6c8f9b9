"""Threads of torch and OpenMP: no more than this process may use, and asleep while they wait."""

import os
import sys

import loky
from threadpoolctl import threadpool_limits


def granted_cpus() -> int:
    """The processors that this process may use, by its affinity and the quota of its container."""
    return int(loky.cpu_count())


def limit_threads(threads: int | None = None) -> None:
    """Let torch and OpenMP compute in so many threads, by default one for each granted processor.

    Call it before they are loaded: what they read then, such as how threads wait, cannot be changed later. Without
    `threads` the user's own settings are kept.
    """
    # A waiting thread of OpenMP spins: on a machine that others use it takes their processors, and its own threads'.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if threads is None:
        os.environ.setdefault("OMP_NUM_THREADS", str(granted_cpus()))
        return
    os.environ["OMP_NUM_THREADS"] = str(threads)
    threadpool_limits(threads, user_api="blas")  # in what is loaded already, as in torch
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def compute_alone() -> None:
    """From now on torch computes in the calling thread alone when this thread calls it; others keep their threads."""
    import torch

    torch.get_num_threads()  # torch sets the number of a thread at its first use
    threadpool_limits(1, user_api="openmp")

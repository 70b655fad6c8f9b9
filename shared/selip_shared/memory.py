"""Memory of this process: what it frees stays with it for its next use."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MAX_KEPT, _MAX_BLOCK = 2**31 - 1, 2**30
"""At most so many bytes are kept, of blocks of at most so many."""


def keep_freed_memory() -> None:
    """Let the C library keep freed memory instead of returning it to the system, which must fill it with zeros again.

    A training step frees and allocates the same tensors as the step before. glibc alone has this setting (mallopt(3)).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAX_BLOCK)
        mallopt(_M_TRIM_THRESHOLD, _MAX_KEPT)

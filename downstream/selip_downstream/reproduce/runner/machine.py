"""The machine of a reproduction, and the versions of the software that decides its figures."""

import os
import platform
from pathlib import Path

from selip_shared.provenance import code_hash, environment

PACKAGES = ("selip_contracts", "selip_downstream", "selip_extract", "selip_pretrain", "selip_shared")
LIBRARIES = (
    "selip", "torch", "numpy", "scipy", "scikit-learn", "monai", "nibabel", "nilearn", "pydicom", "transformers",
    "peft", "duckdb", "matplotlib",
)  # fmt: skip
GIB = 1 << 30


def machine() -> dict[str, str]:
    """Processor, cores that may be used, memory and GPU."""
    import torch

    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / GIB:.0f} GiB",
        "GPU": ", ".join(gpus) or "none",
    }


def versions() -> dict[str, str]:
    """Of Python, the platform and the libraries; the hash of SeLIP's own code."""
    return {**environment(LIBRARIES), "code of SeLIP, SHA-256": code_hash(PACKAGES)}


def _processor() -> str:
    """Its model name, or its architecture where the system gives no name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())

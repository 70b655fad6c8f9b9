"""Workers where the user wants them: on this machine or on a Ray cluster."""

from collections.abc import Sequence
from typing import Annotated

import typer

from selip_shared.execution.base import Workers
from selip_shared.execution.processes import ProcessWorkers
from selip_shared.threads import granted_cpus

WorkersOption = Annotated[
    int | None,
    typer.Option(min=1, help="Processes that share the work; by default one for each processor granted."),
]
RayOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS|auto", help="Share the work among the nodes of a Ray cluster; started on one of them."
    ),
]


def open_workers(
    count: int | None = None, ray: str | None = None, gpu: bool = False, modules: Sequence[str] = ()
) -> Workers:
    """Workers on this machine, or on the Ray cluster at an address: one for each processor or, with `gpu`, each GPU.

    `count` is another number of them. Those on this machine share the memory of the named modules. Raises SelipError
    where Ray is not installed, or the cluster cannot be used.
    """
    if ray is None:
        return ProcessWorkers(granted_cpus() if count is None else count, modules)
    from selip_shared.execution.ray_cluster import RayWorkers

    return RayWorkers(ray, count, gpu)

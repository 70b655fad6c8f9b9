"""Workers where the user wants them: on this machine or on a Ray cluster."""

from selip_shared.execution.base import Workers
from selip_shared.execution.processes import ProcessWorkers
from selip_shared.threads import granted_cpus


def open_workers(count: int | None = None, ray: str | None = None) -> Workers:
    """Workers on this machine, by default one for each granted processor, or on the Ray cluster at the address `ray`.

    Raises SelipError where Ray is not installed, or the cluster cannot be used.
    """
    if ray is not None:
        from selip_shared.execution.ray_cluster import RayWorkers

        return RayWorkers(ray, count)
    return ProcessWorkers(granted_cpus() if count is None else count)

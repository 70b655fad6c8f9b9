"""A Ray cluster on loopback for tests: a head without processors, and nodes of one processor each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import ray
from ray.cluster_utils import Cluster

T = TypeVar("T")
STORE_BYTES = 80 << 20


@contextmanager
def loopback_cluster() -> Iterator[Cluster]:
    """A cluster with a head alone; `nodes_of_one_cpu` adds to it."""
    options = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE_BYTES}
    cluster = _started(lambda: Cluster(initialize_head=True, head_node_args=options))
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]


@contextmanager
def nodes_of_one_cpu(cluster: Cluster, count: int, **options: Any) -> Iterator[None]:
    """So many further nodes, which leave at the end unless they have left before."""
    options |= {"num_cpus": 1, "object_store_memory": STORE_BYTES}
    nodes = [_started(lambda: cluster.add_node(**options)) for _ in range(count)]
    try:
        yield
    finally:
        for node in nodes:
            if node in cluster.worker_nodes:
                cluster.remove_node(node)


def kill_node(cluster: Cluster, node_id: str) -> None:
    """End all processes of a node at once, as a loss of power does."""
    (node,) = (node for node in cluster.worker_nodes if node.node_id == node_id)
    cluster.remove_node(node, allow_graceful=False)


def _started(start: Callable[[], T]) -> T:
    """What starts; Ray gives it 30 s, which it may exceed on a busy machine: then another one is started."""
    while True:
        try:
            return start()
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise

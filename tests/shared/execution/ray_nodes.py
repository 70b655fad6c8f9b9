"""A Ray cluster on loopback for tests: a head without processors, and nodes of one processor each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.cluster_utils import Cluster

STORE_BYTES = 80 << 20


@contextmanager
def loopback_cluster() -> Iterator[Cluster]:
    """A cluster with a head alone; `add_node` adds to it."""
    options = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args=options)
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]


@contextmanager
def nodes_of_one_cpu(cluster: Cluster, count: int, **options: Any) -> Iterator[None]:
    """So many further nodes, which leave at the end unless they have left before."""
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES, **options) for _ in range(count)]
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

"""A real cluster on loopback."""

import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
import ray
from ray.cluster_utils import Cluster
from ray.exceptions import ObjectStoreFullError

import selip_shared
from selip_shared.errors import SelipError
from selip_shared.execution.ray_cluster import RayWorkers
from tests.shared.execution.ray_nodes import kill_node, loopback_cluster, nodes_of_one_cpu


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with loopback_cluster() as started:
        yield started


def hang_once(folder: Path, number: int) -> int:
    """The number; the first time that 7 comes it names its node and hangs until that is killed."""
    if number == 7:
        try:
            with (folder / "node").open("x", encoding="utf-8") as file:
                file.write(ray.get_runtime_context().get_node_id())
            (folder / "node").rename(folder / "hanging")
            (folder / "node").touch()
        except FileExistsError:
            return number
        signal.pause()
    return number


@pytest.mark.slow
def test_results_come_in_order_and_once_though_a_node_is_lost(cluster: Cluster, tmp_path: Path) -> None:
    def kill() -> None:
        while not (tmp_path / "hanging").exists():
            time.sleep(0.05)
        kill_node(cluster, (tmp_path / "hanging").read_text(encoding="utf-8"))

    with nodes_of_one_cpu(cluster, 2), RayWorkers(cluster.address) as workers:
        assert workers.count == 2
        killer = Thread(target=kill)
        killer.start()
        assert list(workers.map(partial(hang_once, tmp_path), range(100), 3)) == list(range(100))
        killer.join()


def read_model(name: str) -> str:
    raise SelipError(f"There is no model {name}.")


def fill_the_store(_task: int) -> None:
    raise ObjectStoreFullError


@pytest.mark.slow
def test_what_a_task_raises_is_raised_and_the_workers_stay(cluster: Cluster) -> None:
    with nodes_of_one_cpu(cluster, 1), RayWorkers(cluster.address) as workers:
        with pytest.raises(SelipError, match=rf"On the node {socket.gethostname()}: There is no model m\."):
            list(workers.map(read_model, ["m"]))
        with pytest.raises(SelipError, match="The object store of the cluster is full"):
            list(workers.map(fill_the_store, [1]))
        with pytest.raises(ValueError, match="invalid literal"):
            list(workers.map(int, ["1", "x"]))
        assert list(workers.map(int, ["1", "2"])) == [1, 2]
        with pytest.raises(SelipError, match="The same work has ended 4 workers"):
            list(workers.map(os._exit, [3]))


@pytest.mark.slow
def test_a_cluster_without_room_is_a_clear_error(cluster: Cluster) -> None:
    with pytest.raises(SelipError, match="has no CPU: start a node that has one"):
        RayWorkers(cluster.address)
    with RayWorkers(cluster.address, 1, patience=0) as workers, pytest.raises(SelipError, match="no room for a worker"):
        list(workers.map(int, ["1"]))


@pytest.mark.slow
def test_a_node_with_another_version_is_named(cluster: Cluster, tmp_path: Path) -> None:
    other = tmp_path / "selip_shared"
    shutil.copytree(Path(selip_shared.__file__).parent, other)
    with (other / "errors.py").open("a", encoding="utf-8") as file:
        file.write("\n")
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    with (
        nodes_of_one_cpu(cluster, 1, env_vars=environment),
        RayWorkers(cluster.address) as workers,
        pytest.raises(SelipError, match="has another version of SeLIP"),
    ):
        list(workers.map(int, ["1"]))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere"])
def test_no_cluster_is_a_clear_error_at_once(address: str) -> None:
    with pytest.raises(SelipError, match=f"The Ray cluster {address} cannot be joined"):
        RayWorkers(address)


def test_no_ray_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SelipError, match=r"Ray is not installed: install selip\[cluster\], or leave out --ray"):
        RayWorkers("auto")


@pytest.mark.slow
def test_other_versions_than_those_of_the_cluster_are_a_clear_error(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "__version__", "2.0.0")
    with pytest.raises(SelipError, match=r"Version mismatch.* Ray: 2\.0\.0 .*with the same versions of Python and Ray"):
        RayWorkers(cluster.address)

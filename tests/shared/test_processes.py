import os

import pytest

from selip_shared.errors import SelipError
from selip_shared.processes import Workers


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_tasks(processes: int) -> None:
    with Workers(processes) as workers:
        assert list(workers.map(abs, range(-50, 0), 7)) == list(range(50, 0, -1))
        assert list(workers.map(len, [])) == []


def test_a_process_that_dies_is_heard_of() -> None:
    with Workers(2) as workers, pytest.raises(SelipError, match="lack of memory"):
        list(workers.map(os._exit, [3, 3]))


def test_what_a_task_raises_is_raised() -> None:
    with Workers(2) as workers, pytest.raises(ValueError, match="invalid literal"):
        list(workers.map(int, ["1", "x"]))

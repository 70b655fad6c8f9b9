import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import torch

from selip_shared.threads import compute_alone, granted_cpus

COMMAND = """
import os
from selip_shared.errors import run_command
run_command(lambda: print(os.environ["OMP_WAIT_POLICY"], os.environ["OMP_NUM_THREADS"]))
"""


def said_by_a_command(cpus: set[int], **settings: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")} | settings
    command = [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {cpus})\n{COMMAND}"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_a_command_computes_on_the_granted_processors_and_its_threads_wait_asleep() -> None:
    mine = os.sched_getaffinity(0)
    assert granted_cpus() <= len(mine)
    assert said_by_a_command({min(mine)}) == "passive 1"
    assert said_by_a_command({min(mine)}, OMP_NUM_THREADS="5", OMP_WAIT_POLICY="active") == "active 5"


def test_a_thread_that_computes_alone_leaves_the_others_theirs() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with ThreadPoolExecutor(1, initializer=compute_alone) as alone, ThreadPoolExecutor(1) as other:
            assert alone.submit(torch.get_num_threads).result() == 1
            assert other.submit(torch.get_num_threads).result() == 2
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)

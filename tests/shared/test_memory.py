import subprocess
import sys

FAULTS_AFTER_THE_FIRST_USE = """
import resource
from selip_shared.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"1" * (64 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

keep_freed_memory()
faults()
print(max(faults() for _ in range(5)))
"""


def test_freed_memory_is_used_again_without_asking_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS_AFTER_THE_FIRST_USE], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 100

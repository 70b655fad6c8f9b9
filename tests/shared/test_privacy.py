import os
import subprocess
import sys

from selip_shared.privacy import OFFLINE

SCRIPT = """
from selip_shared.errors import run_command
def app():
    from huggingface_hub import constants
    print(constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_TELEMETRY)
run_command(app)
"""


def switches(**set_by_user: str) -> str:
    """Whether a command's libraries stay offline and send no telemetry, as they themselves understand it."""
    environment = {name: value for name, value in os.environ.items() if name not in OFFLINE} | set_by_user
    command = [sys.executable, "-W", "error", "-c", SCRIPT]
    return subprocess.run(command, env=environment, capture_output=True, check=True, text=True, timeout=60).stdout


def test_a_command_neither_looks_for_models_nor_reports_its_use() -> None:
    assert switches() == "True True\n"


def test_what_the_user_has_set_is_left_alone() -> None:
    assert switches(HF_HUB_OFFLINE="0") == "False True\n"

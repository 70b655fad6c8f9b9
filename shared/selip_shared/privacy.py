"""Nothing leaves the machine: libraries neither look for models on the network nor report what they are used for."""

import os

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1",
}


def stay_offline() -> None:
    """Switch look-ups and telemetry off, before the libraries are imported; what the user has set is left alone."""
    for name, value in OFFLINE.items():
        os.environ.setdefault(name, value)


def allow_downloads() -> None:
    """Let a model be fetched that the user has asked for, before the libraries are imported."""
    os.environ["HF_HUB_OFFLINE"] = "0"

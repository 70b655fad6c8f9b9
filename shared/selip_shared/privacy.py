"""Nothing leaves the machine: libraries neither search for models on the network nor send usage statistics."""

import os

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1",
}


def stay_offline() -> None:
    """Disable network access and telemetry of the libraries, before they are imported; the user's settings are kept."""
    for name, value in OFFLINE.items():
        os.environ.setdefault(name, value)


def allow_downloads() -> None:
    """Allow the download of a model that the user requested, before the libraries are imported."""
    os.environ["HF_HUB_OFFLINE"] = "0"

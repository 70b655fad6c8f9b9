"""Models by folder or Hugging Face id."""

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from selip_shared.errors import SelipError

# Without pickled weights and code, which are never loaded.
HUB_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]


def model_folder(name: str, download: bool = False) -> Path:
    """The folder of a model: `name` itself, or the local cache of a Hugging Face id, downloaded if `download`.

    Raises SelipError where there is neither. Nothing is downloaded while HF_HUB_OFFLINE is set.
    """
    if Path(name).is_dir():
        return Path(name)
    try:
        return Path(snapshot_download(name, allow_patterns=HUB_FILES, local_files_only=not download))
    except (LocalEntryNotFoundError, HFValidationError) as failure:
        remedy = "check the connection" if download else "name a folder, or add --download to fetch it"
        raise SelipError(
            f"{name} is neither a folder nor a model in the local Hugging Face cache: {remedy}."
        ) from failure
    except HfHubHTTPError as failure:
        raise SelipError(
            f"{name} cannot be downloaded ({failure.response.status_code}): check its name and licence."
        ) from failure

"""Where scans keep what they found: in the user's cache folder, and nobody else's to read, since it names patients."""

import os
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from selip_shared.files import replacing

PACKAGES = ("selip_pretrain.scan", "selip_pretrain.scan.dicom", "selip_pretrain.scan.files", "selip_pretrain.volumes")


def cache_folder() -> Path:
    """The folder for what is kept, below the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "selip" / "scans"


def cache_file(folder: Path, name: str, suffix: str) -> Path:
    """The file of the scan that `name` distinguishes from others."""
    return folder / f"{sha256(name.encode()).hexdigest()[:32]}.{suffix}"


def write_privately(path: Path, content: bytes) -> None:
    """Write a file that its owner alone can read, completely or not at all; without effect where it cannot be written.

    All that is lost then is time.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(path) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
    except OSError:
        return


@cache
def code_digest() -> str:
    """Another one with each change of the code that reads files, and of what it knows."""
    digest = sha256()
    for package in PACKAGES:
        for file in sorted(files(package).iterdir(), key=lambda file: file.name):
            if file.name.endswith((".py", "vendor_tags.toml")):
                digest.update(file.read_bytes())
    return digest.hexdigest()

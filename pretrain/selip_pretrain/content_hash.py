"""Whether files still hold what they held when they were scanned."""

import hashlib
from collections.abc import Sequence
from pathlib import Path


def content_hash(files: Sequence[Path]) -> str:
    """SHA-256 of a file's bytes, or of the files' hashes in their order; OSError where a file cannot be read."""
    hashes = [_file_hash(path) for path in files]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

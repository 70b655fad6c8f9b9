"""Content hashes, which show whether files changed since they were scanned."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from selip_shared.provenance import file_hash


def content_hash(files: Sequence[Path]) -> str:
    """SHA-256 of a file's bytes, or of the files' hashes in their order; OSError where a file cannot be read."""
    return joint_hash([file_hash(path) for path in files])


def joint_hash(file_hashes: Sequence[str]) -> str:
    """The content hash of files whose hashes are known."""
    return file_hashes[0] if len(file_hashes) == 1 else hashlib.sha256("\n".join(file_hashes).encode()).hexdigest()

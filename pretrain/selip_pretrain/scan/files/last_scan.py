"""The last complete scan: where nothing has changed since, the next one has nothing to do.

It is known by a digest of all that the tables follow from, and of the tables. Nothing that reads images is imported
here: the import takes longer than a look at ten thousand files.
"""

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import duckdb
from pydantic import TypeAdapter, ValidationError

from selip_contracts.deidentified import key_marks
from selip_pretrain.scan.files.cache import cache_file, code_digest, write_privately
from selip_pretrain.scan.files.folder import Stamp
from selip_pretrain.scan.summary import ScanSummary


class KeptScan(NamedTuple):
    """What is kept of a scan: the digest of its inputs and tables, and what it told."""

    digest: str
    summary: ScanSummary


class LastScan:
    """The last complete scan of one folder into one database."""

    def __init__(self, folder: Path, name: str) -> None:
        """`name` distinguishes it from the other scans that are kept in `folder`."""
        self._path = cache_file(folder, name, "json")

    def summary(self, digest: str | None) -> ScanSummary | None:
        """What the last scan told; None where its inputs and tables did not have this digest."""
        try:
            kept = TypeAdapter(KeptScan).validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return None
        return kept.summary if kept.digest == digest else None

    def keep(self, digest: str | None, summary: ScanSummary) -> None:
        """Keep a scan that is complete; nothing where its digest cannot be known."""
        if digest is not None:
            write_privately(self._path, TypeAdapter(KeptScan).dump_json(KeptScan(digest, summary)))


def scan_digest(
    found: Mapping[str, Stamp | None],
    rules: Path | None,
    manifest: Path | None,
    connection: duckdb.DuckDBPyConnection,
) -> str | None:
    """A digest of the files, rules, manifest, reports and tables of a scan; None where it cannot be known."""
    if None in found.values():
        return None
    builtin = files("selip_pretrain.scan").joinpath("sequence_rules.toml")
    try:
        contents = [builtin.read_bytes() if rules is None else rules.read_bytes()]
        contents += [] if manifest is None else [manifest.read_bytes()]
    except OSError:
        return None
    tables = connection.execute(
        """SELECT count(*), bit_xor(hash(report_id, given_id, superseded)) FROM reports
        UNION ALL SELECT count(*), bit_xor(hash(images)) FROM images
        UNION ALL SELECT count(*), bit_xor(hash(excluded_images)) FROM excluded_images"""
    ).fetchall()
    state = (code_digest(), list(found.items()), contents, tables, key_marks(connection))
    return sha256(repr(state).encode()).hexdigest()

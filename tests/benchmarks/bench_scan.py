"""Speed of selip-scan on this machine: files per second, how much faster a scan of unchanged files is, memory.

With --write the figures are stored in results.json.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.figures import Figure, keep, machine, show
from tests.pretrain.image_files import voxels, write_nifti, write_series

SLICES = 20
SEQUENCES = ("T1", "T2", "FLAIR", "DWI", "ADC")


def write_dicom(root: Path, studies: int, size: int = 256) -> int:
    """Write studies of five series of `size` × `size` slices; returns the number of files."""
    for study in range(studies):
        for seed, name in enumerate(SEQUENCES):
            write_series(
                root / f"study{study}" / name,
                voxels((size, size, SLICES), seed),
                SeriesDescription=name,
                StudyInstanceUID=f"1.{study}",
                AccessionNumber=f"A{study}",
            )
    return studies * len(SEQUENCES) * SLICES


def write_nifti_studies(root: Path, studies: int) -> int:
    """Write studies of five compressed volumes of 24 × 256 × 256; returns the number of volumes."""
    for study in range(studies):
        for seed, name in enumerate(SEQUENCES):
            write_nifti(root / f"study{study}" / f"{name}.nii.gz", voxels((256, 256, 24), seed))
    return studies * len(SEQUENCES)


def write_tiny_dicom(root: Path, studies: int) -> int:
    """Write studies of five series of 16 × 16 slices, of which a scan takes longest for their bytes."""
    return write_dicom(root, studies, 16)


class Seconds(NamedTuple):
    """Time of the command, including its start."""

    clock: float
    processor: float
    """Of all its processes."""


def scan(root: Path, db: Path) -> Seconds:
    """Scan the folder as the command does, with what it keeps of files beside the database."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = "from selip_pretrain.cli.scan import main; main()"
    environment = {**os.environ, "XDG_CACHE_HOME": str(db.parent)}
    subprocess.run([sys.executable, "-c", command, root, "--db", db], check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Seconds(
        time.perf_counter() - started,
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


def measure(folder: Path, studies: int) -> Iterator[Figure]:
    """Measure each kind of files in a new database: first scan, and how much faster the next one is."""
    for kind, write, unit in (
        ("DICOM", write_dicom, "files/s"),
        ("tiny DICOM", write_tiny_dicom, "files/s"),
        ("NIfTI", write_nifti_studies, "volumes/s"),
    ):
        root, db = folder / kind, folder / f"{kind}.duckdb"
        count = write(root, studies)
        first, second = scan(root, db), scan(root, db)
        yield Figure(f"{count:,} {kind}, first scan", count / first.clock, unit)
        yield Figure(f"{count:,} {kind}, unchanged", count / second.clock, unit)
        yield Figure(f"{count:,} {kind}, unchanged, by clock", first.clock / second.clock, "times as fast", "20")
        yield Figure(
            f"{count:,} {kind}, unchanged, by processor", first.processor / second.processor, "times as fast", "20"
        )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    yield Figure("memory of the largest process", peak, "MB")


def main() -> None:
    """Measure and print the figures; with --write, store them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--write", action="store_true", help="store the figures in results.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = show(f"scanning images on {machine()}", measure(Path(folder).resolve(), options.studies))
    if options.write:
        keep("scan", found)


if __name__ == "__main__":
    main()

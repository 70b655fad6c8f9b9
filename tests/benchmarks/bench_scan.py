"""Speed of selip-scan on this machine: DICOM files and NIfTI volumes per second, first and repeated scan, memory.

With --write the figures are stored in results.json.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import Figure, keep, machine, show
from tests.pretrain.image_files import voxels, write_nifti, write_series

SLICES = 20
SEQUENCES = ("T1", "T2", "FLAIR", "DWI", "ADC")


def write_dicom(root: Path, studies: int) -> int:
    """Write studies of five series of 256 × 256 slices; returns the number of files."""
    for study in range(studies):
        for seed, name in enumerate(SEQUENCES):
            write_series(
                root / f"study{study}" / name,
                voxels((256, 256, SLICES), seed),
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


def seconds(root: Path, db: Path) -> float:
    """Seconds of the command, including its start."""
    started = time.perf_counter()
    command = "from selip_pretrain.cli.scan import main; main()"
    subprocess.run([sys.executable, "-c", command, root, "--db", db], check=True, capture_output=True)
    return time.perf_counter() - started


def measure(folder: Path, studies: int) -> Iterator[Figure]:
    """Measure both kinds of files, each in a new database."""
    for kind, write, unit in (("dicom", write_dicom, "files/s"), ("nifti", write_nifti_studies, "volumes/s")):
        root = folder / kind
        count = write(root, studies)
        db = folder / f"{kind}.duckdb"
        yield Figure(f"{kind}, first scan", count / seconds(root, db), unit)
        yield Figure(f"{kind}, unchanged", count / seconds(root, db), unit)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    yield Figure("memory of the largest process", peak, "MB")


def main() -> None:
    """Measure and print the figures; with --write, store them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--write", action="store_true", help="store the figures in results.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = show(f"scanning images on {machine()}", measure(Path(folder).resolve(), options.studies))
    if options.write:
        keep("scan", found)


if __name__ == "__main__":
    main()

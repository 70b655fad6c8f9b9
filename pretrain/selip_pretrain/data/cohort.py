"""The training and validation pairs of a database; the test split is never read."""

import hashlib
import math
import sys
from pathlib import Path
from typing import NamedTuple

import duckdb

from selip_contracts.database_file import open_store, read_store
from selip_pretrain.data.pairs import Pair, count_pairs, read_pairs
from selip_pretrain.data.splits import Shares, assign_splits, check_leakage, hash_fraction
from selip_pretrain.volumes.volume_cache import VolumeCache, prepare_all, print_problems
from selip_shared.errors import SelipError
from selip_shared.execution.workers import open_workers
from selip_shared.messages.console import say
from selip_shared.threads import granted_cpus

PAIRS_PER_PROCESS = 256
"""A process takes seconds to start: few volumes are prepared sooner without another one."""


class Cohort(NamedTuple):
    """The training pairs and the validation pairs, all read by study or none."""

    train: list[Pair]
    validation: list[Pair]

    def hash(self) -> str:
        """SHA-256 of all data that a training depends on."""
        rows = (
            " ".join(
                (part, pair.image_id, pair.content_hash, pair.modality, *pair.texts, *filter(None, [pair.sentences]))
            )
            for part, pairs in zip(self._fields, self, strict=True)
            for pair in pairs
        )
        return hashlib.sha256("".join(f"{row}\n" for row in rows).encode()).hexdigest()


def read_cohort(db: Path, seed: int, share: float = 1.0, by_study: bool = False, sentences: bool = False) -> Cohort:
    """The pairs of both splits; how many images and reports form none is printed on stderr.

    `by_study` and `sentences` are as in `read_pairs`. `share` of the training patients are used, chosen by the seed.
    Patients without a split are assigned one, which is all that is written to the database. SelipError where there is
    nothing to learn from, or where splits overlap.
    """
    with read_store(db) as connection:
        new_patients = _patients_without_split(connection)
    if new_patients:
        with open_store(db) as connection:
            assign_splits(connection, seed, Shares())
    with read_store(db) as connection:
        check_leakage(connection)
        _print_counts(connection, db)
        train, validation = (read_pairs(connection, split, by_study, sentences) for split in ("train", "validation"))
    # Hashed with another prefix than for the splits, where training patients have the highest fractions.
    fractions = {pair.patient_id: hash_fraction(seed, f"share/{pair.patient_id}") for pair in train}
    if fractions and min(fractions.values()) >= share:
        enough = (math.floor(1000 * min(fractions.values())) + 1) / 1000
        raise SelipError(
            f"The share {share:g} of the {len(fractions):,} training patients is empty with the seed {seed}: the"
            f" smallest that holds one is about --share {enough:g}."
        )
    return _checked(Cohort([pair for pair in train if fractions[pair.patient_id] < share], validation))


def prepare_cohort(cohort: Cohort, cache: VolumeCache, ray: str | None = None) -> Cohort:
    """The pairs whose volumes can be prepared; the others are printed on stderr.

    Volumes are prepared on this machine, or on the Ray cluster at the address `ray`, whose nodes see the same folders.
    SelipError where no validation pair is left.
    """
    pairs = [*cohort.train, *cohort.validation]
    count = None if ray is not None else min(granted_cpus(), 1 + len(pairs) // PAIRS_PER_PROCESS)
    with open_workers(count, ray) as workers:
        usable, problems = prepare_all(pairs, cache, workers)
    print_problems(problems)
    kept = {pair.image_id for pair in usable}
    return _checked(Cohort(*([pair for pair in part if pair.image_id in kept] for part in cohort)))


def _checked(cohort: Cohort) -> Cohort:
    """The cohort; SelipError where a part is empty, as it may be with few patients."""
    purposes = {"train": "is learnt from", "validation": "selects the best checkpoint"}
    patients = {part: len({pair.patient_id for pair in getattr(cohort, part)}) for part in purposes}
    for part, purpose in purposes.items():
        if not patients[part]:
            (other,) = patients.keys() - {part}
            raise SelipError(
                f"There are no pairs in the {part} split, which {purpose}, and {patients[other]:,} patients in the"
                f" {other} split: scan more studies, or move patients in the database, as in UPDATE splits SET split ="
                f" '{part}' WHERE patient_id IN ('…')."
            )
    return cohort


def _patients_without_split(connection: duckdb.DuckDBPyConnection) -> bool:
    ((new,),) = connection.execute(
        "SELECT count(*) FROM images WHERE patient_id NOT IN (SELECT patient_id FROM splits)"
    ).fetchall()
    return bool(new)


def _print_counts(connection: duckdb.DuckDBPyConnection, db: Path) -> None:
    """Print on stderr how many images and reports form pairs; SelipError where none do."""
    counts = count_pairs(connection)
    if not counts.images:
        raise SelipError(f"There are no images in {db}: scan their folder with selip-scan.")
    if not counts.pairs:
        raise SelipError(
            f"None of the {counts.images:,} images in {db} has a text: {counts.images_without_report:,} have no report"
            f" there, the reports of {counts.images_without_text:,} say nothing on their sequence; extract the reports"
            " with selip-extract, or link images to them with a manifest of selip-scan."
        )
    say(
        f"{counts.pairs:,} of {counts.images:,} images have a text, {counts.normal_pairs:,} of them the normal one;"
        f" {counts.distinct_texts:,} texts are distinct. {counts.images_without_report:,} images have no report,"
        f" {counts.images_without_text:,} one that says nothing on their sequence, and {counts.reports_without_image:,}"
        " reports have no image.",
        sys.stderr,
    )

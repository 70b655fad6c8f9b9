"""The pairs of one split to measure on, and a clear sentence where there are none."""

from contextlib import closing
from pathlib import Path

import duckdb

from selip_contracts.database_file import read_store
from selip_pretrain.data.pairs import Pair, read_pairs
from selip_pretrain.data.splits import SPLITS, check_leakage
from selip_shared.errors import SelipError


def read_split(db: Path, split: str, by_study: bool = False) -> list[Pair]:
    """The pairs of a split of a database, as `split_pairs`."""
    with closing(read_store(db)) as connection:
        return split_pairs(connection, db, split, by_study)


def split_pairs(connection: duckdb.DuckDBPyConnection, db: Path, split: str, by_study: bool = False) -> list[Pair]:
    """The pairs of a split, as `read_pairs` reads them.

    SelipError where it is none, has none, or shares patients with another.
    """
    if split not in SPLITS:
        raise SelipError(f"There is no split {split}: name one of {', '.join(SPLITS)}.")
    check_leakage(connection)
    pairs = read_pairs(connection, split, by_study)
    if not pairs:
        patients = {other: len({pair.patient_id for pair in read_pairs(connection, other)}) for other in SPLITS}
        if not any(patients.values()):
            raise SelipError(
                f"{db} has no image with a text in the {split} split: selip-scan takes images in, selip-pretrain "
                "assigns patients to splits."
            )
        found = ", ".join(f"{count:,} in {other}" for other, count in patients.items())
        raise SelipError(
            f"No patient with an image and a text is in the {split} split of {db} ({found}): scan more studies, "
            "measure on another --split, or move patients before the training, as in UPDATE splits SET split = "
            f"'{split}' WHERE patient_id IN ('…')."
        )
    return pairs

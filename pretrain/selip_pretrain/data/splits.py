"""Train, validation and test splits by patient; a patient keeps the split that was assigned first."""

import hashlib
from dataclasses import dataclass
from typing import Literal, get_args

import duckdb

from selip_contracts.database_file import utc_now
from selip_shared.errors import SelipError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
MAX_NAMED_LEAKS = 5


@dataclass(frozen=True)
class Shares:
    """The shares of the patients in the three splits; SelipError where they do not add up to 1."""

    train: float = 0.8
    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        shares = self.train, self.validation, self.test
        if not (min(shares) >= 0 and abs(sum(shares) - 1) <= 1e-6):
            raise SelipError(f"The shares {shares} do not add up to 1: give three shares from 0 to 1 that do.")

    def split(self, hash_fraction: float) -> Split:
        """The split of a patient with this hash fraction, in [0, 1)."""
        if hash_fraction < self.test:
            return "test"
        return "validation" if hash_fraction < self.test + self.validation else "train"


def read_shares(written: str) -> Shares:
    """The shares in an option, as in 0.7,0.1,0.2; SelipError where there are not three numbers."""
    try:
        train, validation, test = map(float, written.split(","))
    except ValueError as error:
        raise SelipError(f"{written} are not the shares of three splits: write e.g. --shares 0.7,0.1,0.2.") from error
    return Shares(train, validation, test)


def hash_fraction(seed: int, patient: str) -> float:
    """A number in [0, 1), uniform over patients, that depends only on the seed and the patient."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{patient}".encode()).digest()[:8], "big") / 2**64


def assign_splits(connection: duckdb.DuckDBPyConnection, seed: int, shares: Shares) -> dict[Split, int]:
    """Assign a split to every patient with an image; the number of patients in each split.

    The split depends only on the seed, the shares and the patient. A patient who has one keeps it, whatever seed and
    shares are given.
    """
    patients = connection.execute(
        "SELECT DISTINCT patient_id FROM images WHERE patient_id NOT IN (SELECT patient_id FROM splits) ORDER BY ALL"
    ).fetchall()
    now = utc_now()
    with connection.appender("splits") as appender:
        appender.append_rows([(patient, shares.split(hash_fraction(seed, patient)), now) for (patient,) in patients])
    counts = dict(connection.execute("SELECT split, count(*) FROM splits GROUP BY ALL").fetchall())
    return {split: counts.get(split, 0) for split in SPLITS}


def check_leakage(connection: duckdb.DuckDBPyConnection) -> None:
    """SelipError where a patient, a report or a volume with the same bytes is in two splits."""
    for column, name in (("patient_id", "patient"), ("report_id", "report"), ("content_hash", "volume")):
        leaks = connection.execute(
            f"""SELECT min(image_id), max(image_id) FROM images JOIN splits USING (patient_id)
            WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(DISTINCT split) > 1 ORDER BY ALL"""
        ).fetchall()
        if leaks:
            shown = "; ".join(f"{first} and {last}" for first, last in leaks[:MAX_NAMED_LEAKS])
            raise SelipError(
                f"The same {name} is in two splits, {len(leaks)} times ({shown}): give these images one patient in the "
                "manifest of selip-scan, or remove one of each, scan again and empty the table splits."
            )

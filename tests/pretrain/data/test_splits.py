from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest

from selip_contracts.database_file import open_store, utc_now
from selip_pretrain.data.splits import Shares, assign_splits, check_leakage
from selip_shared.errors import SelipError

Image = tuple[str, str | None, str, str]


def insert(connection: duckdb.DuckDBPyConnection, images: Iterable[Image]) -> None:
    """Images given as id, report, patient and content."""
    with connection.appender("images") as appender:
        appender.append_rows(
            [
                (name, name, report, patient, "T1", "nifti", [f"{name}.nii"], [4, 4, 4], [1.0, 1.0, 5.0], "RAS",
                 content, None, "t1", utc_now(), None)
                for name, report, patient, content in images
            ]
        )  # fmt: skip


def of(patients: Iterable[int]) -> list[Image]:
    return [(f"i{patient}", f"r{patient}", f"p{patient}", f"c{patient}") for patient in patients]


def splits(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(connection.execute("SELECT patient_id, split FROM splits").fetchall())


@pytest.fixture
def store(tmp_path: Path) -> Iterable[duckdb.DuckDBPyConnection]:
    with open_store(tmp_path / "selip.duckdb") as connection:
        yield connection


def test_patients_are_spread_by_their_shares(store: duckdb.DuckDBPyConnection) -> None:
    insert(store, of(range(2000)))
    counts = assign_splits(store, 0, Shares(0.7, 0.1, 0.2))
    assert sum(counts.values()) == 2000
    assert counts["train"] == pytest.approx(1400, abs=80)
    assert counts["validation"] == pytest.approx(200, abs=60)
    assert counts["test"] == pytest.approx(400, abs=70)


def test_a_patient_stays_whatever_comes_later(store: duckdb.DuckDBPyConnection) -> None:
    insert(store, of(range(100)))
    assign_splits(store, 0, Shares())
    before = splits(store)
    insert(store, of(range(100, 150)))
    counts = assign_splits(store, 7, Shares(0.1, 0.1, 0.8))
    after = splits(store)
    assert before.items() <= after.items()
    assert sum(counts.values()) == len(after) == 150


def test_the_part_hangs_on_seed_and_patient_alone(store: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    insert(store, of(range(60)))
    assign_splits(store, 3, Shares())
    with open_store(tmp_path / "other.duckdb") as other:
        for part in (range(40, 60), range(40)):
            insert(other, of(part))
            assign_splits(other, 3, Shares())
        assert splits(other) == splits(store)
        other.execute("DELETE FROM splits")
        assign_splits(other, 4, Shares())
        assert splits(other) != splits(store)


def test_images_of_a_patient_share_one_part(store: duckdb.DuckDBPyConnection) -> None:
    insert(store, [(f"i{number}", f"r{number}", f"p{number // 3}", f"c{number}") for number in range(30)])
    assert sum(assign_splits(store, 0, Shares()).values()) == 10
    check_leakage(store)


def test_without_images_nothing_is_assigned(store: duckdb.DuckDBPyConnection) -> None:
    assert assign_splits(store, 0, Shares()) == {"train": 0, "validation": 0, "test": 0}


@pytest.mark.parametrize("shares", [(0.5, 0.2, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_shares_add_up(shares: tuple[float, float, float]) -> None:
    with pytest.raises(SelipError, match="do not add up to 1"):
        Shares(*shares)


@pytest.mark.parametrize(
    ("images", "name"),
    [
        ([("i1", "r1", "p1", "c1"), ("i2", "r1", "p2", "c2")], "report"),
        ([("i1", "r1", "p1", "c1"), ("i2", "r2", "p2", "c1")], "volume"),
    ],
)
def test_a_leak_is_named(store: duckdb.DuckDBPyConnection, images: list[Image], name: str) -> None:
    insert(store, [*images, ("i3", None, "p3", "c3"), ("i4", None, "p4", "c4")])
    now = utc_now()
    with store.appender("splits") as appender:
        appender.append_rows([("p1", "train", now), ("p2", "test", now), ("p3", "train", now), ("p4", "test", now)])
    with pytest.raises(SelipError, match=f"The same {name} is in two splits, 1 times \\(i1 and i2\\)"):
        check_leakage(store)
    store.execute("UPDATE splits SET split = 'train' WHERE patient_id = 'p2'")
    check_leakage(store)

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pytest
import torch

from selip_contracts.database_file import open_store, utc_now
from selip_contracts.statements import NORMAL_TEXT
from selip_contracts.vocabulary import MODALITIES, Modality
from selip_pretrain.data.pairs import Draw, Pair, PairDataset, count_pairs, read_pairs
from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.preprocess import VolumeRecipe
from selip_pretrain.volumes.volume_cache import UnusableImage, VolumeCache
from tests.pretrain.image_files import write_nifti

LEFT = "在左侧额叶表现为高信号"
RIGHT = "在右侧额叶表现为高信号"
RECIPE = VolumeRecipe(shape=(6, 24, 24))


def insert_reports(connection: duckdb.DuckDBPyConnection, findings: dict[str, Sequence[tuple[str, str]]]) -> None:
    """Reports with their findings, each a sequence and a site, of one complete run."""
    now = utc_now()
    connection.execute(
        """INSERT INTO runs (run_id, fingerprint, extractor, code_version, configuration, started_at, last_finished_at,
        seconds) VALUES (1, 'f', 'rules', '1', '{}', $now, $now, 1)""",
        {"now": now},
    )
    for number, (report, sites) in enumerate(findings.items()):
        connection.execute(
            """INSERT INTO reports (ordinal, report_id, given_id, text_sha256, added_at, text, source_file, source_row)
            VALUES (?, ?, ?, ?, ?, 'text', 'file', 1)""",
            [number, report, report, report, now],
        )
        connection.execute(
            "INSERT INTO extractions (run_id, report_id, status, seconds) VALUES (1, ?, 'ok', 0)", [report]
        )
        for position, (modality, site) in enumerate(sites):
            connection.execute(
                """INSERT INTO finding_rows (run_id, report_id, position, modality, side, site, signal, present,
                size_mm, certainty) VALUES (1, ?, ?, ?, '左侧', ?, '高', true, [], '肯定')""",
                [report, position, modality, site],
            )


def insert_image(connection: duckdb.DuckDBPyConnection, name: str, report: str | None, modality: Modality) -> None:
    connection.execute(
        """INSERT INTO images VALUES ($name, 's', $report, $patient, $modality, 'nifti', [$file], [4, 4, 4],
        [1, 1, 1], 'RAS', $content, NULL, 'rule', $now, NULL)""",
        {
            "name": name, "report": report, "patient": f"patient of {report}", "modality": modality,
            "file": f"/data/{name}.nii", "content": f"hash of {name}", "now": utc_now(),
        },
    )  # fmt: skip


def test_an_image_meets_the_text_of_its_own_sequence(tmp_path: Path) -> None:
    with open_store(tmp_path / "selip.duckdb") as connection:
        insert_reports(connection, {"ill": [("T1", "额叶"), ("T2", "枕叶")], "well": [], "unseen": [("T1", "额叶")]})
        insert_image(connection, "ill/T1", "ill", "T1")
        insert_image(connection, "ill/FLAIR", "ill", "FLAIR")
        insert_image(connection, "well/DWI", "well", "DWI")
        insert_image(connection, "well/T1", "well", "T1")
        insert_image(connection, "stranger/T1", None, "T1")
        now = utc_now()
        connection.execute("INSERT INTO splits VALUES ('patient of ill', 'train', ?)", [now])
        ill = Pair(
            "ill/T1", "ill", "patient of ill", "T1", LEFT, False, "train", "nifti", (Path("/data/ill/T1.nii"),),
            "hash of ill/T1", None, "s",
        )  # fmt: skip
        pairs = read_pairs(connection)
        assert pairs[0] == ill
        assert [(pair.image_id, pair.text, pair.normal, pair.split) for pair in pairs[1:]] == [
            ("well/DWI", NORMAL_TEXT, True, None),
            ("well/T1", NORMAL_TEXT, True, None),
        ]
        assert read_pairs(connection, "train") == [ill]
        assert read_pairs(connection, "test") == []
        assert count_pairs(connection)._asdict() == {
            "images": 5,
            "images_without_report": 1,
            "images_without_text": 1,
            "pairs": 3,
            "normal_pairs": 2,
            "distinct_texts": 2,
            "reports_without_image": 1,
        }


def pair_of(file: Path, text: str, modality: Modality = "T2") -> Pair:
    return Pair(file.name, "r", "p", modality, text, False, "train", "nifti", (file,), content_hash([file]))


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    """The first has a lesion on the left; x grows to the patient's right, as in RAS."""
    voxels = np.zeros((40, 40, 12), np.float32)
    x, y = np.ogrid[:40, :40]
    voxels[(x - 19.5) ** 2 + (y - 19.5) ** 2 < 16**2] = 300
    voxels[8:13, 18:24, 4:8] = 1000
    lesion = write_nifti(tmp_path / "lesion.nii.gz", voxels, np.diag([4.0, 4, 8, 1]))
    other = write_nifti(tmp_path / "other.nii.gz", voxels[::-1].copy(), np.diag([4.0, 4, 8, 1]))
    return [pair_of(lesion, LEFT), pair_of(other, NORMAL_TEXT, "DWI")]


def test_a_flip_moves_the_lesion_and_its_side_in_the_text(pairs: list[Pair], tmp_path: Path) -> None:
    dataset = PairDataset(pairs, VolumeCache(tmp_path / "cache", RECIPE), augment=False, seed=0)
    seen, flipped = dataset[Draw(0, 0)], dataset[Draw(0, 0, mirrored=True)]
    assert (seen.text, flipped.text) == (LEFT, RIGHT)
    assert seen.modality == MODALITIES.index("T2")
    left_half, right_half = slice(12, 24), slice(0, 12)
    assert seen.image[..., left_half].max() > 0.9 > seen.image[..., right_half].max()
    assert flipped.image[..., right_half].max() > 0.9 > flipped.image[..., left_half].max()


def test_an_item_hangs_on_seed_epoch_and_pair_alone(pairs: list[Pair], tmp_path: Path) -> None:
    cache = VolumeCache(tmp_path / "cache", RECIPE)
    image = PairDataset(pairs, cache, augment=True, seed=5)[Draw(3, 0)].image
    again = PairDataset(pairs, cache, augment=True, seed=5)
    assert not torch.equal(again[Draw(4, 0)].image, image)
    assert torch.equal(again[Draw(3, 0)].image, image)
    assert not torch.equal(PairDataset(pairs, cache, augment=True, seed=6)[Draw(3, 0)].image, image)
    unchanged = PairDataset(pairs, cache, augment=False, seed=5)
    assert torch.equal(unchanged[Draw(3, 0)].image, cache.get(pairs[0]))


def test_a_volume_that_cannot_be_read_is_no_item(pairs: list[Pair], tmp_path: Path) -> None:
    pairs[1].files[0].write_bytes(b"nothing")
    with pytest.raises(UnusableImage, match=r"The image other.nii.gz cannot be used \(changed"):
        PairDataset(pairs, VolumeCache(tmp_path / "cache", RECIPE), augment=False, seed=0)[Draw(0, 1)]

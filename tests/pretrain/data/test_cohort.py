from pathlib import Path

import pytest

from selip_contracts.database_file import open_store, read_store
from selip_pretrain.data.cohort import Cohort, prepare_cohort, read_cohort
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError
from tests.pretrain.small_cohort import RECIPE, STUDIES, write_cohort


def test_the_test_split_is_not_touched(tmp_path: Path) -> None:
    db = write_cohort(tmp_path, STUDIES)
    cache = VolumeCache(tmp_path / "volumes", RECIPE)
    cohort = prepare_cohort(read_cohort(db, seed=0), cache)
    with read_store(db) as connection:
        query = "SELECT image_id FROM images JOIN splits USING (patient_id) WHERE split = 'test'"
        test = {name for (name,) in connection.execute(query).fetchall()}
    assert test
    for name in test:
        (tmp_path / "images" / name).unlink()
    assert test.isdisjoint(pair.image_id for pair in (*cohort.train, *cohort.validation))
    assert len(list(cache.folder.glob("*/*.safetensors"))) == len(cohort.train) + len(cohort.validation)
    again = prepare_cohort(read_cohort(db, seed=1), cache)
    assert again == cohort


def test_a_smaller_share_of_the_patients_is_part_of_a_larger_one(db: Path, cohort: Cohort) -> None:
    patients = [{pair.patient_id for pair in read_cohort(db, seed=3, share=share).train} for share in (0.3, 0.6, 1.0)]
    assert patients[0] < patients[1] < patients[2] == {pair.patient_id for pair in cohort.train}
    assert len(patients[0]) / len(patients[2]) == pytest.approx(0.3, abs=0.2)
    other_seed = read_cohort(db, seed=4, share=0.3)
    assert {pair.patient_id for pair in other_seed.train} != patients[0]
    assert other_seed.validation == cohort.validation


def test_an_empty_share_names_the_smallest_that_is_not(db: Path, cohort: Cohort) -> None:
    with pytest.raises(SelipError, match=r"The share 1e-06 of the .* is empty with the seed 0.* --share ") as refused:
        read_cohort(db, seed=0, share=1e-6)
    enough = float(str(refused.value).split()[-1].rstrip("."))
    found = read_cohort(db, seed=0, share=enough).train
    assert 0 < len({pair.patient_id for pair in found}) < len({pair.patient_id for pair in cohort.train})


def test_images_that_cannot_be_used_are_named_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = write_cohort(tmp_path, 60)
    cut = tmp_path / "images" / "S0000" / "DWI.nii.gz"
    cut.write_bytes(cut.read_bytes()[:500])
    cohort = prepare_cohort(read_cohort(db, seed=0), VolumeCache(tmp_path / "volumes", RECIPE))
    said = capsys.readouterr().err
    assert "60 of 60 images have a text, 6 of them the normal one; 25 texts are distinct." in said
    assert "1 images are left out:\n  S0000/DWI.nii.gz: changed, " in said
    assert "S0000/DWI.nii.gz" not in {pair.image_id for pair in (*cohort.train, *cohort.validation)}


def test_without_images_reports_or_validation_there_is_a_sentence(tmp_path: Path) -> None:
    db = write_cohort(tmp_path, 20)
    with open_store(db) as connection:
        connection.execute("INSERT INTO splits SELECT patient_id, 'train', now()::TIMESTAMP FROM images")
    with pytest.raises(
        SelipError, match=r"no pairs in the validation split.* and 20 patients in the train split: scan"
    ):
        read_cohort(db, seed=0)
    with open_store(db) as connection:
        connection.execute("UPDATE splits SET split = 'validation'")
    with pytest.raises(
        SelipError, match=r"no pairs in the train split.* and 20 patients in the validation split: scan"
    ):
        read_cohort(db, seed=0)
    with open_store(db) as connection:
        connection.execute("UPDATE images SET report_id = NULL")
    with pytest.raises(SelipError, match=r"None of the 20 images in .* has a text: 20 have no report"):
        read_cohort(db, seed=0)
    with open_store(db) as connection:
        connection.execute("DELETE FROM images")
    with pytest.raises(SelipError, match=r"There are no images in .*: scan their folder with selip-scan"):
        read_cohort(db, seed=0)
    with pytest.raises(SelipError, match="There is no database"):
        read_cohort(tmp_path / "absent.duckdb", seed=0)

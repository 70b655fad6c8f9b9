"""A cohort small enough to train on in a test: heads with one bright lesion, reports that name it, real files."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selip_contracts.database_file import open_store, utc_now
from selip_contracts.findings import Finding, Study
from selip_contracts.vocabulary import Modality, Side
from selip_extract.database.store import Store
from selip_extract.extraction import Extraction
from selip_extract.reports.report import Report
from selip_pretrain.model.configuration import PRESETS, Configuration
from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.preprocess import VolumeRecipe
from tests.pretrain.image_files import write_nifti

SHAPE = (32, 32, 16)
AFFINE = np.diag([-6.0, 6.0, 9.0, 1.0])
SITE_CENTRES = {
    "额叶": (16, 26, 9),
    "枕叶": (16, 6, 9),
    "小脑半球": (16, 10, 2),
    "顶叶": (16, 14, 13),
    "颞叶": (16, 18, 4),
    "丘脑": (16, 16, 8),
    "基底节区": (16, 28, 5),
    "岛叶": (16, 21, 11),
}
SIDES: tuple[Side | None, ...] = ("左侧", "右侧", None)
STUDIES = 200
RECIPE = VolumeRecipe(shape=(8, 32, 32))


def small_configuration(**changes: object) -> Configuration:
    """The preset for a CPU, smaller still, in single precision."""
    smaller = {"batch": 12, "steps": 20, "validate_every": 5, "precision": "fp32", "recipe": RECIPE}
    return Configuration.model_validate(PRESETS["small"] | smaller | changes)


def write_cohort(folder: Path, studies: int) -> Path:
    """A database in the folder, of studies with a DWI each; every tenth is normal."""
    return _write(folder, [_study(number) for number in range(studies)], ("DWI",))


def write_studies(folder: Path, studies: int) -> Path:
    """The same with a DWI, a T2 and a T1 each: DWI and T2 show a lesion each, T1 of every third study shows none."""
    return _write(folder, [_study_of_sequences(number) for number in range(studies)], ("DWI", "T2", "T1"))


def _write(folder: Path, studies: Sequence[Study], modalities: Sequence[Modality]) -> Path:
    db = folder / "selip.duckdb"
    chosen = {f"S{number:04}": study for number, study in enumerate(studies)}
    with Store(db) as store:
        store.add_reports([Report(name, name, row) for row, name in enumerate(chosen, start=1)], "reports.csv")
        run = store.begin_run({"extractor": "truth", "code_version": "1"})
        store.write(run, [Extraction(name, "ok", study, (), 0.1, None, None) for name, study in chosen.items()])
        store.finish_run(run, seconds=1, reports=len(studies))
    rows = []
    for number, ((name, study), modality) in enumerate(product(chosen.items(), modalities)):
        file = f"{modality}.nii.gz"
        path = write_nifti(folder / "images" / name / file, _head(study.on(modality), number), AFFINE)
        rows.append(
            (f"{name}/{file}", name, name, name, modality, "nifti", [str(path)], list(SHAPE), [6.0, 6.0, 9.0], "LAS",
             content_hash([path]), file, "test", utc_now(), None)
        )  # fmt: skip
    with open_store(db) as connection, connection.appender("images") as appender:
        appender.append_rows(rows)
    return db


def _study(number: int) -> Study:
    if number % 10 == 9:
        return Study()
    sites = list(SITE_CENTRES)
    site, side = sites[number % len(sites)], SIDES[number // len(sites) % 3]
    return Study(findings=(Finding(modality="DWI", side=side, site=site, signal="高"),))


def _study_of_sequences(number: int) -> Study:
    if number % 10 == 9:
        return Study()
    sites = list(SITE_CENTRES)[:4]
    on_dwi = Finding(modality="DWI", side=SIDES[number % 2], site=sites[number % len(sites)], signal="高")
    on_t2 = Finding(modality="T2", side=SIDES[number // 2 % 2], site=sites[number // 4 % len(sites)], signal="高")
    on_t1 = on_dwi.model_copy(update={"modality": "T1", "signal": "低"})
    return Study(findings=(on_dwi, on_t2) if number % 3 == 0 else (on_dwi, on_t2, on_t1))


def _head(findings: Sequence[Finding], seed: int) -> npt.NDArray[np.float32]:
    """An ellipsoid with noise, and 30 mm beside the middle (the patient's left is at high x) the bright lesion."""
    x, y, z = np.meshgrid(*(np.arange(size) for size in SHAPE), indexing="ij")
    head = 300.0 * (((x - 16) / 14) ** 2 + ((y - 16) / 15) ** 2 + ((z - 8) / 8) ** 2 < 1)
    for finding in findings:
        cx, cy, cz = SITE_CENTRES[finding.site]
        cx += {"左侧": 5, "右侧": -5, None: 0}[finding.side]
        head += 600.0 * ((x - cx) ** 2 + (y - cy) ** 2 + 2 * (z - cz) ** 2 < 12)
    noisy = head + np.random.default_rng(seed).normal(0, 20, SHAPE)
    return noisy.astype(np.float32)

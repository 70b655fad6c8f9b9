"""A cohort small enough to train on in a test: heads with one bright lesion, reports that name it, real files."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from selip_contracts.database_file import open_store, utc_now
from selip_contracts.findings import Finding, Study
from selip_contracts.vocabulary import Side
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
    db = folder / "selip.duckdb"
    chosen = {f"S{number:04}": _study(number) for number in range(studies)}
    with Store(db) as store:
        store.add_reports([Report(name, name, row) for row, name in enumerate(chosen, start=1)], "reports.csv")
        run = store.begin_run({"extractor": "truth", "code_version": "1"})
        store.write(run, [Extraction(name, "ok", study, (), 0.1, None, None) for name, study in chosen.items()])
        store.finish_run(run, seconds=1, reports=studies)
    rows = []
    for number, (name, study) in enumerate(chosen.items()):
        path = write_nifti(folder / "images" / name / "DWI.nii.gz", _head(study, number), AFFINE)
        rows.append(
            (f"{name}/DWI.nii.gz", name, name, name, "DWI", "nifti", [str(path)], list(SHAPE), [6.0, 6.0, 9.0], "LAS",
             content_hash([path]), "DWI.nii.gz", "test", utc_now(), None)
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


def _head(study: Study, seed: int) -> npt.NDArray[np.float32]:
    """An ellipsoid with noise, and 30 mm beside the middle (the patient's left is at high x) the bright lesion."""
    x, y, z = np.meshgrid(*(np.arange(size) for size in SHAPE), indexing="ij")
    head = 300.0 * (((x - 16) / 14) ** 2 + ((y - 16) / 15) ** 2 + ((z - 8) / 8) ** 2 < 1)
    for finding in study.findings:
        cx, cy, cz = SITE_CENTRES[finding.site]
        cx += {"左侧": 5, "右侧": -5, None: 0}[finding.side]
        head += 600.0 * ((x - cx) ** 2 + (y - cy) ** 2 + 2 * (z - cz) ** 2 < 12)
    noisy = head + np.random.default_rng(seed).normal(0, 20, SHAPE)
    return noisy.astype(np.float32)

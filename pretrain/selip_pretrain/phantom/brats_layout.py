"""Phantom gliomas in the folder layout of the BraTS 2019 archive."""

import csv
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

from selip_pretrain.phantom.head_model.anatomy import Anatomy
from selip_pretrain.phantom.head_model.grid import PhantomGrid
from selip_pretrain.phantom.phantom_cohort import on_anatomy
from selip_pretrain.phantom.render import PhantomRecipe
from selip_pretrain.phantom.study_files import fingerprint, is_complete, write_folder
from selip_pretrain.phantom.tumour import Grade, render_tumour
from selip_shared.files import write_text

FOLDER = "MICCAI_BraTS_2019_Data_Training"
MAPPING = "name_mapping.csv"
_YEARS = ("BraTS_2017_subject_ID", "BraTS_2018_subject_ID", "TCGA_TCIA_subject_ID", "BraTS_2019_subject_ID")
Subject = tuple[str, Grade]


def write_brats(
    folder: Path,
    subjects: int,
    recipe: PhantomRecipe,
    processes: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Write that many subjects, every other one of low grade, and return how many did not exist yet."""
    training = folder / FOLDER
    named: list[Subject] = [(f"BraTS19_PHANTOM_{n:04}_1", "LGG" if n % 2 else "HGG") for n in range(subjects)]
    pending = [s for s in named if not is_complete(_folder(training, s), fingerprint(":".join(s), recipe))]
    advance(len(named) - len(pending))
    for _ in on_anatomy(
        partial(_write_subject, training, recipe), pending, PhantomGrid(recipe.shape).slice_mm, processes
    ):
        advance(1)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("Grade", *_YEARS))
    writer.writerows((grade, "NA", "NA", "NA", name) for name, grade in named)
    write_text(training / MAPPING, table.getvalue())
    return len(pending)


def _write_subject(training: Path, recipe: PhantomRecipe, anatomy: Anatomy, subject: Subject) -> None:
    name, grade = subject
    rendered = render_tumour(name, grade, anatomy, recipe)
    files = {f"{name}_{key}": volume for key, volume in rendered.volumes.items()}
    truth = {"name": name, "grade": grade, "fingerprint": fingerprint(":".join(subject), recipe)}
    write_folder(_folder(training, subject), files | {f"{name}_seg": rendered.labels}, rendered.grid, truth)


def _folder(training: Path, subject: Subject) -> Path:
    name, grade = subject
    return training / grade / name

"""Labelled cases: studies with the volumes of the wanted sequences, a label, and a split."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import duckdb

from selip_contracts.database_file import read_store
from selip_contracts.vocabulary import Modality
from selip_downstream.datasets.brats import BratsCohort, read_brats
from selip_downstream.datasets.brats_split import split_patients
from selip_downstream.datasets.csv_table import read_csv_table
from selip_downstream.datasets.exclusions import Exclusion
from selip_pretrain.data.splits import SPLITS, Split, check_leakage
from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.read_volume import Source
from selip_shared.errors import SelipError
from selip_shared.messages.console import say

Key = Literal["report_id", "study", "patient_id"]
KEYS: tuple[Key, ...] = get_args(Key)
LABEL = "label"


@dataclass(frozen=True)
class CaseImage:
    """A volume of a case."""

    image_id: str
    modality: Modality
    source: Source
    files: tuple[Path, ...]
    content_hash: str
    frames: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Case:
    """A study: its volumes in the order of the wanted sequences."""

    name: str
    patient_id: str
    label: str
    split: Split
    images: tuple[CaseImage, ...]


@dataclass(frozen=True)
class LabelledCohort:
    """The cases of all splits, and those that are excluded."""

    cases: tuple[Case, ...]
    excluded: tuple[Exclusion, ...]

    def __post_init__(self) -> None:
        """SelipError where there is no case, only one class, or a split without a class."""
        classes = sorted({case.label for case in self.cases})
        if len(classes) < 2:
            found = f"only the label {classes[0]}" if classes else "no labelled case with these sequences"
            raise SelipError(f"There is {found}: two classes are needed to tell apart.")
        for split in SPLITS:
            for label in classes:
                if not any(case.split == split and case.label == label for case in self.cases):
                    raise SelipError(
                        f"No case with the label {label} is in the {split} split: label more cases, or leave it out."
                    )


@dataclass(frozen=True)
class LabelTable:
    """A label for each report, study or patient; `source` is where they were read."""

    key: Key
    labels: Mapping[str, str]
    source: str


def labelled_cohort(
    db: Path,
    labels: Path | None,
    sql: str | None,
    modalities: Sequence[Modality],
    own_splits: Mapping[str, Split] | None = None,
    by_study: bool = False,
) -> tuple[LabelledCohort, str]:
    """The scanned studies with the labels of a CSV file or of a query, and where the labels come from."""
    with closing(read_store(db)) as connection:
        check_leakage(connection)
        if labels is not None:
            table = read_labels(labels)
        else:
            assert sql is not None
            table = query_labels(connection, sql)
        return label_images(connection, table, modalities, own_splits, by_study), table.source


def brats_cohort(
    folder: Path, modalities: Sequence[Modality], seed: int, own_splits: Mapping[str, Split] | None = None
) -> tuple[LabelledCohort, str]:
    """The cases of a BraTS cohort with their grades, and where the labels come from."""
    return grade_cases(read_brats(folder), modalities, seed, own_splits), f"BraTS grades of {folder.name}"


def read_labels(path: Path) -> LabelTable:
    """A CSV with a column `label` and a column report_id, study or patient_id."""
    return _label_table(*read_csv_table(path), str(path))


def query_labels(connection: duckdb.DuckDBPyConnection, sql: str) -> LabelTable:
    """The same out of the database, e.g. SELECT report_id, normal AS label FROM studies WHERE normal IS NOT NULL."""
    try:
        found = connection.execute(sql)
        heading = [column[0] for column in found.description or ()]
        rows = found.fetchall()
    except duckdb.Error as error:
        raise SelipError(f"The query for labels fails ({str(error).splitlines()[0]}): correct it.") from error
    return _label_table(heading, rows, sql)


def label_images(
    connection: duckdb.DuckDBPyConnection,
    table: LabelTable,
    modalities: Sequence[Modality],
    own_splits: Mapping[str, Split] | None = None,
    by_study: bool = False,
) -> LabelledCohort:
    """The scanned studies that have a label, a split and the wanted sequences; the others are excluded.

    With `by_study` one of the sequences is enough. The splits are those of the pretraining, or the user's own by
    patient. How many patients of the pretraining are tested on is printed on stderr.
    """
    rows = connection.execute(
        """SELECT study, report_id, patient_id, split, modality, image_id, source, files, content_hash, frames
        FROM images LEFT JOIN splits USING (patient_id) ORDER BY patient_id, study, image_id"""
    ).fetchall()
    studies: dict[tuple[str, str], dict[Modality, CaseImage]] = defaultdict(dict)
    about: dict[tuple[str, str], tuple[str | None, Split | None]] = {}
    for study, report_id, patient_id, split, modality, image_id, source, files, content, frames in rows:
        paths, used = tuple(map(Path, files)), None if frames is None else tuple(frames)
        image = CaseImage(image_id, modality, source, paths, content, used)
        studies[patient_id, study][modality] = image
        about[patient_id, study] = report_id, split
    cases, excluded = [], []
    known: set[str] = set()
    for (patient_id, study), images in studies.items():
        report_id, assigned = about[patient_id, study]
        split = assigned if own_splits is None else own_splits.get(patient_id)
        if assigned == "train" and split == "test":
            known.add(patient_id)
        keys: dict[Key, str | None] = {"report_id": report_id, "study": study, "patient_id": patient_id}
        label = table.labels.get(keys[table.key] or "")
        lacking = [f"no {modality}" for modality in modalities if modality not in images]
        if by_study and len(lacking) < len(modalities):
            lacking = []
        lacking += ["no label"] if label is None else []
        lacking += ["no split"] if split is None else []
        if label is None or split is None or lacking:
            excluded.append(Exclusion(study, " and ".join(lacking)))
        else:
            cases.append(Case(study, patient_id, label, split, tuple(images[m] for m in modalities if m in images)))
    if known:
        say(
            f"{len(known):,} patients of the test split are in the training split of the database: encoders that were"
            " pretrained on them know their images.",
            sys.stderr,
        )
    return LabelledCohort(tuple(cases), tuple(excluded))


def grade_cases(
    cohort: BratsCohort, modalities: Sequence[Modality], seed: int, own_splits: Mapping[str, Split] | None = None
) -> LabelledCohort:
    """BraTS cases with their grades, split by patient and grade as for segmentation, or by the user's own splits."""
    cohort, splits = split_patients(cohort, seed, own_splits)
    usable = cohort.having(modalities, grade=True)
    cases = []
    for case in usable.cases:
        images = tuple(_brats_image(case.case, modality, case.images[modality]) for modality in modalities)
        cases.append(Case(case.case, case.patient_id, str(case.grade), splits[case.patient_id], images))
    return LabelledCohort(tuple(cases), usable.excluded)


def without(cohort: LabelledCohort, problems: Iterable[Exclusion]) -> LabelledCohort:
    """The cohort without the cases that hold these images, which are excluded for the same reason."""
    reasons = dict(problems)
    kept, excluded = [], list(cohort.excluded)
    for case in cohort.cases:
        bad = [image.image_id for image in case.images if image.image_id in reasons]
        if bad:
            excluded.append(Exclusion(case.name, reasons[bad[0]]))
        else:
            kept.append(case)
    return LabelledCohort(tuple(kept), tuple(excluded))


def _brats_image(case: str, modality: Modality, path: Path) -> CaseImage:
    return CaseImage(f"{case}/{path.name}", modality, "nifti", (path,), content_hash((path,)))


def _label_table(heading: Sequence[str], rows: Iterable[Sequence[object]], source: str) -> LabelTable:
    key = next((key for key in KEYS if key in heading), None)
    if key is None or LABEL not in heading:
        raise SelipError(
            f"The labels of {source} have the columns {', '.join(heading) or 'none'}: a column {LABEL} is needed, and "
            f"one of {', '.join(KEYS)}."
        )
    key_index, label_index = heading.index(key), heading.index(LABEL)
    labels: dict[str, str] = {}
    for row in rows:
        if len(row) <= max(key_index, label_index) or row[label_index] in (None, ""):
            continue
        name, label = str(row[key_index]), str(row[label_index])
        if labels.setdefault(name, label) != label:
            raise SelipError(f"{name} has the labels {labels[name]} and {label} in {source}: give it one.")
    return LabelTable(key, labels, source)

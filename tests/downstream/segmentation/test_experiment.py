import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from selip_contracts.database_file import read_store
from selip_downstream.cli.segment import command, main
from selip_downstream.datasets.brats import read_brats
from selip_downstream.evaluation.results import read_results
from selip_downstream.evaluation.tasks import Metric, Task
from selip_downstream.segmentation.cases import CaseCache, usable_cases
from selip_downstream.segmentation.experiment import share_of_cases
from selip_downstream.segmentation.metrics import region_scores
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.phantom.brats_layout import write_brats as write_phantom
from selip_pretrain.phantom.render import PhantomRecipe
from selip_pretrain.volumes.preprocess import VolumeRecipe
from selip_shared.errors import SelipError
from tests.commands import command as runner
from tests.downstream.datasets.small_brats import AFFINE, SHAPE, tumour, write_brats, write_case
from tests.pretrain.small_cohort import small_configuration

# nibabel is typed in part
load: Any = nib.load


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort and two checkpoints."""
    folder = tmp_path_factory.mktemp("segment")
    write_brats(folder / "BraTS19", 16)
    write_case(folder / "BraTS19/HGG/BraTS19_lacks", tumour(0, enhances=True), 0, ("t1", "t2"))
    for seed, name in enumerate(("clip", "soft"), start=1):
        SelipModel.build(small_configuration(seed=seed), ["在左侧额叶表现为高信号"]).save_pretrained(
            folder / name / "best"
        )
    return folder


def test_few_patients_are_among_more_and_of_both_grades(folder: Path, tmp_path: Path) -> None:
    cohort = usable_cases(
        read_brats(folder / "BraTS19"), [CaseCache(tmp_path, VolumeRecipe(shape=(8, 32, 32)), ["T1"])], 0
    )
    drawn = [share_of_cases(cohort, "train", share, seed=3) for share in (0.01, 0.5, 1)]
    for less, more in pairwise(drawn):
        assert {case.case for case in less} < {case.case for case in more}
        assert {case.grade for case in less} == {"HGG", "LGG"}
    assert drawn[-1] == cohort.part("train")
    assert share_of_cases(cohort, "train", 0.5, seed=4) != drawn[1]


def test_the_command_measures_every_model_on_a_share_of_the_patients(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, results = tmp_path / "out", tmp_path / "results.duckdb"
    run = runner(main, monkeypatch, capsys)
    arguments = [
        folder / "BraTS19", f"clip={folder}/clip/best", f"soft={folder}/soft/best", f"soft={folder}/clip/best",
        "--out", out, "--results", results,
        "--sequences", "T1CE,FLAIR", "--shares", "0.5", "--draws", 2, "--steps", 2, "--batch", 1, "--rounds", 100,
    ]  # fmt: skip
    code, said, progress = run(*arguments)
    assert code == 0, progress
    assert "BraTS19_lacks: no FLAIR and no T1CE" in progress
    assert "8/8: soft, training 2, 50% of the patients" in progress
    table = said.splitlines()
    assert any(
        line.startswith("  Dice, whole  ") and following.startswith("  tumour  ") for line, following in pairwise(table)
    )
    with read_store(results) as connection:
        figures = read_results(connection, Task.SEGMENTATION)
    models = {"random", "clip", "soft", "clip − random", "soft − random", "soft − clip"}
    assert {figure.model for figure in figures} == models
    assert [figures[0].configuration[key] for key in ("share", "seeds", "train", "steps")] == [0.5, [0, 1], 4, 2]
    scores = json.loads((out / "soft/training-1/0.5/seed-1/scores.json").read_text())
    assert {figure.n for figure in figures} == {len(scores)}
    networks = [f"training-{training}/0.5/seed-{seed}" for training in (1, 2) for seed in (0, 1)]
    dice = [
        case["Dice WT"]
        for network in networks
        for case in json.loads((out / "soft" / network / "scores.json").read_text()).values()
    ]
    (mean,) = (f.estimate.value for f in figures if (f.model, f.metric) == ("soft", "Dice WT"))
    assert mean == pytest.approx(np.mean(dice))
    check_predictions(folder / "BraTS19", out / "soft/training-1/0.5/seed-1", scores)

    written = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    assert run(*arguments)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")} == written
    code, _, said = run(*arguments, "--steps", 3)
    assert code == 1
    assert "holds a segmentation of other cases, weights or settings" in said


def check_predictions(cohort: Path, folder: Path, scores: dict[str, dict[str, float]]) -> None:
    """Every test case has a file that lies as its segmentation, and gives the scores that were written."""
    assert {path.name.removesuffix(".nii.gz") for path in (folder / "predictions").iterdir()} == set(scores)
    for case in read_brats(cohort).cases:
        if case.case in scores:
            predicted, true = load(folder / f"predictions/{case.case}.nii.gz"), load(case.segmentation)
            assert predicted.shape == SHAPE
            np.testing.assert_allclose(predicted.affine, AFFINE)
            np.testing.assert_allclose(predicted.get_qform(), AFFINE, atol=1e-4)
            own, truth = (np.asarray(image.dataobj) for image in (predicted, true))
            assert set(np.unique(own)) <= {0, 1, 2, 4}
            unified = [np.where(labels == 4, 3, labels).astype(np.uint8) for labels in (own, truth)]
            assert scores[case.case] == pytest.approx(region_scores(unified[0], unified[1], (5, 5, 6)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sequences": "T1,T9"}, "There is no sequence T9"),
        ({"shares": "1,5"}, "The shares 1,5 are not numbers above 0"),
        ({"patch": "16,64"}, "16,64 is not depth, height and width in voxels"),
        ({"shape": "0,64,64"}, "0,64,64 is not depth, height and width in voxels"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence(
    folder: Path, tmp_path: Path, options: dict[str, str], said: str
) -> None:
    with pytest.raises(SelipError, match=said):
        command(folder / "BraTS19", [f"{folder}/soft/best"], tmp_path, **options)  # type: ignore[arg-type]


@pytest.mark.slow
def test_tumours_of_a_phantom_cohort_are_found(folder: Path, tmp_path: Path) -> None:
    brats, db = tmp_path / "brats", tmp_path / "selip.duckdb"
    write_phantom(brats, 30, PhantomRecipe(seed=0, shape=(24, 64, 64)), 1, lambda _: None)
    command(
        brats, [f"{folder}/soft/best"], tmp_path / "out", db=db, shares="1", draws=1,
        shape="24,64,64", patch="16,64,64", steps=200, rate=0.003, rounds=100,
    )  # fmt: skip
    with read_store(db) as connection:
        found = {(f.model, f.metric): f.estimate.value for f in read_results(connection, Task.SEGMENTATION)}
    assert (found["soft", Metric.DICE_WT] or 0) > 0.8
    assert (found["soft", Metric.DICE_TC] or 0) > 0.6

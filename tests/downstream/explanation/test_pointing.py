import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from selip_contracts.database_file import open_store, read_store
from selip_downstream.cli.pointing import main
from selip_downstream.evaluation.compared_models import EvaluatedModel
from selip_downstream.evaluation.results import read_results
from selip_downstream.evaluation.tasks import Task
from selip_downstream.explanation.occlusion import head_of
from selip_downstream.explanation.pointing import (
    ALL_SITES,
    TOLERANCE_MM,
    findings_of,
    point,
    pointing_results,
    read_lesion_labels,
)
from selip_pretrain.data.pairs import Pair
from selip_pretrain.data.splits import Shares, assign_splits
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.preprocess import grid_of, prepare, prepare_mask
from selip_pretrain.volumes.read_volume import Volume, read_volume
from selip_shared.errors import SelipError
from tests.commands import command
from tests.downstream.oracle_model import LEFT, RIGHT, head, seeing_model
from tests.pretrain.image_files import write_nifti
from tests.pretrain.small_cohort import AFFINE, RECIPE, SHAPE, SITE_CENTRES, small_configuration, write_cohort

# Voxels of the file, whose first axis points to the left: in the quarter that the model looks at, and opposite to it.
IN_QUARTER, ELSEWHERE = (22, 23, 10), (10, 8, 5)


def write_phantom(folder: Path, report_id: str, places: dict[tuple[str, str], tuple[int, int, int]]) -> dict[str, Any]:
    """Masks around these voxels, and what truth.json says of the study."""
    mask = np.zeros(SHAPE, np.uint8)
    lesions = []
    for label, ((side, site), (x, y, z)) in enumerate(places.items(), start=1):
        mask[x - 3 : x + 4, y - 3 : y + 4, z - 1 : z + 2] = label
        lesions.append({"label": label, "side": side, "site": site, "voxels": 147})
    write_nifti(folder / report_id / "lesions.nii.gz", mask, AFFINE)
    return {"report_id": report_id, "lesions": lesions}


def test_a_model_hits_what_it_looks_at_and_chance_is_the_share_of_the_head(tmp_path: Path) -> None:
    pairs, studies = [], []
    for number in range(6):
        path = write_nifti(tmp_path / f"r{number}" / "DWI.nii.gz", head(), AFFINE)
        text = f"{LEFT}，{RIGHT}，在脑桥表现为低信号"
        pairs.append(Pair(f"i{number}", f"r{number}", f"p{number}", "DWI", text, False, "test", "nifti", (path,),
                          content_hash([path])))  # fmt: skip
        places = {("左侧", "额叶"): IN_QUARTER, ("右侧", "额叶"): ELSEWHERE}
        studies.append(write_phantom(tmp_path, f"r{number}", places))
    (tmp_path / "truth.json").write_text(json.dumps({"recipe": {}, "studies": studies}), encoding="utf-8")

    findings = findings_of(pairs, read_lesion_labels(tmp_path))
    assert [(finding.statement, finding.label) for finding in findings[:2]] == [(LEFT, 1), (RIGHT, 2)]
    seeing, blind = seeing_model(), SelipModel.build(small_configuration(), [LEFT, RIGHT]).train(False)
    models = [
        EvaluatedModel(name, model, "here")
        for name, model in (("seeing", seeing), ("blind", blind), ("two seeds", seeing), ("two seeds", blind))
    ]
    pointed = point(findings, models, tmp_path, tmp_path / "cache")
    assert [one.hits["seeing"] for one in pointed if one.finding.statement == LEFT] == [[1.0]] * 6
    assert [one.hits["seeing"] for one in pointed if one.finding.statement == RIGHT] == [[0.0]] * 6
    for one in pointed:
        assert one.hits["two seeds"] == [*one.hits["seeing"], *one.hits["blind"]]

    volume = read_volume(pairs[0].files, "nifti")
    grid = grid_of(volume, RECIPE)
    mask = np.zeros(SHAPE, np.float32)
    x, y, z = IN_QUARTER
    mask[x - 3 : x + 4, y - 3 : y + 4, z - 1 : z + 2] = 1
    inside = np.argwhere(prepare_mask(Volume(mask, AFFINE), grid)[0].numpy() > 0)
    of_head = np.argwhere(head_of(prepare(volume, RECIPE)).numpy())
    spacing = np.linalg.norm(grid.affine[:3, :3], axis=0)
    near = cdist(of_head * spacing, inside * spacing).min(1) <= TOLERANCE_MM
    assert pointed[0].chance == pytest.approx(near.mean(), rel=0.005)  # The cache keeps bytes.

    of_all, of_site = pointing_results(pointed, "test", {"models": {}}, rounds=100, seed=0)
    value = {figure.model: figure.estimate for figure in of_all}
    assert value["seeing"].value == 0.5
    assert value["seeing − chance"].low is not None
    assert (of_all[0].n, of_all[0].configuration["site"], of_site[0].configuration["site"]) == (12, ALL_SITES, "额叶")
    assert of_all[0].configuration["units"] == 6


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort that is split, a checkpoint, and masks beside its images."""
    folder = tmp_path_factory.mktemp("cohort")
    db = write_cohort(folder, 20)
    with open_store(db) as connection:
        assign_splits(connection, 0, Shares(train=0.4, validation=0.1, test=0.5))
        rows = connection.execute("SELECT report_id, side, site FROM findings").fetchall()
    sides = {"左侧": -5, "右侧": 5, None: 0}
    studies = []
    for report_id, side, site in rows:
        x, y, z = SITE_CENTRES[site]
        studies.append(write_phantom(folder / "images", report_id, {(side, site): (x + sides[side], y, z)}))
    (folder / "images" / "truth.json").write_text(json.dumps({"studies": studies}), encoding="utf-8")
    SelipModel.build(small_configuration(seed=1), [LEFT]).save_pretrained(folder / "soft" / "best")
    return folder


def test_the_command_keeps_figures_of_every_model_and_of_chance(
    measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = command(main, monkeypatch, capsys)
    db, results = measured / "selip.duckdb", measured / "results.duckdb"
    code, said, progress = run(
        measured / "soft/best", "--phantom", measured / "images", "--db", db, "--results", results,
        "--most", 3, "--rounds", 100,
    )  # fmt: skip
    assert code == 0, progress
    assert "all sites: 3 findings" in said
    with read_store(results) as connection:
        figures = read_results(connection, Task.EXPLANATION)
    assert {figure.model for figure in figures} == {
        "chance", "random", "soft", "random − chance", "soft − chance", "soft − random",
    }  # fmt: skip
    assert figures[0].configuration["images"] == 3


def test_what_cannot_be_pointed_at_is_said_in_a_sentence(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = command(main, monkeypatch, capsys)
    db = measured / "selip.duckdb"
    code, _, complaint = run(f"chance={measured}/soft/best", "--phantom", measured / "images", "--db", db)
    assert code == 1
    assert "No model may be called chance here" in complaint
    with pytest.raises(SelipError, match=r"There is no truth\.json in"):
        read_lesion_labels(tmp_path)
    (tmp_path / "truth.json").write_text('{"studies": [{"report_id": "r", "lesions": [{"label": "one"}]}]}')
    with pytest.raises(SelipError, match="is not selip-phantom's"):
        read_lesion_labels(tmp_path)
    (tmp_path / "truth.json").write_text('{"studies": []}')
    code, _, complaint = run(measured / "soft/best", "--phantom", tmp_path, "--db", db)
    assert code == 1
    assert complaint.startswith("No image of the test split has a finding with a mask in")

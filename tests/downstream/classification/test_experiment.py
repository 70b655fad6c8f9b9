import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from selip_contracts.database_file import open_store, read_store
from selip_contracts.vocabulary import Modality
from selip_downstream.classification.experiment import classify, frozen
from selip_downstream.classification.zero_shot_experiment import ZeroShotEmbeddings, statements_of, zero_shot
from selip_downstream.cli.classify import command
from selip_downstream.datasets.labelled_cases import Case
from selip_downstream.evaluation.protocol import EvaluationProtocol
from selip_downstream.evaluation.results import MetricResult, read_results
from selip_downstream.evaluation.tasks import Metric, Task
from selip_pretrain.data.pairs import Pair
from selip_pretrain.data.splits import SPLITS, Shares, Split, assign_splits
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.training.zero_shot import questions_of
from selip_shared.errors import SelipError
from tests.pretrain.image_files import write_nifti
from tests.pretrain.small_cohort import AFFINE, SHAPE, small_configuration, write_cohort

LEFT = "在左侧额叶表现为高信号"
RIGHT = "在右侧额叶表现为高信号"
PROTOCOL = EvaluationProtocol(shares=(0.1, 1.0), seeds=(0, 1, 2), rounds=100, bootstrap_seed=0)


def cases(count: int) -> list[Case]:
    splits: tuple[Split, ...] = SPLITS
    return [Case(f"c{i}", f"p{i}", "ab"[i % 2], splits[i // 2 % 3], ()) for i in range(count)]


def test_figures_of_classification_say_what_was_learnt_from_and_who_leads() -> None:
    cohort = cases(240)
    draw = np.random.default_rng(0)
    noise = draw.normal(size=(240, 8)).astype(np.float32)
    knowing = noise + np.array([[3.0 * (case.label == "b")] * 8 for case in cohort], np.float32)
    lists = list(
        classify(cohort, frozen(cohort, {"blind": [noise], "knowing": [knowing]}), PROTOCOL, {"labels": "test"})
    )
    assert [(found[0].configuration["classifier"], found[0].configuration["share"]) for found in lists] == [
        ("k-NN", 0.1), ("k-NN", 1.0), ("linear probe", 0.1), ("linear probe", 1.0),
    ]  # fmt: skip
    few, full = lists[2][0].configuration, lists[3][0].configuration
    assert (few["train"], few["validation"], few["seeds"]) == (8, 8, [0, 1, 2])
    assert (full["train"], full["validation"], full["seeds"]) == (80, 80, [0])
    assert few["classes"] == {"a": 40, "b": 40}
    assert few["labels"] == "test"
    for found in lists:
        area = {figure.model: figure.estimate for figure in found if figure.metric == "AUC"}
        lead = area["knowing − blind"]
        assert area["knowing"].value is not None
        assert area["knowing"].value > 0.9
        assert lead.low is not None
        assert lead.low > 0.2


def pair(number: int, text: str, modality: Modality = "T2") -> Pair:
    return Pair(f"i{number}", f"r{number}", f"p{number}", modality, text, False, "test", "nifti", (), "")


def test_figures_of_zero_shot_say_how_many_questions_of_each_kind_there_were() -> None:
    pairs = [pair(i, (LEFT, RIGHT)[i % 2]) for i in range(12)]
    questions = questions_of([one.text for one in pairs], [one.modality for one in pairs])
    statements = statements_of(questions)
    left, right = np.array([1, 0, 0], np.float32), np.array([0, 1, 0], np.float32)
    neither = np.array([0, 0, 1], np.float32)
    of_side = {text: left if "左侧" in text else right if "右侧" in text else neither for text in statements}
    images = np.stack([of_side[one.text] for one in pairs])
    backwards, forwards = ZeroShotEmbeddings(images[::-1], {"T2": of_side}), ZeroShotEmbeddings(images, {"T2": of_side})
    embeddings = {"wrong": [backwards], "right": [forwards], "two seeds": [backwards, forwards]}
    together, t2 = zero_shot(pairs, questions, embeddings, PROTOCOL, {}, "test")
    assert together[0].configuration["questions"] == {"side": 2, "signal": 2}
    assert (together[0].n, t2[0].n, t2[0].configuration["sequence"]) == (12, 12, "T2")
    value = {(figure.model, figure.metric): figure.estimate.value for figure in together}
    assert value["right", Metric.AUC_SIDE] == 1.0
    assert value["wrong", Metric.AUC_SIDE] == 0.0
    assert value["two seeds", Metric.AUC_SIDE] == 0.5
    assert value["right − wrong", Metric.AUC_SIGNAL] == 1.0


def test_a_model_of_several_trainings_has_the_mean_of_their_figures() -> None:
    cohort = cases(120)
    draw = np.random.default_rng(1)
    seeds = [draw.normal(size=(120, 8)).astype(np.float32) for _ in range(3)]
    for number, own in enumerate(seeds):
        own += number * np.array([[case.label == "b"] for case in cohort])
    each = {f"seed {number}": [own] for number, own in enumerate(seeds)}
    for found in classify(cohort, frozen(cohort, {**each, "all": seeds}), PROTOCOL, {}):
        value = {(figure.model, figure.metric): figure.estimate.value or 0 for figure in found}
        for metric in (Metric.AUC, Metric.ACCURACY, Metric.MACRO_F1):
            assert value["all", metric] == pytest.approx(np.mean([value[name, metric] for name in each]))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort that is split, and a checkpoint beside it."""
    folder = tmp_path_factory.mktemp("cohort")
    with open_store(write_cohort(folder, 60)) as connection:
        assign_splits(connection, 0, Shares(train=0.4, validation=0.2, test=0.4))
    SelipModel.build(small_configuration(seed=1), [LEFT]).save_pretrained(folder / "soft" / "best")
    return folder


def stored(db: Path, task: Task) -> list[MetricResult]:
    with read_store(db) as connection:
        return read_results(connection, task)


def test_the_command_classifies_by_labels_out_of_the_database(measured: Path) -> None:
    db = measured / "selip.duckdb"
    sql = "SELECT report_id, bool_or(side = '左侧') AS label FROM findings WHERE side IS NOT NULL GROUP BY ALL"
    ran = subprocess.run(
        [sys.executable, "-c", "from selip_downstream.cli.classify import main; main()",
         str(measured / "soft/best"), "--db", str(db), "--sql", sql, "--sequences", "DWI", "--rounds", "100"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "cases are left out" in ran.stderr
    assert "S0009: no label" in ran.stderr
    assert "linear probe, 100% of the labels" in ran.stdout
    figures = stored(db, Task.CLASSIFICATION)
    assert {figure.model for figure in figures} == {"random", "soft", "soft − random"}
    assert {figure.configuration["labels"] for figure in figures} == {sql}
    assert f"{len(figures):,} figures are added" in ran.stdout


def test_the_command_asks_statements_where_there_are_no_labels(
    measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command([f"soft={measured}/soft/best"], db=measured / "selip.duckdb", split="train", rounds=100)
    assert "Zero-shot, together:" in capsys.readouterr().out
    figures = stored(measured / "selip.duckdb", Task.ZERO_SHOT)
    assert {figure.split for figure in figures} == {"train"}
    assert {figure.configuration["sequence"] for figure in figures} == {"together", "DWI"}


def test_the_command_tells_grades_of_brats_apart(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cohort = measured / "BraTS19"
    draw = np.random.default_rng(0)
    for number in range(16):
        grade = ("HGG", "LGG")[number % 2]
        name = f"BraTS19_{number:03}"
        voxels = draw.normal(100, 5, SHAPE)
        voxels[4:28, 4:28, 3:14] += 200
        if grade == "HGG":
            voxels[8:14, 10:18, 6:11] += 600
        write_nifti(cohort / grade / name / f"{name}_t1ce.nii.gz", voxels.astype(np.float32), AFFINE)
    write_nifti(cohort / "LGG/BraTS19_lacks/BraTS19_lacks_flair.nii.gz")
    command([f"soft={measured}/soft/best"], db=measured / "selip.duckdb", results=measured / "brats.duckdb",
            brats=cohort, rounds=100, draws=1, shares="1", finetune=True, finetune_rounds=1)  # fmt: skip
    said = capsys.readouterr()
    assert "BraTS19_lacks: no T1CE" in said.err
    assert "tested on 2 HGG, 2 LGG" in said.out
    figures = stored(measured / "brats.duckdb", Task.CLASSIFICATION)
    assert {figure.configuration["labels"] for figure in figures} == {"BraTS grades of BraTS19"}
    assert {figure.configuration["classifier"] for figure in figures} == {"k-NN", "linear probe", "full finetuning"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sequences": "T1CE,T9"}, "There is no sequence T9: name some of T1, T2"),
        ({"shares": "0.1,none"}, "The shares 0.1,none are not numbers"),
        ({"shares": "0,1"}, "The shares 0,1 are not numbers above 0"),
        ({"sql": "SELECT 1", "labels": Path("labels.csv")}, "Give one of --labels, --sql and --brats"),
        ({"split": "exam"}, "There is no split exam"),
        ({"sql": "SELECT report_id, '1' AS label FROM reports", "sequences": "DWI"}, "only the label 1"),
        ({"sql": "SELECT report_id, '1' AS label FROM reports", "sequences": "SWI"}, "no labelled case with these"),
    ],
)
def test_what_cannot_be_classified_is_said_in_a_sentence(
    measured: Path, options: dict[str, str | Path], said: str
) -> None:
    with pytest.raises(SelipError, match=said):
        command([str(measured / "soft/best")], db=measured / "selip.duckdb", **options)  # type: ignore[arg-type]

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from selip_contracts.database_file import open_store, read_store
from selip_contracts.statements import NORMAL_TEXT
from selip_contracts.vocabulary import Modality
from selip_downstream.cli.retrieve import command
from selip_downstream.evaluation.results import MetricResult, read_results
from selip_downstream.evaluation.tasks import Task
from selip_downstream.retrieval.experiment import Embedded, distinct_texts, galleries, retrieve
from selip_pretrain.data.pairs import Pair
from selip_pretrain.data.splits import Shares, assign_splits
from selip_pretrain.model.selip_model import SelipModel
from selip_shared.errors import SelipError
from tests.pretrain.small_cohort import small_configuration, write_cohort

LEFT = "在左侧额叶表现为高信号"
RIGHT = "在右侧额叶表现为高信号"
OTHER = "在左侧枕叶表现为低信号"


def pair(number: int, text: str, modality: Modality = "T2") -> Pair:
    return Pair(
        f"i{number}", f"r{number}", f"p{number // 2}", modality, text, text == NORMAL_TEXT, "test", "nifti", (), ""
    )


def by_key(lists: list[list[MetricResult]]) -> dict[tuple[str, ...], MetricResult]:
    return {
        (f.model, f.configuration["sequence"], f.configuration["direction"], f.configuration["texts"], f.metric): f
        for figures in lists
        for f in figures
    }


def test_of_three_models_the_perfect_one_leads_and_the_figures_say_on_what_they_rest() -> None:
    texts = [LEFT, RIGHT, OTHER, NORMAL_TEXT, NORMAL_TEXT, LEFT, RIGHT, OTHER]
    modalities: list[Modality] = ["T2", "T2", "T2", "T2", "DWI", "DWI", "DWI", "ADC"]
    pairs = [pair(i, text, modality) for i, (text, modality) in enumerate(zip(texts, modalities, strict=True))]
    distinct = distinct_texts(pairs)
    own = torch.tensor([distinct.index(text) for text in texts])
    eye = torch.eye(len(distinct))
    wrong_side = eye.clone()
    left, right = distinct.index(LEFT), distinct.index(RIGHT)
    wrong_side[[left, right]] = eye[[right, left]]
    embedded = {
        "same": [Embedded(torch.ones(8, 4), torch.ones(4, 4))],
        "wrong side": [Embedded(wrong_side[own], eye)],
        "perfect": [Embedded(eye[own], eye)],
        "two seeds": [Embedded(wrong_side[own], eye), Embedded(eye[own], eye)],
    }
    found = by_key(list(retrieve(pairs, embedded, {"models": "four"}, "test", galleries(pairs), rounds=100, seed=0)))

    assert {key[1] for key in found} == {"together", "T2", "DWI"}
    for direction, metric in (("image to text", "site of first hit"), ("text to image", "top-1 of equal text")):
        assert found["perfect", "together", direction, "distinct", metric].estimate.value == 1.0
    of = {metric: found["wrong side", "together", "image to text", "distinct", f"{metric} of first hit"].estimate.value
          for metric in ("site", "side", "signal")}  # fmt: skip
    assert of == {"site": 1.0, "side": 0.5, "signal": 0.5}
    assert found["same", "together", "image to text", "all", "top-1 of own"].estimate.value == 1 / 8
    middle = found["two seeds", "together", "image to text", "distinct", "top-1 of equal text"]
    assert middle.estimate.value == 0.75
    lead = found["perfect − wrong side", "together", "image to text", "distinct", "top-1 of equal text"]
    assert lead.estimate.value == 0.5
    assert lead.n == 8
    assert lead.configuration == {
        "models": "four", "sequence": "together", "direction": "image to text", "texts": "distinct",
        "gallery": 4, "distinct_texts": 4, "repeated_texts": 4, "images": 8,
        "resampled": "patients", "units": 4, "rounds": 100, "bootstrap_seed": 0,
    }  # fmt: skip
    asked = found["perfect", "T2", "text to image", "distinct", "nDCG@10 by side and site"]
    assert (asked.n, asked.configuration["gallery"], asked.configuration["resampled"]) == (4, 4, "texts")
    assert asked.estimate.value == pytest.approx(1.0)


def test_ndcg_grades_by_side_and_site_alone() -> None:
    other_signal = LEFT.replace("高", "低")
    pairs = [pair(0, LEFT), pair(2, other_signal), pair(4, RIGHT)]
    embedding = {LEFT: [1.0, 0.5, 0.0], other_signal: [0.5, 1.0, 0.0], RIGHT: [0.0, 0.0, 1.0]}
    texts = torch.tensor([embedding[text] for text in distinct_texts(pairs)])
    swapped = torch.tensor([embedding[text] for text in (other_signal, LEFT, RIGHT)])
    found = by_key(
        list(retrieve(pairs, {"model": [Embedded(swapped, texts)]}, {}, "test", galleries(pairs), rounds=100, seed=0))
    )
    of = {metric: found["model", "together", "image to text", "distinct", metric].estimate.value
          for metric in ("top-1 of equal text", "signal of first hit", "nDCG@10 by side and site")}  # fmt: skip
    assert of == {
        "top-1 of equal text": pytest.approx(1 / 3),
        "signal of first hit": pytest.approx(1 / 3),
        "nDCG@10 by side and site": pytest.approx(1.0),
    }


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort that is split, one of whose volumes is gone, and two checkpoints beside it."""
    folder = tmp_path_factory.mktemp("cohort")
    db = write_cohort(folder, 60)
    with open_store(db) as connection:
        assign_splits(connection, 0, Shares(train=0.4, validation=0.1, test=0.5))
        (first, *_) = connection.execute("SELECT files[1] FROM pairs WHERE split = 'test' ORDER BY image_id").fetchall()
    Path(first[0]).unlink()
    for name, seed in (("clip", 1), ("soft", 2)):
        SelipModel.build(small_configuration(seed=seed), [LEFT]).save_pretrained(folder / name / "best")
    return folder


def test_the_command_measures_checkpoints_beside_untrained_weights_and_keeps_every_figure(measured: Path) -> None:
    db = measured / "selip.duckdb"
    code = "from selip_downstream.cli.retrieve import main; main()"
    checkpoints = [str(measured / "clip/best"), str(measured / "soft/best")]
    ran = subprocess.run(
        [sys.executable, "-c", code, *checkpoints, "--db", str(db), "--rounds", "100"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "1 images are left out" in ran.stderr
    assert "missing" in ran.stderr
    assert "together, image to text: " in ran.stdout
    assert "nDCG: side, site" in ran.stdout
    with read_store(db) as connection:
        figures = read_results(connection, Task.RETRIEVAL)
        images = connection.execute("SELECT count(*) FROM pairs WHERE split = 'test'").fetchall()[0][0] - 1
    assert f"{len(figures):,} figures are added" in ran.stdout
    assert {figure.model for figure in figures} == {
        "random", "clip", "soft", "clip − random", "soft − random", "soft − clip",
    }  # fmt: skip
    assert {figure.n for figure in figures if figure.configuration["direction"] == "image to text"} == {images}
    assert all(figure.configuration["images"] == images for figure in figures)
    for name in ("clip", "soft"):
        assert any(str(measured / name / "best") in str(f.configuration["models"]) for f in figures)


def test_figures_go_into_a_database_of_their_own_and_the_other_is_only_read(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db, results = measured / "selip.duckdb", tmp_path / "results.duckdb"
    before = db.read_bytes()
    with read_store(db):  # While it is read it cannot be opened for writing.
        command([str(measured / "clip/best")], db=db, results=results, rounds=100, split="validation")
    assert db.read_bytes() == before
    assert f"are added to the table results of {results}." in capsys.readouterr().out
    with read_store(results) as connection:
        assert {figure.split for figure in read_results(connection, Task.RETRIEVAL)} == {"validation"}


@pytest.mark.parametrize(
    ("checkpoints", "options", "said"),
    [
        (["{0}/clip/best"], {"split": "tests"}, "There is no split tests: name one of train, validation, test."),
        (["random={0}/clip/best"], {}, "Two models are called random: give them names, as in NAME=FOLDER."),
        (["a − b={0}/clip/best"], {}, "marks a difference"),
        (["{0}/absent"], {}, "absent"),
        (["{0}/clip/best"], {"results": Path("nowhere/results.duckdb")}, "The folder nowhere for the database"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_sentence(
    measured: Path, checkpoints: list[str], options: dict[str, str | Path], said: str
) -> None:
    with pytest.raises(SelipError, match=said):
        command([name.format(measured) for name in checkpoints], db=measured / "selip.duckdb", **options)  # type: ignore[arg-type]


def test_without_splits_it_is_said_how_they_come_about(tmp_path: Path) -> None:
    with pytest.raises(SelipError, match="selip-pretrain assigns patients to splits"):
        command(["any"], db=write_cohort(tmp_path, 3))


def test_few_patients_without_a_test_split_are_told_the_ways_out(tmp_path: Path) -> None:
    db = write_cohort(tmp_path, 6)
    with open_store(db) as connection:
        assign_splits(connection, 0, Shares(train=1, validation=0, test=0))
    with pytest.raises(SelipError, match=r"test split of .*\(6 in train, 0 in validation, 0 in test\): scan more"):
        command(["any"], db=db)

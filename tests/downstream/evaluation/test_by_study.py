"""Studies as a whole in retrieval and classification, and the tables of embeddings and predictions."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from selip_contracts.database_file import open_store, read_store
from selip_downstream.cli.classify import command as classify
from selip_downstream.cli.retrieve import command as retrieve
from selip_downstream.evaluation.results import read_results
from selip_downstream.evaluation.tasks import Task
from selip_pretrain.data.pairs import read_pairs
from selip_pretrain.data.splits import Shares, assign_splits
from selip_pretrain.data.studies import studies_of
from selip_pretrain.model.selip_model import SelipModel
from selip_shared.errors import SelipError
from tests.pretrain.small_cohort import small_configuration, write_studies

LEFT = "在左侧额叶表现为高信号"
SIDES = "SELECT report_id, bool_or(side = '左侧') AS label FROM findings WHERE modality = 'DWI' GROUP BY ALL"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Studies that are split, some without their T2, and checkpoints with and without a study encoder."""
    folder = tmp_path_factory.mktemp("studies")
    with open_store(write_studies(folder, 60)) as connection:
        assign_splits(connection, 0, Shares(train=0.5, validation=0.25, test=0.25))
        connection.execute("DELETE FROM images WHERE modality = 'T2' AND report_id LIKE '%3'")
    for name, study_encoder in (("studies", True), ("volumes", False)):
        configuration = small_configuration(study_encoder=study_encoder)
        SelipModel.build(configuration, [f"T1T2DWI：；{LEFT}"]).save_pretrained(folder / name)
    return folder


def rows_of(query: str) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


def test_studies_find_their_texts_and_their_embeddings_are_a_table(measured: Path, tmp_path: Path) -> None:
    db, table = measured / "selip.duckdb", tmp_path / "embeddings.parquet"
    retrieve([f"m={measured}/studies"], db=db, by="study", embeddings=table, rounds=100)
    with read_store(db) as connection:
        figures = read_results(connection, Task.RETRIEVAL)
        studies = studies_of(read_pairs(connection, "test", by_study=True))
    assert {figure.configuration["sequence"] for figure in figures} == {"studies"}
    assert {figure.configuration["images"] for figure in figures} == {len(studies)}
    rows = rows_of(f"SELECT * FROM '{table}' WHERE model = 'm'")
    of_studies = {report_id: text for _, _, _, report_id, image_id, _, text, _ in rows if report_id and not image_id}
    assert of_studies == {study.pairs[0].report_id: study.text for study in studies}
    assert {text for _, _, _, report_id, *_, text, _ in rows if not report_id} == set(of_studies.values())
    assert np.linalg.norm([embedding for *_, embedding in rows], axis=1) == pytest.approx(1)
    retrieve([f"m={measured}/studies"], db=db, results=tmp_path / "r.duckdb", embeddings=table, rounds=100)
    ((volumes,),) = rows_of(f"SELECT count(DISTINCT image_id) FROM '{table}'")
    assert volumes > 2 * len(studies)


def test_statements_on_a_sequence_are_asked_of_the_study(measured: Path, tmp_path: Path) -> None:
    table, results = tmp_path / "predictions.parquet", tmp_path / "results.duckdb"
    for by in ("sequence", "study"):
        classify([f"m={measured}/studies"], db=measured / "selip.duckdb", results=results, split="train", by=by,
                 predictions=table, rounds=100)  # fmt: skip
    with read_store(results) as connection:
        figures = read_results(connection, Task.ZERO_SHOT)
    asked = [{f.metric: f.n for f in figures if f.configuration.get("by") == by} for by in (None, "study")]
    assert asked[0] == asked[1]
    ((questions, scores),) = rows_of(
        f"""SELECT count(DISTINCT (question, modality, site, side, signal_class)), count(DISTINCT score)
        FROM '{table}' WHERE model = 'm'"""
    )
    assert questions >= 3
    assert scores > 3 * questions


def test_a_labelled_study_needs_one_of_the_sequences(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, results = tmp_path / "predictions.parquet", tmp_path / "results.duckdb"
    for by in ("study", "sequence"):
        classify([f"m={measured}/studies"], db=measured / "selip.duckdb", results=results, sql=SIDES, by=by,
                 sequences="DWI,T2", shares="1", predictions=table, rounds=100)  # fmt: skip
        assert ("no T2" in capsys.readouterr().err) == (by == "sequence")
    rows = rows_of(
        f"""SELECT classifier, study, label, sum(score), count(*) FROM '{table}' WHERE model = 'm' GROUP BY ALL"""
    )
    assert {classifier for classifier, *_ in rows} == {"k-NN", "linear probe"}
    assert all(total == pytest.approx(1) and classes == 2 for *_, total, classes in rows)


def test_what_embeds_no_studies_says_so(measured: Path) -> None:
    for command in (retrieve, classify):
        with pytest.raises(SelipError, match=r"^m has no study encoder, which --by study needs"):
            command([f"m={measured}/volumes"], db=measured / "selip.duckdb", by="study")
    with pytest.raises(SelipError, match="--finetune is for --by sequence"):
        classify([f"m={measured}/studies"], db=measured / "selip.duckdb", sql=SIDES, by="study", finetune=True)

from pathlib import Path

import pytest
import torch

from selip_contracts.database_file import read_store
from selip_contracts.statements import NORMAL_TEXT, statements_with_sequence
from selip_pretrain.data.augment import mirrored
from selip_pretrain.data.batches import BatchPlan, load_batches
from selip_pretrain.data.pairs import Pair, PairDataset, read_pairs
from selip_pretrain.data.studies import StudyDataset, studies_of
from selip_pretrain.volumes.volume_cache import VolumeCache
from tests.pretrain.small_cohort import RECIPE, write_studies


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    db = write_studies(tmp_path_factory.mktemp("studies"), 12)
    with read_store(db) as connection:
        return read_pairs(connection, by_study=True)


def test_a_study_has_all_its_volumes_and_what_its_report_says_on_all_sequences(pairs: list[Pair]) -> None:
    studies = studies_of(pairs)
    assert [len(study.pairs) for study in studies] == [3] * 12
    without_t1, with_t1 = studies[0], studies[1]
    assert [(pair.modality, pair.text) for pair in without_t1.pairs] == [
        ("DWI", "在左侧额叶表现为高信号"), ("T1", ""), ("T2", "在左侧额叶表现为高信号"),
    ]  # fmt: skip
    assert without_t1.text == "T2：在左侧额叶表现为高信号；DWI：在左侧额叶表现为高信号"
    assert with_t1.text == "T1：在右侧枕叶表现为低信号；T2：在左侧额叶表现为高信号；DWI：在右侧枕叶表现为高信号"
    assert studies[9].text == NORMAL_TEXT
    assert statements_with_sequence(with_t1.text, "SWI") == [
        ("在右侧枕叶表现为低信号", "T1"), ("在左侧额叶表现为高信号", "T2"), ("在右侧枕叶表现为高信号", "DWI"),
    ]  # fmt: skip


def test_a_batch_of_studies_holds_their_volumes_with_texts_and_mirrors_both(pairs: list[Pair], tmp_path: Path) -> None:
    studies = studies_of(pairs)
    dataset = StudyDataset(studies, PairDataset(pairs, VolumeCache(tmp_path, RECIPE), augment=True, seed=0))
    plan = BatchPlan([study.text for study in studies], 4, 0, "distinct_texts", mirror=True)
    (draws,) = plan.steps(0, 1)
    (batch,) = load_batches(dataset, [draws], workers=0)
    assert batch.studies is not None
    assert batch.images.shape == (12, 1, *RECIPE.shape)
    assert torch.equal(batch.studies.of_volume, torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]))
    assert any(draw.mirrored for draw in draws)
    for number, draw in enumerate(draws):
        change = mirrored if draw.mirrored else str
        assert batch.studies.texts[number] == change(studies[draw.pair].text)
        assert batch.texts[3 * number : 3 * number + 3] == [change(pair.text) for pair in studies[draw.pair].pairs]
    sides = {"左": "右", "右": "左"}
    assert mirrored(studies[1].text) == "".join(sides.get(character, character) for character in studies[1].text)

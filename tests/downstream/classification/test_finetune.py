import numpy as np
import pytest
import torch

from selip_downstream.classification.classifiers import Positions
from selip_downstream.classification.finetune import Finetuning, Schedule
from selip_downstream.datasets.labelled_cases import Case, CaseImage
from selip_downstream.evaluation.compared_models import EvaluatedModel
from selip_pretrain.data.splits import SPLITS
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError
from tests.pretrain.image_files import write_nifti
from tests.pretrain.small_cohort import AFFINE, SHAPE, small_configuration

COUNT = 36


@pytest.fixture(scope="module")
def finetuning(tmp_path_factory: pytest.TempPathFactory) -> Finetuning:
    """Heads of two sequences, on one of which every second one has a bright place."""
    folder = tmp_path_factory.mktemp("heads")
    draw = np.random.default_rng(0)
    cases = []
    for number in range(COUNT):
        images = []
        for modality in ("T1CE", "FLAIR"):
            voxels = draw.normal(100, 5, SHAPE)
            voxels[4:28, 4:28, 3:14] += 200
            if number % 2 and modality == "T1CE":
                voxels[8:16, 10:18, 6:11] += 600
            path = write_nifti(folder / f"{number}/{modality}.nii.gz", voxels.astype(np.float32), AFFINE)
            images.append(CaseImage(f"{number}/{modality}", modality, "nifti", (path,), content_hash((path,))))
        cases.append(Case(f"c{number}", f"p{number}", "ab"[number % 2], SPLITS[number // 2 % 3], tuple(images)))
    model = SelipModel.build(small_configuration(seed=1), ["在左侧额叶表现为高信号"]).train(False)
    evaluated = EvaluatedModel("soft", model, "here")
    return Finetuning(evaluated, cases, VolumeCache(folder / "cache", model.recipe), Schedule(2, 12, 0.01))


def positions(finetuning: Finetuning) -> list[Positions]:
    return [np.array([i for i, case in enumerate(finetuning.cases) if case.split == split]) for split in SPLITS]


def test_finetuning_learns_what_is_seen_and_leaves_the_model_as_it_was(finetuning: Finetuning) -> None:
    before = {name: value.clone() for name, value in finetuning.evaluated.model.state_dict().items()}
    train, validation, test = positions(finetuning)
    prediction = finetuning(train, validation, test, seed=0)
    predicted = np.array(prediction.classes)[prediction.scores.argmax(1)]
    truth = np.array([finetuning.cases[i].label for i in test.tolist()])
    assert (predicted == truth).mean() > 0.9
    np.testing.assert_allclose(prediction.scores.sum(1), 1)
    after = finetuning.evaluated.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_the_same_seed_gives_the_same_scores(finetuning: Finetuning) -> None:
    short = Finetuning(finetuning.evaluated, finetuning.cases, finetuning.cache, Schedule(1, 2))
    train, validation, test = positions(finetuning)
    first, again, other = (short(train, validation, test, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.scores, again.scores)
    assert not np.array_equal(first.scores, other.scores)


def test_a_loss_that_is_no_number_is_said(finetuning: Finetuning) -> None:
    wild = Finetuning(finetuning.evaluated, finetuning.cases, finetuning.cache, Schedule(1, 12, 1e30))
    train, validation, test = positions(finetuning)
    with pytest.raises(SelipError, match="The loss of finetuning soft is not finite"):
        wild(train, validation, test, seed=0)

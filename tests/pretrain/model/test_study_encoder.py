import pytest
import torch
from torch.nn.functional import normalize

from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.model.study_encoder import StudyEncoder, by_study
from selip_shared.errors import SelipError
from tests.pretrain.small_cohort import small_configuration

VOLUMES = normalize(torch.randn(6, 512, generator=torch.Generator().manual_seed(0)), dim=1)
MODALITIES = torch.tensor([0, 1, 3, 0, 5, 2])


@pytest.fixture
def model() -> SelipModel:
    """A model whose study encoder is no longer the mean of the volumes, as it begins."""
    model = SelipModel.build(small_configuration(study_encoder=True), ["在左侧额叶表现为高信号"]).train(False)
    assert model.study_encoder is not None
    torch.nn.init.normal_(model.study_encoder.projection.weight, std=0.1)
    return model


@torch.inference_mode()
def test_a_study_depends_on_its_own_volumes_and_their_sequences_and_on_no_order(model: SelipModel) -> None:
    study_of = torch.tensor([0, 0, 0, 1, 1, 2])
    together = model.embed_studies(VOLUMES, MODALITIES, study_of)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))
    alone = model.embed_studies(VOLUMES[:3], MODALITIES[:3], study_of[:3])
    torch.testing.assert_close(alone[0], together[0])
    order = torch.tensor([2, 5, 0, 4, 1, 3])
    torch.testing.assert_close(model.embed_studies(VOLUMES[order], MODALITIES[order], study_of[order]), together)
    other = model.embed_studies(VOLUMES, MODALITIES.roll(1), study_of)
    assert not torch.allclose(other, together, atol=1e-3)


@torch.inference_mode()
def test_it_begins_as_the_mean_of_what_is_there() -> None:
    slots = by_study(VOLUMES, torch.tensor([0, 1, 0, 1, 1, 0]), 2, 4)
    modalities = by_study(MODALITIES, torch.tensor([0, 1, 0, 1, 1, 0]), 2, 4, -1)
    assert modalities.tolist() == [[0, 3, 2, -1], [1, 0, 5, -1]]
    expected = torch.stack([VOLUMES[[0, 2, 5]].mean(0), VOLUMES[[1, 3, 4]].mean(0)])
    torch.testing.assert_close(StudyEncoder()(slots, modalities), expected)


def test_a_model_without_one_says_so() -> None:
    model = SelipModel.build(small_configuration(), ["在左侧额叶表现为高信号"])
    with pytest.raises(SelipError, match="The model has no study encoder"):
        model.embed_studies(VOLUMES, MODALITIES, torch.zeros(6, dtype=torch.int64))

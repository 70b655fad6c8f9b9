from pathlib import Path

import pytest
import torch

from selip_downstream.cli.explain import main
from selip_downstream.explanation.study_view import StudyView
from selip_pretrain.model.selip_model import SelipModel
from tests.commands import command
from tests.downstream.oracle_model import LEFT, head
from tests.pretrain.image_files import write_nifti
from tests.pretrain.small_cohort import AFFINE, RECIPE, small_configuration


@torch.inference_mode()
def test_a_study_is_seen_with_each_of_the_images() -> None:
    model = SelipModel.build(small_configuration(study_encoder=True), [f"T2：{LEFT}"]).train(False)
    draw = torch.Generator().manual_seed(0)
    images, others = (torch.rand(2, 1, *RECIPE.shape, generator=draw) for _ in range(2))
    view = StudyView(model, "T2", [(others[0], "T1"), (others[1], "DWI")])
    seen = view.embed_images(images, torch.tensor([1, 1]))
    for image, found in zip(images, seen, strict=True):
        volumes = model.embed_images(torch.stack([image, *others]), torch.tensor([1, 0, 3]))
        expected = model.embed_studies(volumes, torch.tensor([1, 0, 3]), torch.zeros(3, dtype=torch.int64))
        torch.testing.assert_close(found, expected[0])
    torch.testing.assert_close(view.embed_texts([LEFT]), model.embed_texts([f"T2：{LEFT}"]))


def test_an_image_is_explained_as_a_part_of_its_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, study_encoder in (("studies", True), ("volumes", False)):
        configuration = small_configuration(study_encoder=study_encoder)
        SelipModel.build(configuration, [f"T2：{LEFT}"]).save_pretrained(tmp_path / name)
    t1, t2 = (write_nifti(tmp_path / f"{name}.nii.gz", head(), AFFINE) for name in ("T1", "T2"))
    run = command(main, monkeypatch, capsys)
    words = (t2, LEFT, "--modality", "T2", "--out", tmp_path / "out", "--with")
    code, _, complaint = run(*words, f"T1={t1}", "--checkpoint", tmp_path / "studies")
    assert code == 0, complaint
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"cosines.png", "1.png", "1.nii.gz"}
    assert (
        "has no study encoder, which --with needs" in run(*words, f"T1={t1}", "--checkpoint", tmp_path / "volumes")[2]
    )
    assert "names no sequence" in run(*words, t1, "--checkpoint", tmp_path / "studies")[2]

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard

from selip_pretrain.cli.publish import main
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.training.checkpoint import save_best
from tests.commands import command
from tests.pretrain.small_cohort import small_configuration

TEXT = "在左侧额叶表现为高信号"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """The best checkpoint of a training that began with a text encoder of this machine."""
    (tmp_path / "hospital" / "bert").mkdir(parents=True)
    model = SelipModel.build(small_configuration(study_encoder=True), [TEXT])
    model.configuration = small_configuration(study_encoder=True, init_text=str(tmp_path / "hospital" / "bert"))
    save_best(tmp_path / "training", model, {"step": 1200, "top_1": 0.25, "mean_reciprocal_rank": 0.41237})
    return tmp_path / "training" / "best"


def test_the_folder_holds_the_model_and_a_card_filled_from_the_run(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "selip-head-mri"
    run = command(main, monkeypatch, capsys)
    for _ in range(2):
        code, said, _ = run(checkpoint, "--out", out, "--license", "apache-2.0")
        assert (code, said) == (0, f"The model is in {out}, its card is {out / 'README.md'}.\n")
    assert {path.suffix for path in out.rglob("*") if path.is_file()} == {".safetensors", ".json", ".md"}
    again, model = SelipModel.from_pretrained(out), SelipModel.from_pretrained(checkpoint)
    for name, weights in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], weights)
    card = ModelCard.load(out / "README.md")
    assert (card.data.license, card.data.language, card.data.model_name) == ("apache-2.0", ["zh"], "selip-head-mri")
    assert "| mean_reciprocal_rank | 0.4124 |" in card.text
    assert "at step 1,200 of 20." in card.text
    assert "| study_encoder | True |" in card.text
    assert json.loads((out / "configuration.json").read_text())["init_text"] == "bert"
    assert not any("/hospital" in path.read_text() for path in out.rglob("*.[jm]*"))


def test_nothing_else_is_overwritten_and_what_is_no_checkpoint_is_said(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = command(main, monkeypatch, capsys)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").touch()
    assert run(checkpoint, "--out", other)[::2] == (1, f"{other} holds other files: name a new folder with --out.\n")
    (checkpoint / "validation.json").unlink()
    code, _, complaint = run(checkpoint, "--out", tmp_path / "new")
    assert (code, complaint) == (
        1,
        f"There is no validation.json in {checkpoint}: name the folder best of a training.\n",
    )

import json
import subprocess
import sys
from os import environ
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard

from selip_pretrain.cli.publish import main
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.training.checkpoint import save_best
from tests.commands import command
from tests.pretrain.small_cohort import small_configuration
from tests.pretrain.training.local_hub import TOKEN, local_hub

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


UPLOAD = """
import os, sys
from selip_pretrain.cli.publish import main

checkpoint, out, name, text = sys.argv[1:]
sys.argv = ["selip-publish", checkpoint, "--out", out, "--upload", name]
for token in ("hf_of_another", "{token}"):
    os.environ["HF_TOKEN"] = token
    try:
        main()
    except SystemExit as leaving:
        print("exit code", leaving.code, flush=True)

from selip_pretrain.model.selip_model import SelipModel

print(SelipModel.from_pretrained(name, download=True).embed_texts([text])[0, :4].tolist())
"""


def test_a_model_is_uploaded_and_loaded_by_its_name(checkpoint: Path, tmp_path: Path) -> None:
    out, name = tmp_path / "head-mri", "lab/head-mri"
    with local_hub() as hub:
        own = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "cache")}
        ran = subprocess.run(
            [sys.executable, "-c", UPLOAD.format(token=TOKEN), str(checkpoint), str(out), name, TEXT],
            env=environ | own, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert f"{out} cannot be uploaded to {name} (" in ran.stderr
    _, refused, _, uploaded, done, embedding = ran.stdout.splitlines()
    assert (refused, uploaded, done) == ("exit code 1", f"Uploaded: {hub.address}/{name}", "exit code 0")
    assert hub.visibility == {name: "private"}
    written = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert hub.files[name] == written
    expected = SelipModel.from_pretrained(checkpoint).embed_texts([TEXT])[0, :4]
    torch.testing.assert_close(torch.tensor(json.loads(embedding)), expected)

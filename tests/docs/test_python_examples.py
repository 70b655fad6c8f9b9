"""The Python examples of the documents on pretraining and segmentation, run with a small model."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selip_pretrain.model.selip_model import SelipModel
from tests.pretrain.image_files import write_nifti
from tests.pretrain.small_cohort import small_configuration

DOCS = Path(__file__).parents[2] / "docs"
TEXTS = ["在左侧额叶表现为高信号"]


def run_examples(name: str, count: int) -> dict[str, Any]:
    """Run the blocks of Python code of this document one after the other; returns their names."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text("utf-8"), re.DOTALL)
    assert len(blocks) == count
    names: dict[str, Any] = {}
    with torch.inference_mode():
        for block in blocks:
            exec(compile(block, name, "exec"), names)
    return names


def test_the_examples_of_pretraining_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    SelipModel.build(small_configuration(), TEXTS).save_pretrained("model/best")
    voxels = np.random.default_rng(0).random((48, 48, 12), dtype=np.float32)
    write_nifti(Path("S1/FLAIR.nii.gz"), voxels, np.diag([-4.0, 4.0, 10.0, 1.0]))
    names = run_examples("pretraining.md", 1)
    assert names["image"].shape == (1, 512)
    assert names["image"].norm().item() == pytest.approx(1, abs=1e-5)
    assert names["texts"].shape == (2, 512)
    assert len(names["maps"]) == 5
    assert (tmp_path / "copy" / "model.safetensors").exists()


def test_the_examples_of_segmentation_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    SelipModel.build(small_configuration(), TEXTS).save_pretrained("runs/selip/best")
    names = run_examples("segmentation.md", 3)
    assert names["logits"].shape == (1, 3, 16, 64, 64)
    assert names["whole"].shape == (1, 3, 24, 80, 80)
    assert tuple(stage.shape[1] for stage in names["maps"]) == names["channels"]
    with torch.inference_mode():
        built = names["SelipNetwork"].build_network_architecture("", {}, [], 4, 5, enable_deep_supervision=False)
        assert built(names["images"]).shape == (1, 5, 16, 64, 64)

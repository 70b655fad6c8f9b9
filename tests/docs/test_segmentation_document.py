import re
from pathlib import Path
from typing import Any

import pytest
import torch

from selip_pretrain.model.selip_model import SelipModel
from tests.pretrain.small_cohort import small_configuration

DOCUMENT = Path(__file__).parents[2] / "docs" / "segmentation.md"


def test_the_examples_of_the_document_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    SelipModel.build(small_configuration(), ["在左侧额叶表现为高信号"]).save_pretrained("runs/selip/best")
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, Any] = {}
    with torch.inference_mode():
        for block in blocks:
            exec(compile(block, DOCUMENT.name, "exec"), names)
        assert names["logits"].shape == (1, 3, 16, 64, 64)
        assert names["whole"].shape == (1, 3, 24, 80, 80)
        assert tuple(stage.shape[1] for stage in names["maps"]) == names["channels"]
        built = names["SelipNetwork"].build_network_architecture("", {}, [], 4, 5, enable_deep_supervision=False)
        assert built(names["images"]).shape == (1, 5, 16, 64, 64)

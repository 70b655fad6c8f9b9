"""The findings head: from the embedding of a volume alone, which findings its report states on its sequence."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from selip_pretrain.model.encoders.image_encoder import EMBEDDING
from selip_pretrain.objective.finding_labels import FindingLabel
from selip_shared.errors import SelipError
from selip_shared.files import write_text

LABELS_FILE = "findings.json"


class FindingsHead(nn.Module):
    """A linear layer with an output for each label.

    At first it predicts for every volume the share of the training volumes with the finding.
    """

    def __init__(self, shares: Mapping[FindingLabel, float], width: int = EMBEDDING) -> None:
        super().__init__()
        self.shares = dict(shares)
        self.linear = nn.Linear(width, len(shares))
        nn.init.zeros_(self.linear.weight)
        with torch.no_grad():
            self.linear.bias.copy_(torch.tensor(list(shares.values())).logit())

    @property
    def labels(self) -> list[FindingLabel]:
        """The labels, in the order of the outputs."""
        return list(self.shares)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Log-odds (N, L) that a report states the findings, of embeddings (N, width) of unit length."""
        with torch.autocast(embeddings.device.type, enabled=False):
            log_odds: Tensor = self.linear(embeddings.float())
        return log_odds


def write_labels(folder: Path, head: FindingsHead) -> None:
    """Write the labels, each with its share of the training volumes, to findings.json."""
    rows = [asdict(label) | {"share": share} for label, share in head.shares.items()]
    write_text(folder / LABELS_FILE, json.dumps(rows, ensure_ascii=False, indent=1) + "\n")


def read_labels(folder: Path) -> dict[FindingLabel, float]:
    """The labels that `write_labels` wrote; SelipError where the file is missing or damaged."""
    try:
        rows = json.loads((folder / LABELS_FILE).read_text(encoding="utf-8"))
        shares = [float(row.pop("share")) for row in rows]
        return {FindingLabel(**row): share for row, share in zip(rows, shares, strict=True)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as failure:
        raise SelipError(
            f"{folder / LABELS_FILE}, which names the findings that the model predicts, is missing or damaged: use"
            " another checkpoint."
        ) from failure

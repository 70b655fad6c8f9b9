"""A training's figures: tables in JSON lines, which DuckDB reads by name, and the same for TensorBoard."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch.utils.tensorboard import SummaryWriter

from selip_shared.files import write_text

TRAINING = "training"
VALIDATION = "validation"


class Metrics:
    """`training.jsonl`, `validation.jsonl` and the folder tensorboard; what is later than `step` is taken out."""

    def __init__(self, out: Path, step: int) -> None:
        self._files = {}
        for name in (TRAINING, VALIDATION):
            path = out / f"{name}.jsonl"
            write_text(path, "".join(_until(path, step)))
            self._files[name] = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)

    def add(self, name: str, step: int, figures: Mapping[str, float]) -> None:
        """A row of a table."""
        row: dict[str, Any] = {"step": step, **figures}
        self._files[name].write(json.dumps(row) + "\n")
        self._files[name].flush()
        for figure, value in figures.items():
            self._board.add_scalar(f"{name}/{figure}", value, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        self._board.close()


def _until(path: Path, step: int) -> list[str]:
    """The rows up to a step; a row that a kill has cut off is none."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]

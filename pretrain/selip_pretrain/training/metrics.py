"""The metrics of a training: tables in JSON lines, which DuckDB reads directly, and the same for TensorBoard."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch.utils.tensorboard import SummaryWriter

from selip_shared.files import write_text

TRAINING = "training"
VALIDATION = "validation"


class MetricsWriter:
    """Appends to `training.jsonl`, `validation.jsonl` and the folder tensorboard, after removing rows after `step`."""

    def __init__(self, out: Path, step: int) -> None:
        self._files = {}
        for name in (TRAINING, VALIDATION):
            path = out / f"{name}.jsonl"
            write_text(path, "".join(_rows_until(path, step)))
            self._files[name] = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)

    def add(self, table: str, step: int, metrics: Mapping[str, float]) -> None:
        """Append a row to a table, TRAINING or VALIDATION."""
        row: dict[str, Any] = {"step": step, **metrics}
        self._files[table].write(json.dumps(row) + "\n")
        self._files[table].flush()
        for name, value in metrics.items():
            self._board.add_scalar(f"{table}/{name}", value, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        self._board.close()


def _rows_until(path: Path, step: int) -> list[str]:
    """The rows up to a step, without a last row that a kill truncated."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]

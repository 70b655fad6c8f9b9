"""Checkpoints: the model as `from_pretrained` reads it, and the state that a training needs to continue exactly.

No pickle: tensors are in safetensors, everything else in JSON. The states of random generators are not needed, since
random draws depend only on the seed and the number of the step. A checkpoint is written completely or not at all, and
replaces the previous one only then.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from selip_pretrain.model.configuration import Configuration, differences, read_configuration
from selip_pretrain.model.selip_model import WEIGHTS, SelipModel
from selip_shared.errors import SelipError
from selip_shared.files import recover_folder, replacing_folder, write_text
from selip_shared.optimizer_state import optimizer_tensors, restore_optimizer

LAST = "last"
BEST = "best"
STATE_FILE = "state.json"
VALIDATION_FILE = "validation.json"
OPTIMIZER_FILE = "optimizer.safetensors"
COPIES = 7
"""Of the weights at once: best; last with two moments of each; and the next one before it replaces last."""


class TrainingProgress(BaseModel):
    """The number of completed steps, and the step and score of the best validation so far."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int = 0
    best_step: int | None = None
    best_score: float | None = None


class SavedState(BaseModel):
    """The content of state.json; `data` is the hash of the training and validation pairs."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    # Earlier versions wrote "position".
    progress: TrainingProgress = Field(validation_alias=AliasChoices("progress", "position"))
    data: str
    scaler: dict[str, int | float]
    versions: dict[str, str]


@dataclass(frozen=True)
class TrainingState:
    """Everything that a step changes."""

    model: SelipModel
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler


def save_last(out: Path, training: TrainingState, state: SavedState) -> None:
    """Replace the last checkpoint; SelipError where it cannot be written, and then the previous one is unchanged."""
    with _replacing(out / LAST, state.progress.step) as folder:
        training.model.save_pretrained(folder)
        save_file(optimizer_tensors(training.optimizer, training.model.named_parameters()), folder / OPTIMIZER_FILE)
        write_text(folder / STATE_FILE, state.model_dump_json(indent=1) + "\n")


def save_best(out: Path, model: SelipModel, validation: dict[str, Any]) -> None:
    """Replace the best checkpoint and its validation metrics; SelipError where it cannot be written."""
    with _replacing(out / BEST, validation["step"]) as folder:
        model.save_pretrained(folder)
        write_text(folder / VALIDATION_FILE, json.dumps(validation, indent=1) + "\n")


def check_space(out: Path, model_bytes: int) -> None:
    """SelipError where the disk has no room for the checkpoints of a model whose weights take so many bytes."""
    held = sum(file.stat().st_size for name in (LAST, BEST) for file in (out / name).glob("*"))
    needed, free = COPIES * model_bytes - held, shutil.disk_usage(out).free
    if needed > free:
        raise SelipError(
            f"The checkpoints need about {needed / 1e9:,.2f} GB, and {out} has {free / 1e9:,.2f} GB: free some space,"
            " or name a folder on another disk with --out."
        )


def saved_state(out: Path, configuration: Configuration, data: str | None = None) -> SavedState | None:
    """The state in the last checkpoint of an earlier run in this folder; None where there is none.

    A training may be lengthened, with more steps. SelipError where it differs otherwise or has other pairs than those
    with the hash `data`, which None does not compare, or where the checkpoint is damaged.
    """
    recover_folder(out / LAST)
    recover_folder(out / BEST)
    folder = out / LAST
    if not folder.exists():
        return None
    earlier = read_configuration(folder)
    if earlier.steps < configuration.steps:
        earlier = earlier.model_copy(update={"steps": configuration.steps})
    different = differences(earlier, configuration)
    if different:
        raise SelipError(
            f"{out} holds a training with {different}: name a new folder with --out, or repeat the earlier command to"
            " continue it."
        )
    try:
        state = SavedState.model_validate_json((folder / STATE_FILE).read_bytes())
    except (OSError, ValidationError) as failure:
        raise _damaged(folder) from failure
    if data is not None and state.data != data:
        raise SelipError(
            f"The pairs in the database have changed since the training in {out} began: name a new folder with --out."
        )
    return state


def load_last(out: Path, training: TrainingState, state: SavedState) -> None:
    """Load weights, optimizer and scaler of the last checkpoint; SelipError where it is damaged."""
    folder = out / LAST
    try:
        training.model.load_state_dict(load_file(folder / WEIGHTS))
        restore_optimizer(training.optimizer, training.model.named_parameters(), load_file(folder / OPTIMIZER_FILE))
        training.scaler.load_state_dict(state.scaler)
    except (OSError, SafetensorError, RuntimeError, KeyError) as failure:
        raise _damaged(folder) from failure


def _damaged(folder: Path) -> SelipError:
    return SelipError(f"The checkpoint in {folder} is damaged: remove its folder and run the command again to restart.")


@contextmanager
def _replacing(folder: Path, step: int) -> Iterator[Path]:
    """`replacing_folder`, with a sentence for the user where a checkpoint cannot be written."""
    try:
        with replacing_folder(folder) as partial:
            yield partial
    except (OSError, SafetensorError) as failure:
        raise SelipError(
            f"The checkpoint of step {step:,} cannot be written to {folder} ({failure}): free some space on that disk"
            " and run the command again; the previous checkpoint is complete."
        ) from failure

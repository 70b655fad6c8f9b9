"""Checkpoints: the model as `from_pretrained` reads it, and beside it what a training needs to go on to the last bit.

No pickle: tensors are in safetensors, all else in JSON. Random generators need not be kept: what a step draws hangs on
the seed and its number alone. A checkpoint's folder is there whole or not at all, and the
earlier one stays until the new one is there.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from selip_pretrain.model.configuration import Configuration, differences, read_configuration
from selip_pretrain.model.selip_model import WEIGHTS, SelipModel
from selip_shared.errors import SelipError
from selip_shared.files import recover_folder, replacing_folder, write_text
from selip_shared.optimizer_state import optimizer_tensors, restore_optimizer

LAST = "last"
BEST = "best"
STATE = "state.json"
VALIDATION_FILE = "validation.json"
OPTIMIZER = "optimizer.safetensors"


class TrainingProgress(BaseModel):
    """How many steps a training has done, and its best validation so far."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int = 0
    best_step: int | None = None
    best_score: float | None = None


class State(BaseModel):
    """What state.json holds; `data` is the hash of the pairs that are trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    position: TrainingProgress
    data: str
    scaler: dict[str, int | float]
    versions: dict[str, str]


@dataclass(frozen=True)
class TrainingState:
    """All that a step changes."""

    model: SelipModel
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler


def save_last(out: Path, training: TrainingState, state: State) -> None:
    """Replace the last checkpoint; SelipError where it cannot be written, and then the earlier one is as it was."""
    with _replacing(out / LAST, state.position.step) as folder:
        training.model.save_pretrained(folder)
        save_file(optimizer_tensors(training.optimizer, training.model.named_parameters()), folder / OPTIMIZER)
        write_text(folder / STATE, state.model_dump_json(indent=1) + "\n")


def save_best(out: Path, model: SelipModel, validation: dict[str, Any]) -> None:
    """Replace the best checkpoint, with the figures that made it so; SelipError where it cannot be written."""
    with _replacing(out / BEST, validation["step"]) as folder:
        model.save_pretrained(folder)
        write_text(folder / VALIDATION_FILE, json.dumps(validation, indent=1) + "\n")


def saved_state(out: Path, configuration: Configuration, data: str) -> State | None:
    """Where an earlier training in this folder stopped, None where none has begun.

    SelipError where the folder holds something else, or a training with another configuration or on other pairs.
    """
    recover_folder(out / LAST)
    recover_folder(out / BEST)
    folder = out / LAST
    if not folder.exists():
        return None
    different = differences(read_configuration(folder), configuration)
    if different:
        raise SelipError(
            f"{out} holds a training with {different}: name a new folder with --out, or repeat the earlier command to"
            " continue it."
        )
    try:
        state = State.model_validate_json((folder / STATE).read_bytes())
    except (OSError, ValidationError) as failure:
        raise _damaged(folder) from failure
    if state.data != data:
        raise SelipError(
            f"The pairs in the database are no longer those that the training in {out} has begun with: name a new"
            " folder with --out."
        )
    return state


def load_last(out: Path, training: TrainingState, state: State) -> None:
    """Take over weights, optimizer and scaler of the last checkpoint; SelipError where it is damaged."""
    folder = out / LAST
    try:
        training.model.load_state_dict(load_file(folder / WEIGHTS))
        restore_optimizer(training.optimizer, training.model.named_parameters(), load_file(folder / OPTIMIZER))
        training.scaler.load_state_dict(state.scaler)
    except (OSError, SafetensorError, RuntimeError, KeyError) as failure:
        raise _damaged(folder) from failure


def _damaged(folder: Path) -> SelipError:
    return SelipError(
        f"The checkpoint in {folder} is damaged: remove its folder, and repeat the command to start anew."
    )


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

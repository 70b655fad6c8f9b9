"""Training that continues after a kill: transformers' Trainer with checkpoints of safetensors and JSON alone.

The Trainer itself would keep optimizer, schedule and random generators as pickles. Here a callback keeps them, and no
pickle is written or loaded. The data of a step must depend on its number alone.
"""

import json
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import nn
from transformers import (
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer import TRAINER_STATE_NAME, TRAINING_ARGS_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from selip_shared.execution.progress import Advance, progress
from selip_shared.files import write_bytes, write_text
from selip_shared.optimizer_state import optimizer_tensors, restore_optimizer

IGNORED = -100
OPTIMIZER = "optimizer.safetensors"
SCHEDULE = "schedule.json"
# Not the name of a parameter: tensors of the optimizer are called PARAMETER.KEY.
_RANDOM = "random"


def training_arguments(folder: Path, steps_between: int, **settings: Any) -> TrainingArguments:
    """Arguments for `train_to_end`: evaluate, save and log every `steps_between` steps, checkpoints in `folder`."""
    arguments = TrainingArguments(
        output_dir=str(folder),
        eval_strategy="steps",
        eval_steps=steps_between,
        save_strategy="steps",
        save_steps=steps_between,
        save_total_limit=2,
        save_only_model=True,
        logging_steps=steps_between,
        remove_unused_columns=False,
        label_names=["labels"],
        disable_tqdm=True,
        report_to="none",
        **settings,
    )
    if arguments.n_gpu > 1:
        # Else the Trainer splits each batch over all GPUs (DataParallel), which is slower and gives other weights.
        print(
            f"Training on the first of {arguments.n_gpu} GPUs; CUDA_VISIBLE_DEVICES chooses another, torchrun trains on"
            " several.",
            file=sys.stderr,
        )
        arguments._n_gpu = 1
    return arguments


def train_to_end(trainer: Trainer, steps: int, patience: int | None = None) -> TrainerState:
    """Train for `steps` steps in all, from the last checkpoint where there is one; the state at the end.

    With `patience` the training ends after so many evaluations that were no better than one before.
    """
    last = last_checkpoint(_folder(trainer.args))
    trainer.add_callback(_Checkpoints(last))
    trainer.add_callback(_LastLoss())
    if patience is not None:
        if last is not None and _is_over(state := _saved_state(last), trainer.args, patience):
            return state
        trainer.add_callback(_EarlyStop(patience))
    shown = progress("steps", steps) if trainer.is_world_process_zero() else nullcontext(_silent)
    with shown as advance:
        trainer.add_callback(_Shown(advance))
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    return trainer.state


def _folder(arguments: TrainingArguments) -> Path:
    assert arguments.output_dir is not None
    return Path(arguments.output_dir)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written whole; those that were not are removed."""
    whole: dict[int, Path] = {}
    for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
        # written last of all, whole or not at all
        if (path / OPTIMIZER).exists():
            whole[int(path.name.rpartition("-")[2])] = path
        else:
            shutil.rmtree(path, ignore_errors=True)  # other processes of the training remove it too
    return whole[max(whole)] if whole else None


def _saved_state(checkpoint: Path) -> TrainerState:
    state: TrainerState = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
    return state


def _is_over(state: TrainerState, arguments: TrainingArguments, patience: int) -> bool:
    assert arguments.eval_steps is not None
    return state.global_step - (state.best_global_step or 0) >= patience * arguments.eval_steps


class _LastLoss(TrainerCallback):
    """Logs the loss after the last step too, which the Trainer evaluates in any case."""

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Log beside the last evaluation."""
        control.should_log |= state.global_step >= state.max_steps


class _EarlyStop(TrainerCallback):
    """Ends a training that gets no better; it keeps nothing, so that an interrupted one ends at the same step."""

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """The Trainer saves after each evaluation, when it knows which was the best."""
        control.should_training_stop |= _is_over(state, args, self.patience)


class _Checkpoints(TrainerCallback):
    """Adds to each checkpoint what a step depends on besides the weights, and restores it from `last`."""

    def __init__(self, last: Path | None) -> None:
        self.last = last
        self.random: dict[str, torch.Tensor] = {}

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **parts: Any,
    ) -> None:
        """Complete the checkpoint of this step."""
        if not state.is_world_process_zero:
            return
        folder = _folder(args) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        (folder / TRAINING_ARGS_NAME).unlink(missing_ok=True)
        write_text(folder / SCHEDULE, json.dumps(parts["lr_scheduler"].state_dict()))
        model: nn.Module = parts["model"]
        tensors = optimizer_tensors(parts["optimizer"], model.named_parameters())
        write_bytes(folder / OPTIMIZER, save(tensors | _random_states()))

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,  # noqa: ARG002
        **parts: Any,
    ) -> None:
        """Restore optimizer and schedule."""
        if self.last is None:
            return
        tensors = load_file(self.last / OPTIMIZER)
        self.random = {name: tensors.pop(name) for name in list(tensors) if name.startswith(f"{_RANDOM}.")}
        model: nn.Module = parts["model"]
        restore_optimizer(parts["optimizer"], model.named_parameters(), tensors)
        schedule = parts["lr_scheduler"]
        schedule.load_state_dict(json.loads((self.last / SCHEDULE).read_text(encoding="utf-8")))
        for group, rate in zip(parts["optimizer"].param_groups, schedule.get_last_lr(), strict=True):
            group["lr"] = rate

    def on_step_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,  # noqa: ARG002
        **parts: Any,  # noqa: ARG002
    ) -> None:
        """Restore the random generators once, after the loader of the data has drawn its own seed."""
        for name, generator_state in self.random.items():
            if name == f"{_RANDOM}.cpu":
                torch.set_rng_state(generator_state)
            elif torch.cuda.is_available():
                torch.cuda.set_rng_state(generator_state)
        self.random = {}


def _random_states() -> dict[str, torch.Tensor]:
    """The states of torch's random generators by name."""
    states = {f"{_RANDOM}.cpu": torch.get_rng_state()}
    return states | ({f"{_RANDOM}.cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {})


def _silent(steps: int) -> None:
    """Show nothing: one process of several shows the progress."""


class _Shown(TrainerCallback):
    """Shows the steps that are done, and the losses of each evaluation as a line of its own."""

    def __init__(self, advance: Advance) -> None:
        self.advance = advance
        self.shown = 0

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:  # noqa: ARG002
        """Count the steps since the last call; those before an interruption count at once."""
        self.advance(state.global_step - self.shown)
        self.shown = state.global_step

    def on_log(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        logs: dict[str, float] | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Show the loss of the training since the last evaluation, or loss and exact answers of a held-out set."""
        figures = _figures(logs or {})
        if figures and state.is_world_process_zero:
            said = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in figures.items())
            print(f"step {state.global_step:,}: {said}", file=sys.stderr, flush=True)


def _figures(logged: dict[str, float]) -> dict[str, float]:
    """Loss in training, and loss, share of exact answers and F1 of the held-out sets."""
    return {
        name.removeprefix("eval_"): value
        for name, value in logged.items()
        if name == "loss" or (name.startswith("eval_") and name.endswith(("_loss", "_exact", "_f1")))
    }


def exactly_right(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Whether each answer is the likeliest in every token: logits (rows, length, vocabulary), labels (rows, length)."""
    wanted = labels[:, 1:]
    return ((logits[:, :-1].argmax(-1) == wanted) | (wanted == IGNORED)).all(-1)


def share_exact(prediction: EvalPrediction) -> dict[str, float]:
    """The share of answers that are exactly right, of what `exactly_right` returned for all batches."""
    assert not isinstance(prediction.predictions, tuple)
    return {"exact": float(prediction.predictions.mean())}


def curve(state: TrainerState) -> list[dict[str, float]]:
    """Loss in training, and the figures on what is held out, by step."""
    points: dict[int, dict[str, float]] = {}
    for entry in state.log_history:
        point = points.setdefault(int(entry["step"]), {"step": int(entry["step"])})
        point |= _figures(entry)
    return list(points.values())

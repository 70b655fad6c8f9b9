"""What the trainings of models from nothing share: their Trainer arguments, and datasets of whole batches."""

from pathlib import Path
from typing import Any, cast

from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, TrainingArguments

from selip_extract.training.resumable_training import training_arguments

LEARNING_RATE = 1.5e-3
WARM_UP_STEPS = 300
STEPS_BETWEEN_EVALUATIONS = 500


def from_scratch_arguments(
    folder: Path, steps: int, decay_share: float, seed: int, learning_rate: float = LEARNING_RATE
) -> TrainingArguments:
    """Arguments for `train_to_end`: one batch a step, and a rate that falls over the last `decay_share` of `steps`."""
    return training_arguments(
        folder,
        STEPS_BETWEEN_EVALUATIONS,
        num_train_epochs=1,
        per_device_train_batch_size=1,
        per_device_eval_batch_size=1,
        learning_rate=learning_rate,
        adam_beta2=0.98,
        weight_decay=0.01,
        lr_scheduler_type="warmup_stable_decay",
        lr_scheduler_kwargs={"num_decay_steps": round(decay_share * steps), "decay_type": "linear"},
        warmup_steps=WARM_UP_STEPS,
        bf16=True,
        use_cpu=True,
        seed=seed,
    )


class BatchTrainer(Trainer):
    """A Trainer whose datasets hold whole batches, those of this process alone."""

    def get_train_dataloader(self) -> DataLoader[dict[str, Any]]:
        """The batches as they are."""
        return _as_they_are(self.train_dataset)

    def get_eval_dataloader(self, eval_dataset: object = None) -> DataLoader[dict[str, Any]]:
        """The batches as they are, of the held-out set of this name."""
        return _as_they_are(cast(dict[object, object], self.eval_dataset)[eval_dataset])


def _as_they_are(batches: object) -> DataLoader[dict[str, Any]]:
    return DataLoader(cast(Dataset[dict[str, Any]], batches), batch_size=None)

"""The training: from pairs to the best checkpoint, going on where an earlier run of it has stopped."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from selip_pretrain.data.augment import mirrored
from selip_pretrain.data.batches import BatchPlan, feed
from selip_pretrain.data.cohort import Cohort
from selip_pretrain.data.pairs import Pair, PairDataset
from selip_pretrain.model.configuration import CONFIGURATION_FILE, Configuration
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.training.checkpoint import State, TrainingProgress, load_last, save_best, save_last, saved_state
from selip_pretrain.training.distributed import Ranks
from selip_pretrain.training.metrics import TRAINING, VALIDATION, Metrics
from selip_pretrain.training.training_step import TrainingStep
from selip_pretrain.training.validation import SCORE, validate
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError
from selip_shared.files import write_text
from selip_shared.progress import Advance, progress
from selip_shared.provenance import environment
from selip_shared.stop_signals import StopSignal, deferred_stop

LIBRARIES = ("selip", "torch", "monai", "transformers", "tokenizers")


@dataclass(frozen=True)
class Resources:
    """What a training runs with, and its result does not hang on beyond rounding.

    `chunk` volumes are encoded together, `workers` processes read them; `download` lets a text encoder be fetched.
    """

    ranks: Ranks
    chunk: int | None = None
    workers: int = 0
    download: bool = False


class TrainingOutcome(NamedTuple):
    """How far a training is, and the number of the signal that has stopped it, 0 where it is complete."""

    position: TrainingProgress
    stopped_by: int


def pretrain(
    configuration: Configuration, cohort: Cohort, cache: VolumeCache, out: Path, means: Resources
) -> TrainingOutcome:
    """Train until the configuration's last step, or until a signal asks to stop.

    In `out`: the folders last and best, tables of the figures, TensorBoard's events and the configuration. SelipError
    where pairs, configuration or the folder do not allow a training, or the loss is no number.
    """
    plan = BatchPlan(
        [pair.text for pair in cohort.train],
        configuration.batch,
        configuration.seed,
        configuration.batches,
        configuration.augment,
    )
    state = means.ranks.shared(_begun(out, configuration, cohort) if means.ranks.first else None)
    texts, modalities = _texts_to_learn(cohort.train, configuration.augment)
    model = SelipModel.build(configuration, texts, means.download)
    step = TrainingStep(model, TextTable(texts, modalities), means.ranks, means.chunk)
    if state is not None:
        load_last(out, step.training, state)
    run = Run(configuration, cohort, cache, out, means, plan, step)
    position = TrainingProgress() if state is None else state.position
    return TrainingOutcome(position, 0) if position.step == configuration.steps else run.go_on(position)


@dataclass(frozen=True)
class Run:
    """A training under way."""

    configuration: Configuration
    cohort: Cohort
    cache: VolumeCache
    out: Path
    means: Resources
    plan: BatchPlan
    step: TrainingStep

    def go_on(self, position: TrainingProgress) -> TrainingOutcome:
        """The steps from the position on."""
        left = self.configuration.steps - position.step
        with deferred_stop(signal.SIGTERM, signal.SIGINT) as stop:
            if not self.means.ranks.first:
                return self._steps(position, stop, None, lambda _: None)
            with Metrics(self.out, position.step) as metrics, progress("steps", left) as advance:
                return self._steps(position, stop, metrics, advance)

    def _steps(
        self, position: TrainingProgress, stop: StopSignal, metrics: Metrics | None, advance: Advance
    ) -> TrainingOutcome:
        ranks, steps = self.means.ranks, self.configuration.steps
        dataset = PairDataset(self.cohort.train, self.cache, self.configuration.augment, self.configuration.seed)
        draws = self.plan.steps(position.step, steps, ranks.rank, ranks.size)
        before = time.perf_counter()
        for batch in feed(dataset, draws, self.means.workers, pin_memory=ranks.device.type == "cuda"):
            names = [self.cohort.train[index].image_id for _, index, _ in self.plan.batch(position.step)]
            figures = self.step.run(position.step, batch, names)
            position = position.model_copy(update={"step": position.step + 1})
            now = time.perf_counter()
            figures["volumes_per_second"], before = self.configuration.batch / (now - before), now
            if metrics is not None:
                metrics.add(TRAINING, position.step, figures)
            stopped_by = ranks.highest(stop.number)
            if position.step % self.configuration.validate_every == 0 or position.step == steps:
                position = self._validate(position, metrics)
                self._save(position)
                before = time.perf_counter()
            elif stopped_by:
                self._save(position)
            advance(1)
            if stopped_by and position.step < steps:
                return TrainingOutcome(position, stopped_by)
        return TrainingOutcome(position, 0)

    def _validate(self, position: TrainingProgress, metrics: Metrics | None) -> TrainingProgress:
        """The position with its best validation, which is written where it is this one."""
        with self.step.autocast():
            figures = validate(
                self.step.model, self.cohort.validation, self.cache, self.configuration.batch, self.means.workers
            )
        if metrics is not None:
            metrics.add(VALIDATION, position.step, figures)
        if position.best_score is not None and figures[SCORE] <= position.best_score:
            return position
        if self.means.ranks.first:
            save_best(self.out, self.step.model, {"step": position.step, **figures})
        return position.model_copy(update={"best_step": position.step, "best_score": figures[SCORE]})

    def _save(self, position: TrainingProgress) -> None:
        if self.means.ranks.first:
            state = State(
                position=position,
                data=self.cohort.hash(),
                scaler=self.step.training.scaler.state_dict(),
                versions=environment(LIBRARIES),
            )
            save_last(self.out, self.step.training, state)


def _begun(out: Path, configuration: Configuration, cohort: Cohort) -> State | None:
    """Make the folder ready; where an earlier run of this training in it has stopped."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise SelipError(f"The folder {out} cannot be made ({failure.strerror}): name another one.") from failure
    state = saved_state(out, configuration, cohort.hash())
    write_text(out / CONFIGURATION_FILE, configuration.json_text())
    return state


def _texts_to_learn(pairs: Sequence[Pair], flips: bool) -> tuple[list[str], list[str]]:
    """The distinct texts, also as they are in a mirror, with their sequences."""
    modality_of: dict[str, str] = {}
    for pair in pairs:
        for text in (pair.text, mirrored(pair.text)) if flips else (pair.text,):
            modality_of.setdefault(text, pair.modality)
    return list(modality_of), list(modality_of.values())

"""A training: from pairs to the best checkpoint, continuing where an earlier run of it stopped."""

import fcntl
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from selip_pretrain.data.augment import mirrored
from selip_pretrain.data.batches import BatchPlan, load_batches
from selip_pretrain.data.cohort import Cohort
from selip_pretrain.data.pairs import Pair, PairDataset
from selip_pretrain.data.studies import StudyDataset, studies_of
from selip_pretrain.model.configuration import CONFIGURATION_FILE, Configuration, read_configuration
from selip_pretrain.model.initial_weights import initialise
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.objective.finding_labels import MIN_CASES, FindingLabel, common_labels
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.training.checkpoint import (
    LAST,
    SavedState,
    TrainingProgress,
    check_space,
    load_last,
    save_best,
    save_last,
    saved_state,
)
from selip_pretrain.training.distributed import Distributed
from selip_pretrain.training.metrics import TRAINING, VALIDATION, MetricsWriter
from selip_pretrain.training.training_step import TrainingStep
from selip_pretrain.training.validation import check_best_metrics, validate
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError
from selip_shared.execution.progress import Advance, progress
from selip_shared.execution.stop_signals import StopSignal, deferred_stop
from selip_shared.files import write_text
from selip_shared.messages.console import say
from selip_shared.provenance import environment

LOCK_FILE = ".lock"
LIBRARIES = ("selip", "torch", "monai", "transformers", "tokenizers")


@dataclass(frozen=True)
class Resources:
    """Hardware resources of a run; they change results only by rounding.

    `chunk_size` is how many volumes are encoded together (None: all of the process's share of a batch), `workers` the
    number of processes that read volumes; `download` allows a pretrained text encoder to be downloaded.
    """

    distributed: Distributed
    chunk_size: int | None = None
    workers: int = 0
    download: bool = False


class TrainingOutcome(NamedTuple):
    """The progress of a training, and the number of the signal that stopped it, 0 where it is complete."""

    progress: TrainingProgress
    stopped_by: int


@contextmanager
def only_training_in(out: Path) -> Iterator[None]:
    """Create the folder and lock it until this training ends; SelipError where another one is running in it."""
    _create(out)
    with (out / LOCK_FILE).open("ab") as file:
        try:
            # Unlike flock not inherited by the processes that read volumes, which outlive a killed training by seconds.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise SelipError(
                f"Another training is running in {out}: wait for its end, or name another folder with --out."
            ) from error
        yield


def check_training(configuration: Configuration, cohort: Cohort, out: Path, download: bool) -> None:
    """Find out what would stop this training before volumes are prepared, which may take hours; SelipError if so.

    Batches are formed, the encoders are built with their initial weights, the folder is compared, and the room for
    checkpoints on its disk.
    """
    _batch_plan(configuration, cohort)
    check_best_metrics(configuration, cohort.validation)
    state = saved_state(out, configuration)
    model, _ = _build(configuration, cohort, download)
    check_space(out, sum(weights.nbytes for weights in model.parameters()))
    if state is None:
        initialise(model, download)


def pretrain(
    configuration: Configuration, cohort: Cohort, cache: VolumeCache, out: Path, resources: Resources
) -> TrainingOutcome:
    """Train until the configuration's last step, or until SIGTERM or SIGINT.

    Writes to `out` the folders last and best, tables of metrics, TensorBoard events and the configuration. SelipError
    where the pairs, the configuration or the folder do not allow a training, or the loss is not finite.
    """
    distributed = resources.distributed
    plan = _batch_plan(configuration, cohort)
    state = distributed.broadcast(_prepare_folder(out, configuration, cohort) if distributed.is_main else None)
    model, table = _build(configuration, cohort, resources.download)
    if distributed.is_main:
        _print_truncated(model, cohort)
    if state is None:
        notes = initialise(model, resources.download)
        if distributed.is_main:
            for note in notes:
                say(note, sys.stderr)
    step = TrainingStep(model, table, distributed, resources.chunk_size)
    if state is not None:
        load_last(out, step.training, state)
    run = TrainingRun(configuration, cohort, cache, out, resources, plan, step)
    done = TrainingProgress() if state is None else state.progress
    return TrainingOutcome(done, 0) if done.step == configuration.steps else run.continue_from(done)


@dataclass(frozen=True)
class TrainingRun:
    """A training in this process."""

    configuration: Configuration
    cohort: Cohort
    cache: VolumeCache
    out: Path
    resources: Resources
    plan: BatchPlan
    step: TrainingStep

    def continue_from(self, done: TrainingProgress) -> TrainingOutcome:
        """Run the remaining steps."""
        remaining = self.configuration.steps - done.step
        with deferred_stop(signal.SIGTERM, signal.SIGINT) as stop:
            if not self.resources.distributed.is_main:
                return self._run_steps(done, stop, None, lambda _: None)
            with MetricsWriter(self.out, done.step) as writer, progress("steps", remaining) as advance:
                return self._run_steps(done, stop, writer, advance)

    def _run_steps(
        self, done: TrainingProgress, stop: StopSignal, writer: MetricsWriter | None, advance: Advance
    ) -> TrainingOutcome:
        distributed, steps = self.resources.distributed, self.configuration.steps
        volumes = PairDataset(
            self.cohort.train,
            self.cache,
            self.configuration.augment,
            self.configuration.seed,
            self.configuration.augmentation,
            self.configuration.texts,
        )
        studies = studies_of(self.cohort.train) if self.configuration.study_encoder else []
        dataset = StudyDataset(studies, volumes) if studies else volumes
        drawn = [study.pairs for study in studies] or [(pair,) for pair in self.cohort.train]
        draws = self.plan.steps(done.step, steps, distributed.rank, distributed.world_size)
        losses: list[float] = []
        previous = time.perf_counter()
        pin_memory = distributed.device.type == "cuda"
        for batch in load_batches(dataset, draws, self.resources.workers, pin_memory):
            image_ids = [pair.image_id for draw in self.plan.batch(done.step) for pair in drawn[draw.pair]]
            metrics = self.step.run(done.step, batch, image_ids)
            done = done.model_copy(update={"step": done.step + 1})
            now = time.perf_counter()
            metrics["volumes_per_second"], previous = len(image_ids) / (now - previous), now
            losses.append(metrics["loss"])
            if writer is not None:
                writer.add(TRAINING, done.step, metrics)
            stopped_by = distributed.maximum(stop.number)
            if done.step % self.configuration.validate_every == 0 or done.step == steps:
                done = self._validate(done, writer, fmean(losses))
                self._save(done)
                losses.clear()
                previous = time.perf_counter()
            elif stopped_by:
                self._save(done)
            advance(1)
            if stopped_by and done.step < steps:
                return TrainingOutcome(done, stopped_by)
        return TrainingOutcome(done, 0)

    def _validate(self, done: TrainingProgress, writer: MetricsWriter | None, loss: float) -> TrainingProgress:
        """Validate, and save the best checkpoint where this is the best validation so far.

        `loss` is the mean over the steps since the last validation, for the user.
        """
        with self.step.autocast():
            metrics = validate(
                self.step.model, self.cohort.validation, self.cache, self.configuration.batch, self.resources.workers
            )
        weights = self.configuration.best_weights
        score = sum(weight * metrics[name] for name, weight in weights.items()) / sum(weights.values())
        if done.best_score is None or score > done.best_score:
            done = done.model_copy(update={"best_step": done.step, "best_score": score})
            if self.resources.distributed.is_main:
                save_best(self.out, self.step.model, {"step": done.step, **metrics})
        if writer is not None:
            writer.add(VALIDATION, done.step, metrics)
            say(
                f"Step {done.step:,}: loss {loss:.3f}, validation: {metrics['top_5']:.1%} in the top 5, mean reciprocal"
                f" rank {metrics['mean_reciprocal_rank']:.3f}; the best checkpoint is of step {done.best_step:,}.",
                sys.stderr,
            )
        return done

    def _save(self, done: TrainingProgress) -> None:
        if self.resources.distributed.is_main:
            state = SavedState(
                progress=done,
                data=self.cohort.hash(),
                scaler=self.step.training.scaler.state_dict(),
                versions=environment(LIBRARIES),
            )
            save_last(self.out, self.step.training, state)


def _batch_plan(configuration: Configuration, cohort: Cohort) -> BatchPlan:
    drawn = studies_of(cohort.train) if configuration.study_encoder else cohort.train
    return BatchPlan(
        [one.text for one in drawn],
        configuration.batch,
        configuration.seed,
        configuration.batches,
        configuration.flip_probability > 0,
        configuration.flip_probability,
    )


def _create(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise SelipError(
            f"The folder {out} cannot be created ({failure.strerror}): name another one with --out."
        ) from failure


def _prepare_folder(out: Path, configuration: Configuration, cohort: Cohort) -> SavedState | None:
    """Create the folder and write the configuration; the state of an earlier run of this training, if there is one."""
    _create(out)
    state = saved_state(out, configuration, cohort.hash())
    if state is not None:
        earlier = read_configuration(out / LAST).steps
        if earlier < configuration.steps:
            rate = configuration.learning_rate(state.progress.step)
            say(
                f"The training in {out} had {earlier:,} steps and is lengthened to {configuration.steps:,}: it"
                f" continues after step {state.progress.step:,}, at {rate:.2f} of the maximum learning rates.",
                sys.stderr,
            )
    write_text(out / CONFIGURATION_FILE, configuration.json_text())
    return state


def _print_truncated(model: SelipModel, cohort: Cohort) -> None:
    """Print on stderr how many distinct texts have more tokens than the text encoder reads."""
    texts = [*_training_texts(cohort.train, model.configuration.flip_probability > 0), *_sentences(cohort.train)]
    texts += [text for pair in cohort.validation for text in pair.texts]
    longer = model.truncated_token_counts(texts)
    if longer:
        limit = model.configuration.max_tokens
        say(
            f"{len(longer):,} of {len({*texts}):,} distinct texts have more than {limit} tokens and are truncated: the"
            f" longest has {max(longer)}; --max-tokens {max(longer)} reads all.",
            sys.stderr,
        )


def _sentences(pairs: Sequence[Pair]) -> list[str]:
    """The distinct own words of the reports, which have the characters of their mirrored forms."""
    return list(dict.fromkeys(pair.sentences for pair in pairs if pair.sentences))


def _training_texts(pairs: Sequence[Pair], with_mirrored: bool) -> dict[str, str]:
    """The sequence of each distinct text, optionally with their mirrored forms."""
    modality_of: dict[str, str] = {}
    for pair in pairs:
        for text in pair.texts:
            for form in (text, mirrored(text)) if with_mirrored else (text,):
                modality_of.setdefault(form, pair.modality)
    return modality_of


def _build(configuration: Configuration, cohort: Cohort, download: bool) -> tuple[SelipModel, TextTable]:
    """A model with initial weights, and the table of the training texts."""
    modality_of = _training_texts(cohort.train, configuration.flip_probability > 0)
    table = TextTable([*modality_of], [*modality_of.values()])
    labels: dict[FindingLabel, float] = {}
    if configuration.findings_weight:
        labels = common_labels(table, table.rows([pair.text for pair in cohort.train if pair.text]))
        if not labels:
            raise SelipError(
                f"There is nothing for findings_weight to learn: no finding is on {MIN_CASES} training volumes and"
                f" missing on {MIN_CASES}. Use a findings_weight of 0, or scan more studies."
            )
    return SelipModel.build(configuration, [*modality_of, *_sentences(cohort.train)], download, labels), table

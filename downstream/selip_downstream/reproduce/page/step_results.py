"""What the steps of a reproduction have left in their folders, read back for its page."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selip_contracts.tables import read_store
from selip_downstream.evaluation.results import MetricResult, read_figures
from selip_downstream.page.comparison_tables import Block, blocks_of
from selip_downstream.reproduce.plan import EXTRACTED, TRUE
from selip_downstream.reproduce.runner.steps import STDOUT_FILE, STEP_FILE, failure_of, seconds_taken
from selip_pretrain.model.configuration import CONFIGURATION_FILE, Configuration, read_configuration
from selip_pretrain.training.checkpoint import BEST, VALIDATION_FILE
from selip_shared.errors import SelipError

RESULTS_FILE = "results.duckdb"
READ = "read-"
DATA = (TRUE, EXTRACTED)
"""Steps with the database of images and texts that is measured on; the first that is there counts."""


@dataclass(frozen=True)
class ExtractorScore:
    """What selip-score has printed in the step that read reports with a reader.

    `gold` is a file of a step, as STEP/NAME, or the name of one from outside.
    """

    reader: str
    gold: str
    figures: Mapping[str, Any]

    @property
    def reports(self) -> str:
        """What the reports are called: those of a step are pseudo-reports."""
        path = Path(self.gold)
        return "Pseudo-reports" if len(path.parts) > 1 else f"Annotated reports: {path.stem.replace('_', ' ')}"


@dataclass(frozen=True)
class TrainingResult:
    """One training: its best checkpoint, what it was told to do, and how it was validated there."""

    step: str
    checkpoint: Path
    configuration: Configuration
    validation: Mapping[str, float]
    seconds: float


@dataclass(frozen=True)
class Measured:
    """All that the page shows, by the steps that measured it."""

    folders: Mapping[str, Path]
    comparisons: Mapping[str, list[Block]]
    scores: list[ExtractorScore]
    trainings: list[TrainingResult]
    seconds: Mapping[str, float]
    failures: Mapping[str, str]
    """Why a step failed, by its name."""

    def blocks(self, prefix: str, task: str) -> list[Block]:
        """The comparisons of a task in the steps whose names begin so."""
        own = (blocks for step, blocks in self.comparisons.items() if step.startswith(prefix))
        return [block for blocks in own for block in blocks if block[0].task == task]

    def retrieval_by_share(self) -> dict[float, list[Block]]:
        """The comparisons of the steps retrieve-PERCENT by that share of the training studies, the smallest first."""
        found = {
            float(percent[1]) / 100: blocks
            for step, blocks in self.comparisons.items()
            if (percent := re.fullmatch(r"retrieve-(\d+(?:\.\d+)?)", step))
        }
        return dict(sorted(found.items()))

    @property
    def is_truth_unknown(self) -> bool:
        """Whether what is measured against was extracted, since nobody has told what is true."""
        return EXTRACTED in self.folders and TRUE not in self.folders

    def database(self) -> Path | None:
        """The database of images and texts, the true ones where these are known; None where no step made one."""
        places = (self.folders[step] / "selip.duckdb" for step in DATA if step in self.folders)
        return next((place for place in places if place.exists()), None)


def read_measured(folders: Mapping[str, Path]) -> Measured:
    """Read what is there of every step, by its name. SelipError where a step is not done or its files are damaged."""
    naming = StepNaming(folders)
    comparisons: dict[str, list[Block]] = {}
    scores: list[ExtractorScore] = []
    trainings: list[TrainingResult] = []
    seconds: dict[str, float] = {}
    failures: dict[str, str] = {}
    for step, folder in folders.items():
        if (why := failure_of(folder)) is not None:
            failures[step] = why
            continue
        try:
            seconds[step] = seconds_taken(folder)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SelipError(f"The step {step} is not done, by {folder / STEP_FILE}: run it first.") from error
        if (folder / RESULTS_FILE).exists():
            with closing(read_store(folder / RESULTS_FILE)) as connection:
                comparisons[step] = _blocks(read_figures(connection), naming)
        if step.startswith(READ):
            scores += _scores(step.removeprefix(READ), folder / STDOUT_FILE, naming)
        if (folder / BEST / CONFIGURATION_FILE).exists():
            trainings.append(_training(step, folder / BEST, seconds[step]))
    return Measured(folders, comparisons, scores, trainings, seconds, failures)


class StepNaming:
    """Names files of steps by the step, as STEP/FILE: where its folder lies is another place on every machine."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._steps = {f"{known}/": f"{step}/" for step, path in folders.items() for known in (path, path.resolve())}

    def named(self, value: Any) -> Any:
        """A value of JSON with the names of files changed so."""
        if isinstance(value, str):
            begun = (
                step + value.removeprefix(folder) for folder, step in self._steps.items() if value.startswith(folder)
            )
            return next(begun, value)
        if isinstance(value, list):
            return [self.named(one) for one in value]
        if isinstance(value, dict):
            return {name: self.named(one) for name, one in value.items()}
        return value


def _blocks(figures: Sequence[MetricResult], naming: StepNaming) -> list[Block]:
    """The comparisons, task by task; the figures of one share their configuration."""
    blocks: list[Block] = []
    for task in dict.fromkeys(figure.task for figure in figures):
        for block in blocks_of(figures, task):
            configuration = naming.named(block[0].configuration)
            blocks.append([replace(figure, configuration=configuration) for figure in block])
    return blocks


def _scores(reader: str, printed: Path, naming: StepNaming) -> Iterator[ExtractorScore]:
    """Of the lines that the step printed those that selip-score did."""
    try:
        lines = printed.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SelipError(f"{printed} cannot be read ({error.strerror}): run the step {READ}{reader} again.") from error
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and {"gold", "reports", "finding_f1"} <= said.keys():
            said = naming.named(said)
            gold = Path(said.pop("gold"))
            # What was scored outside the steps is told by its name, since it lies elsewhere on every machine.
            yield ExtractorScore(reader, gold.name if gold.is_absolute() else gold.as_posix(), said)


def _training(step: str, folder: Path, seconds: float) -> TrainingResult:
    try:
        validation = json.loads((folder / VALIDATION_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SelipError(f"{folder / VALIDATION_FILE} cannot be read: run the step {step} again.") from error
    return TrainingResult(step, folder, read_configuration(folder), validation, seconds)

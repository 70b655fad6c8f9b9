"""The results that the steps of a reproduction left in their folders."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selip_contracts.database_file import read_store
from selip_downstream.evaluation.comparison import Comparison, comparisons_of
from selip_downstream.evaluation.results import read_results
from selip_downstream.reproduce.plan import EXTRACTED, TRUE
from selip_downstream.reproduce.runner.steps import STDOUT_FILE, STEP_FILE, failure_of, seconds_taken
from selip_pretrain.model.configuration import CONFIGURATION_FILE, Configuration, read_configuration
from selip_pretrain.training.checkpoint import BEST, VALIDATION_FILE
from selip_shared.errors import SelipError

RESULTS_FILE = "results.duckdb"
READ = "read-"
DATA_STEPS = (TRUE, EXTRACTED)
"""Steps with the database of images and texts that models are measured on; the first that exists counts."""


@dataclass(frozen=True)
class ExtractorScore:
    """What selip-score printed for one extractor and one file of annotated reports.

    `gold` is a file of a step, as STEP/NAME, or the name of a file from outside the steps.
    """

    extractor: str
    gold: str
    figures: Mapping[str, Any]

    @property
    def reports(self) -> str:
        """The name of the set of reports: those of a step are pseudo-reports."""
        path = Path(self.gold)
        return "Pseudo-reports" if len(path.parts) > 1 else f"Annotated reports: {path.stem.replace('_', ' ')}"


@dataclass(frozen=True)
class TrainingResult:
    """One training: its best checkpoint, its configuration, and the validation of that checkpoint."""

    step: str
    checkpoint: Path
    configuration: Configuration
    validation: Mapping[str, float]


@dataclass(frozen=True)
class StepResults:
    """All that the steps left, by step where it belongs to one; `failures` is why a step failed."""

    folders: Mapping[str, Path]
    comparisons: Mapping[str, Sequence[Comparison]]
    scores: Sequence[ExtractorScore]
    trainings: Sequence[TrainingResult]
    seconds: Mapping[str, float]
    failures: Mapping[str, str]

    @property
    def database(self) -> Path | None:
        """The database of images and texts, with the true findings where these are known; None without one."""
        paths = (self.folders[step] / "selip.duckdb" for step in DATA_STEPS if step in self.folders)
        return next((path for path in paths if path.exists()), None)


def read_step_results(folders: Mapping[str, Path]) -> StepResults:
    """Read the folder of each step. SelipError where a step is not done or its files are damaged."""
    naming = StepNaming(folders)
    comparisons: dict[str, list[Comparison]] = {}
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
                results = read_results(connection)
            comparisons[step] = comparisons_of(
                [replace(result, configuration=naming.named(result.configuration)) for result in results]
            )
        if step.startswith(READ):
            scores += _scores(step.removeprefix(READ), folder / STDOUT_FILE, naming)
        if (folder / BEST / CONFIGURATION_FILE).exists():
            trainings.append(_training(step, folder / BEST))
    return StepResults(folders, comparisons, scores, trainings, seconds, failures)


class StepNaming:
    """Names the files of a step STEP/FILE, since its folder differs from machine to machine."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._steps = {f"{known}/": f"{step}/" for step, path in folders.items() for known in (path, path.resolve())}

    def named(self, value: Any) -> Any:
        """A JSON value in which the files of steps are named so."""
        if isinstance(value, str):
            renamed = (
                step + value.removeprefix(folder) for folder, step in self._steps.items() if value.startswith(folder)
            )
            return next(renamed, value)
        if isinstance(value, list):
            return [self.named(one) for one in value]
        if isinstance(value, dict):
            return {name: self.named(one) for name, one in value.items()}
        return value


def _scores(extractor: str, printed: Path, naming: StepNaming) -> Iterator[ExtractorScore]:
    """The scores among the lines that the step printed."""
    try:
        lines = printed.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SelipError(
            f"{printed} cannot be read ({error.strerror}): run the step {READ}{extractor} again."
        ) from error
    for line in lines:
        try:
            printed_score = json.loads(line)
        except ValueError:
            continue
        if isinstance(printed_score, dict) and {"gold", "reports", "finding_f1"} <= printed_score.keys():
            figures = naming.named(printed_score)
            gold = Path(figures.pop("gold"))
            # The path of a file outside the steps differs from machine to machine.
            yield ExtractorScore(extractor, gold.name if gold.is_absolute() else gold.as_posix(), figures)


def _training(step: str, folder: Path) -> TrainingResult:
    try:
        validation = json.loads((folder / VALIDATION_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SelipError(f"{folder / VALIDATION_FILE} cannot be read: run the step {step} again.") from error
    return TrainingResult(step, folder, read_configuration(folder), validation)

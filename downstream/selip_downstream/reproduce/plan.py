"""The steps of a reproduction, from pseudo-reports or real data to the page, each as commands of a user."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from selip_contracts.annotated import GOLD
from selip_downstream.reproduce.data import choose_cohort as cohort
from selip_downstream.reproduce.data import planted_errors
from selip_downstream.reproduce.runner.steps import Step
from selip_downstream.reproduce.sizes import Size
from selip_shared.errors import SelipError

PHANTOM, TRUE, EXTRACTED = "phantom", "data-true", "data-extracted"
OWN_DB = "{out}/selip.duckdb"
SETTINGS = "settings.json"
RESULTS = "--results"
"""The option of every command that measures."""
PAGE = "page"
REPORT = "selip_downstream.reproduce.page.report"
FROZEN = "frozen"
FROZEN_TARGETS = 8
SECONDS_A_FROZEN_STEP, SECONDS_A_STUDY_STEP = 0.0015, 0.03
"""Guesses for the time that remains, of one seed."""
FROZEN_STUDY = "selip_downstream.reproduce.frozen.study"
STUDIES = "frozen-studies"
STUDY_ENCODER = "selip_downstream.reproduce.frozen.studies"

EXTRACTORS: dict[str, tuple[str, ...]] = {
    "model": ("--extractor", "model"),
    "rules": ("--extractor", "rules"),
    "both": ("--extractor", "both"),
    "free": ("--extractor", "model", "--unconstrained"),
    "adapted": ("--extractor", "model", "--adapter", "{adapt}/adapter"),
}
MODELS = {"hard": "CLIP", "syntax": "syntax", "semantic": "semantic", "selip": "SeLIP", "best-match": "best-match"}
"""Model names by target."""
SOFT_ALONE = "best-match alone"
UNIFORM, SHUFFLED, SELIP_ALONE = "uniform", "shuffled", "SeLIP alone"
"""Model names of further targets on frozen features: without the hard part of the loss, and three controls."""

BEST_SEQUENCE, MEAN_OF_SEQUENCES, ALL_SEQUENCES = "best sequence", "mean of sequences", "study encoder"
"""Model names of what finds the text of a study."""

ERROR_TARGET = "best-match"
"""The target of the trainings on wrong findings."""
TRUE_FINDINGS, EXTRACTED_FINDINGS = "true findings", "extracted"
"""Model names of the trainings on true and on extracted findings."""
_WRONG_FINDINGS = re.compile(r"(\d+(?:\.\d+)?) % wrong")


@dataclass(frozen=True)
class RealData:
    """The user's reports with their images, and a BraTS cohort."""

    reports: Path | None = None
    images: Path | None = None
    brats: Path | None = None

    def __post_init__(self) -> None:
        if (self.reports is None) != (self.images is None):
            raise SelipError("Reports and images belong together: name both or neither.")
        for path in (self.reports, self.images, self.brats):
            if path is not None and not path.exists():
                raise SelipError(f"There is no {path}: name an existing file or folder.")


NO_REAL_DATA = RealData()


def plan(size: Size, real: RealData = NO_REAL_DATA, device: str = "cpu") -> list[Step]:
    """The steps of a reproduction, each after those that it needs.

    The truth of real reports is unknown: extracted findings replace it, and measurements against truth are left out. On
    real data every measurement is optional, since there may be too few cases for it.
    """
    steps = _reading(size)
    if real.reports is None or real.images is None:
        steps += [*_cohort(size), *_trainings(size, TRUE), _frozen(size, TRUE, _wrong(size)), _studies(size, TRUE)]
        steps += [*_comparison(size, TRUE, device), _pointing(size, device)]
        if size.training.learn_errors:
            steps += [*_trainings_of_errors(size), _costs_of_errors(size, device)]
    else:
        steps += [_real_data(size, real.reports, real.images), *_trainings(size, EXTRACTED)]
        steps += [_frozen(size, EXTRACTED, {}), _studies(size, EXTRACTED), *_comparison(size, EXTRACTED, device)]
    if real.reports is None or real.brats is not None:
        steps += _tumours(size, TRUE if real.reports is None else EXTRACTED, real.brats, device)
    if real != NO_REAL_DATA:
        steps = [replace(step, optional=RESULTS in step.commands[-1]) for step in steps]
    return [*steps, _page(size, steps, device)]


def error_rate_of(model: str) -> float | None:
    """The percentage of wrong findings that a model of this name learnt from; None where it is unknown."""
    if model == TRUE_FINDINGS:
        return 0.0
    match = _WRONG_FINDINGS.fullmatch(model)
    return float(match[1]) if match else None


def training_step(target: str, share: float, seed: int) -> str:
    """The name of the step that trains with this target, share of the training studies and seed."""
    return f"train-{target}-{percent(share)}-{seed}"


def percent(share: float) -> int:
    """A share in percent, as in the names of steps."""
    return round(100 * share)


def _reading(size: Size) -> list[Step]:
    """The extractors and their scores."""
    reading = size.reading
    scored_on = tuple(map(GOLD.joinpath, reading.scored_on))
    learnt_from = tuple(map(GOLD.joinpath, reading.adapted_on))
    adapted = (
        "selip-finetune", "--out", "{out}/adapter", "--pseudo", str(reading.adapting),
        "--epochs", str(reading.adapting_epochs), "--seed", str(size.seed),
        *(word for path in learnt_from for word in ("--annotated", _word(path))),
    )  # fmt: skip
    texts = ["{pseudo-test}/truth.jsonl", *map(_word, scored_on)]
    seconds = 8 * len(texts) + 0.03 * reading.scored
    return [
        # With another seed than the cohort, so that the scored reports are not in it.
        _pseudo("pseudo-test", reading.scored, size.seed + 1),
        Step("adapt", (adapted,), learnt_from, seconds=30 + 0.3 * reading.adapting * reading.adapting_epochs),
        *(
            Step(
                f"read-{extractor}",
                tuple(("selip-score", text, *options, "--json") for text in texts),
                scored_on,
                seconds=seconds,
            )
            for extractor, options in EXTRACTORS.items()
        ),
    ]


def _pseudo(name: str, count: int, seed: int) -> Step:
    command = ("selip-pseudo", "--out", "{out}", "--count", str(count), "--seed", str(seed))
    return Step(name, (command,), seconds=2 + 0.001 * count)


def _cohort(size: Size) -> list[Step]:
    """The studies, their images and the databases: with true, with extracted and with wrong findings."""
    studies, truth = size.studies, "{cohort}/truth.jsonl"
    chosen = (
        *_module(cohort), "{pseudo}/truth.jsonl", "--out", "{out}", "--studies", str(studies.studies),
        "--max-sites", str(studies.max_sites), "--sites", ",".join(studies.sites), "--normal", str(studies.normal),
        "--smallest", str(studies.lesion_mm[0]), "--largest", str(studies.lesion_mm[1]), "--seed", str(size.seed),
    )  # fmt: skip
    rendered = (
        "selip-phantom", "--from", truth, "--out", "{out}", "--shape", studies.shape, "--missing", str(studies.missing),
        "--lesion-contrast", str(studies.lesion_contrast),
        "--noise", str(studies.noise), "--seed", str(size.seed),
    )  # fmt: skip
    steps = [
        _pseudo("pseudo", studies.pool, size.seed),
        Step("cohort", (chosen,), seconds=3),
        Step("phantom", (rendered,), seconds=5 + 0.015 * studies.studies),
        _data(size, TRUE, "{out}", (*_with_findings(truth), _scanned("{phantom}"))),
        _data(size, EXTRACTED, "{data-true}", (_extracted("{cohort}/reports.csv"), _scanned("{phantom}"))),
    ]
    for rate in size.training.error_rates:
        planted = (
            *_module(planted_errors), truth, "--out", "{out}/truth.jsonl", "--rate", str(rate / 100),
            "--seed", str(size.seed),
        )  # fmt: skip
        commands = (planted, *_with_findings("{out}/truth.jsonl"), _scanned("{phantom}"))
        steps.append(_data(size, f"data-errors-{rate}", "{data-true}", commands))
    return steps


def _real_data(size: Size, reports: Path, images: Path) -> Step:
    commands = (_extracted(_word(reports)), _scanned(_word(images)))
    return _data(size, EXTRACTED, "{out}", commands, (reports, images))


def _data(
    size: Size, name: str, volumes: str, commands: tuple[tuple[str, ...], ...], inputs: tuple[Path, ...] = ()
) -> Step:
    """A database that these commands fill, prepared for trainings; `volumes` is the step with the prepared volumes."""
    ready = (
        "selip-prepare", "--db", OWN_DB, "--cache", f"{volumes}/volumes", "--preset", size.training.preset,
        "--config", f"{{out}}/{SETTINGS}", "--seed", str(size.seed), "--shares", _listed(size.studies.shares),
    )  # fmt: skip
    seconds = 10 + 0.03 * size.studies.studies
    return Step(name, (*commands, ready), inputs, _settings(_recipe(size)), seconds)


def _recipe(size: Size) -> dict[str, Any]:
    """The settings of a training that prepared volumes depend on."""
    return {name: value for name, value in size.training.settings.items() if name == "recipe"}


def _extracted(reports: str) -> tuple[str, ...]:
    return ("selip-extract", reports, "--db", OWN_DB)


def _with_findings(truth: str) -> tuple[tuple[str, ...], ...]:
    """Commands that fill the database with the reports and findings of an annotated file."""
    return (
        (*_extracted(truth), "--extractor", "rules"),
        ("selip-extract", "--db", OWN_DB, "--import-corrections", truth),
    )


def _scanned(images: str) -> tuple[str, ...]:
    return ("selip-scan", images, "--db", OWN_DB)


def _trainings(size: Size, data: str) -> list[Step]:
    chosen = size.training
    return [
        _training(size, training_step(target, share, seed), (data, data), target, share, seed)
        for share in chosen.repeats
        for seed in chosen.seeds(share)
        for target in chosen.targets
    ]


def _trainings_of_errors(size: Size) -> list[Step]:
    """Trainings on findings that are not the true ones."""
    share = size.training.largest_share
    return [
        _training(size, f"train-{wrong}-{seed}", (f"data-{wrong}", TRUE), ERROR_TARGET, share, seed)
        for wrong in _wrong(size)
        for seed in size.training.seeds(share)
    ]


def _wrong(size: Size) -> dict[str, str]:
    """Model names of the trainings on findings that are not the true ones, by the ends of the names of steps."""
    return {
        "extracted": EXTRACTED_FINDINGS,
        **{f"errors-{rate}": f"{rate} % wrong" for rate in size.training.error_rates},
    }


def _training(size: Size, name: str, data: tuple[str, str], target: str, share: float, seed: int) -> Step:
    """A training on the database of the first step of `data` with the prepared volumes of the second one."""
    findings, volumes = data
    command = (
        "selip-pretrain", "--out", "{out}", "--db", f"{{{findings}}}/selip.duckdb", "--cache", f"{{{volumes}}}/volumes",
        "--preset", size.training.preset, "--config", f"{{out}}/{SETTINGS}", "--target", target, "--share", str(share),
        "--seed", str(seed),
    )  # fmt: skip
    seconds = 7 + size.seconds_a_step * size.training.settings["steps"]
    settings = {**size.training.settings, **size.training.of_target.get(target, {})}
    return Step(name, (command,), texts=_settings(settings), seconds=seconds, scratch=("last",))


def _frozen(size: Size, data: str, wrong: Mapping[str, str]) -> Step:
    """Many trainings on frozen features: by target and share, and with findings that are not the true ones."""
    frozen = size.frozen
    command = (
        *_on_features(size, FROZEN_STUDY, data), "--seeds", str(frozen.seeds),
        "--steps", ",".join(f"{share}={steps}" for share, steps in frozen.steps.items()),
        *(word for end, name in wrong.items() for word in ("--wrong", f"{name}={{data-{end}}}/selip.duckdb")),
    )  # fmt: skip
    trainings = frozen.seeds * sum(frozen.steps.values()) * SECONDS_A_FROZEN_STEP
    seconds = 60 + trainings * FROZEN_TARGETS
    return Step(FROZEN, (command,), texts=_settings(_recipe(size)), seconds=seconds)


def _studies(size: Size, data: str) -> Step:
    """Study encoders on frozen features, with volumes missing."""
    frozen = size.frozen
    command = (
        *_on_features(size, STUDY_ENCODER, data),
        "--seeds", str(frozen.study_seeds), "--steps", str(frozen.study_steps),
    )  # fmt: skip
    seconds = 60 + 2 * frozen.study_seeds * frozen.study_steps * SECONDS_A_STUDY_STEP
    return Step(STUDIES, (command,), texts=_settings(_recipe(size)), seconds=seconds)


def _on_features(size: Size, module: str, data: str) -> tuple[str, ...]:
    """What the commands on frozen features have in common."""
    return (
        "python", "-m", module, f"{{{data}}}/selip.duckdb", "--cache", f"{{{data}}}/volumes",
        "--preset", size.training.preset, "--config", f"{{out}}/{SETTINGS}", RESULTS, "{out}/results.duckdb",
        "--batch", str(size.frozen.batch), "--components", str(size.frozen.components),
        "--rounds", str(size.measuring.rounds), "--seed", str(size.seed),
    )  # fmt: skip


def _comparison(size: Size, data: str, device: str) -> list[Step]:
    """Retrieval by target for every share of the studies, and zero-shot classification."""
    steps = []
    for share in size.training.repeats:
        command = ("selip-retrieve", *_models_of_share(size, share), *_measured(size, data, device))
        steps.append(Step(f"retrieve-{percent(share)}", (command,), seconds=_embedding(size)))
    zero_shot = ("selip-classify", *_models(size), *_measured(size, data, device))
    return [*steps, Step("classify-normal", (zero_shot,), seconds=_embedding(size))]


def _costs_of_errors(size: Size, device: str) -> Step:
    """Retrieval by models that learnt from findings with errors, against the true texts."""
    share = size.training.largest_share
    seeds = size.training.seeds(share)
    models = [f"{TRUE_FINDINGS}={_best(training_step(ERROR_TARGET, share, seed))}" for seed in seeds]
    models += [f"{name}={_best(f'train-{wrong}-{seed}')}" for wrong, name in _wrong(size).items() for seed in seeds]
    command = ("selip-retrieve", *models, *_measured(size, TRUE, device))
    return Step("retrieve-errors", (command,), seconds=_embedding(size))


def _pointing(size: Size, device: str) -> Step:
    command = (
        "selip-pointing", *_models(size), "--phantom", "{phantom}", "--most", str(size.measuring.pointed),
        *_measured(size, TRUE, device),
    )  # fmt: skip
    return Step("pointing", (command,), seconds=10 + 15 * size.measuring.pointed)


def _tumours(size: Size, data: str, brats: Path | None, device: str) -> list[Step]:
    """Classification of grades and segmentation of tumours, in a BraTS cohort or in rendered gliomas."""
    measuring, studies = size.measuring, size.studies
    if brats is None and not studies.gliomas:
        return []
    rendered = (
        "selip-phantom", "--brats", str(studies.gliomas), "--out", "{out}/cohort", "--shape", studies.shape,
        "--seed", str(size.seed),
    )  # fmt: skip
    folder = "{brats}/cohort" if brats is None else _word(brats)
    measured = ("--db", f"{{{data}}}/selip.duckdb", *_figures(size, device))
    classified = (
        "selip-classify", *_models(size), "--brats", folder, "--cache", "{out}/volumes",
        "--shares", _listed(measuring.label_shares), "--draws", str(measuring.label_draws), *measured,
    )  # fmt: skip
    segmented = (
        "selip-segment", folder, *_models(size), "--out", "{out}/networks",
        "--shares", _listed(measuring.segmentation_shares), "--draws", str(measuring.segmentation_draws),
        "--steps", str(measuring.segmentation_steps), *measured,
    )  # fmt: skip
    networks = (1 + len(_models(size))) * len(measuring.segmentation_shares) * measuring.segmentation_draws
    inputs = () if brats is None else (brats,)
    measures = [
        Step("classify-brats", (classified,), inputs, seconds=_embedding(size)),
        Step(
            "segment",
            (segmented,),
            inputs,
            seconds=networks * (3 + measuring.segmentation_steps),
            scratch=("networks/cases", "networks/**/best.safetensors"),
        ),
    ]
    return measures if brats else [Step("brats", (rendered,), seconds=5 + 0.05 * studies.gliomas), *measures]


def _page(size: Size, steps: list[Step], device: str) -> Step:
    folders = (f"{step.name}={{{step.name}}}" for step in steps)
    seed = str(size.seed)
    command = (
        "python", "-m", REPORT, "--size", size.name, "--out", "{out}", "--seed", seed, "--device", device, *folders,
    )  # fmt: skip
    return Step(PAGE, (command,), seconds=30)


def _models(size: Size) -> tuple[str, ...]:
    """The models that are measured in all tasks."""
    return _models_of_share(size, size.training.largest_share)


def _models_of_share(size: Size, share: float) -> tuple[str, ...]:
    """The models of every target, of several seeds under one name."""
    return tuple(
        f"{MODELS[target]}={_best(training_step(target, share, seed))}"
        for target in size.training.targets
        for seed in size.training.seeds(share)
    )


def _best(name: str) -> str:
    return f"{{{name}}}/best"


def _measured(size: Size, data: str, device: str) -> tuple[str, ...]:
    return ("--db", f"{{{data}}}/selip.duckdb", "--cache", f"{{{data}}}/volumes", *_figures(size, device))


def _figures(size: Size, device: str) -> tuple[str, ...]:
    rounds, seed = str(size.measuring.rounds), str(size.seed)
    return (RESULTS, "{out}/results.duckdb", "--rounds", rounds, "--seed", seed, "--device", device)


def _embedding(size: Size) -> float:
    """A guess of the seconds that all models take to embed the test studies."""
    return 20 + 0.001 * size.studies.studies * len(_models(size))


def _listed(shares: tuple[float, ...]) -> str:
    return ",".join(map(str, shares))


def _settings(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return ((SETTINGS, json.dumps(dict(settings), indent=1) + "\n"),)


def _module(module: ModuleType) -> tuple[str, ...]:
    return ("python", "-m", module.__name__)


def _word(path: Path) -> str:
    """The path as a word of a command, with its braces escaped."""
    return str(path.absolute()).replace("{", "{{").replace("}", "}}")

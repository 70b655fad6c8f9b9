"""The pointing game: whether the voxel that supports a statement most is at the lesion.

The mask of each finding of the phantom is known. A map hits if its highest voxel within the head is at most
`TOLERANCE_MM` from the mask (Zhang et al., 2016, allow 15 pixels of a photograph). Chance is the share of the head that
would be a hit.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from torch import Tensor

from selip_contracts.statements import parse_statement, written_statements
from selip_contracts.vocabulary import Side
from selip_downstream.evaluation.bootstrap import Bootstrap, mean, repeated
from selip_downstream.evaluation.compared_models import EvaluatedModel, origins_of, prepare_images
from selip_downstream.evaluation.comparison import ExperimentSetting, compare
from selip_downstream.evaluation.results import MetricResult
from selip_downstream.evaluation.tasks import Metric, Task
from selip_downstream.explanation.occlusion import head_of, support
from selip_pretrain.data.pairs import Pair
from selip_pretrain.phantom.phantom_cohort import TRUTH
from selip_pretrain.volumes.preprocess import Grid, VolumeRecipe, grid_of, prepare_mask
from selip_pretrain.volumes.read_volume import read_mask, read_volume
from selip_pretrain.volumes.volume_cache import VolumeCache, print_problems
from selip_shared.errors import SelipError
from selip_shared.execution.progress import progress
from selip_shared.messages.console import say

CHANCE = "chance"
ALL_SITES = "all sites"
TOLERANCE_MM = 10.0
MIN_FINDINGS = 5
"""A site with fewer findings has no results of its own."""

LateralisedSite = tuple[Side | None, str]


class PointedFinding(NamedTuple):
    """A statement of an image, and the label of its mask."""

    pair: Pair
    statement: str
    site: str
    label: int


class Pointed(NamedTuple):
    """The hits of a finding by model, 1 for each training that hit; `chance` is the share of the head that is a hit."""

    finding: PointedFinding
    hits: Mapping[str, Sequence[float]]
    chance: float


class _Lesion(BaseModel):
    label: int
    side: Side | None
    site: str


class _Study(BaseModel):
    report_id: str
    lesions: list[_Lesion]


class _Truth(BaseModel):
    studies: list[_Study]


def read_lesion_labels(phantom: Path) -> dict[str, dict[LateralisedSite, int]]:
    """By report and lateralised site the label of its mask. SelipError where the folder is no phantom cohort."""
    try:
        truth = _Truth.model_validate_json((phantom / TRUTH).read_bytes())
    except OSError as error:
        raise SelipError(f"There is no {TRUTH} in {phantom}: name a folder that selip-phantom has written.") from error
    except ValidationError as error:
        raise SelipError(f"{phantom / TRUTH} is not selip-phantom's: have it written again.") from error
    return {study.report_id: {(it.side, it.site): it.label for it in study.lesions} for study in truth.studies}


def draw_pairs(pairs: Sequence[Pair], phantom: Path, count: int, seed: int) -> list[Pair]:
    """At most `count` random pairs with a finding that has a mask in the phantom."""
    labels = read_lesion_labels(phantom)
    with_findings = [pair for pair in pairs if findings_of([pair], labels)]
    return random.Random(seed).sample(with_findings, min(count, len(with_findings)))


def run_pointing(
    models: Sequence[EvaluatedModel],
    pairs: Sequence[Pair],
    phantom: Path,
    folder: Path,
    split: str,
    *,
    rounds: int,
    seed: int,
) -> Iterator[list[MetricResult]]:
    """The results of every model on the findings of the pairs; `folder` is the cache of prepared volumes.

    SelipError where no lesion is large enough for the grids of the models.
    """
    usable, problems = prepare_images(pairs, models, folder)
    print_problems(problems)
    findings = findings_of(usable, read_lesion_labels(phantom))
    pointed = point(findings, models, phantom, folder)
    if not pointed:
        raise SelipError(f"None of the {len(findings):,} lesions is large enough for the grids of these checkpoints.")
    lost = len(findings) - len(pointed)
    about = {"models": origins_of(models), "images": len(usable), "lost_on_grid": lost, "draw_seed": seed}
    say(f"A hit is at most {TOLERANCE_MM:g} mm from the lesion; {lost:,} are lost on the grid.")
    return pointing_results(pointed, split, about, rounds=rounds, seed=seed)


def findings_of(
    pairs: Sequence[Pair], lesion_labels: Mapping[str, Mapping[LateralisedSite, int]]
) -> list[PointedFinding]:
    """The statements of the pairs' texts that have a mask, each of an image once."""
    found = []
    for pair in pairs:
        labels = lesion_labels.get(pair.report_id, {})
        for statement in dict.fromkeys(written_statements(pair.text)):
            side, site, *_ = parse_statement(statement, pair.modality)
            if (side, site) in labels:
                found.append(PointedFinding(pair, statement, site, labels[side, site]))
    return found


def point(
    findings: Sequence[PointedFinding], models: Sequence[EvaluatedModel], phantom: Path, folder: Path
) -> list[Pointed]:
    """Every model's hits; `folder` holds the cache of prepared volumes. A lesion lost on a coarse grid is left out.

    SelipError where a model is called as chance is.
    """
    if any(evaluated.name == CHANCE for evaluated in models):
        raise SelipError(f"No model may be called {CHANCE} here: give it another name, as in NAME=FOLDER.")
    by_image: dict[str, list[PointedFinding]] = {}
    for finding in findings:
        by_image.setdefault(finding.pair.image_id, []).append(finding)
    pointed: list[Pointed] = []
    with progress("volumes explained", len(by_image) * len(models)) as advance:
        for own in by_image.values():
            hits: list[dict[str, list[float]]] = [defaultdict(list) for _ in own]
            chances: list[list[float]] = [[] for _ in own]
            for evaluated in models:
                pointed_by_model = _pointed_by(evaluated, own, phantom, folder)
                for of_finding, of_chance, (hit, chance) in zip(hits, chances, pointed_by_model, strict=True):
                    of_finding[evaluated.name].append(hit)
                    of_chance.append(chance)
                advance(1)
            pointed += [
                Pointed(finding, of_finding, float(np.mean(of_chance)))
                for finding, of_finding, of_chance in zip(own, hits, chances, strict=True)
            ]
    return [one for one in pointed if not np.isnan(one.chance)]


def pointing_results(
    pointed: Sequence[Pointed], split: str, about: Mapping[str, Any], *, rounds: int, seed: int
) -> Iterator[list[MetricResult]]:
    """The share of hits by model, chance first, over all sites and for each site with enough findings."""
    counts = Counter(one.finding.site for one in pointed)
    for site in (ALL_SITES, *(site for site, count in counts.most_common() if count >= MIN_FINDINGS)):
        own = [one for one in pointed if site in (ALL_SITES, one.finding.site)]
        metrics = {CHANCE: {Metric.POINTING: mean(np.array([one.chance for one in own]))}}
        for model in own[0].hits:
            of_trainings = np.array([one.hits[model] for one in own]).T
            metrics[model] = {Metric.POINTING: repeated("training", [mean(hits) for hits in of_trainings], (0, 1))}
        described = {**about, "site": site, "tolerance_mm": TOLERANCE_MM}
        bootstrap = Bootstrap([one.finding.pair.patient_id for one in own], rounds=rounds, seed=seed)
        yield compare(ExperimentSetting(Task.EXPLANATION, split, len(own), described), bootstrap, metrics)


def near(mask: Tensor, grid: Grid) -> NDArray[np.bool_]:
    """The voxels (D, H, W) of a grid that lie at most the tolerance from a mask; none where the mask is empty."""
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return np.zeros(mask.shape, np.bool_)
    spacing_mm = np.linalg.norm(grid.affine[:3, :3], axis=0)
    near: NDArray[np.bool_] = distance_transform_edt(~mask.numpy(), sampling=spacing_mm) <= TOLERANCE_MM
    return near


def _pointed_by(
    evaluated: EvaluatedModel, findings: Sequence[PointedFinding], phantom: Path, folder: Path
) -> list[tuple[float, float]]:
    """Of each finding of one image hit and chance, NaN where nothing of its mask is on the grid."""
    recipe: VolumeRecipe = evaluated.model.recipe
    pair = findings[0].pair
    image = VolumeCache(folder, recipe).get(pair)
    grid = grid_of(read_volume(pair.files, pair.source, pair.frames), recipe)
    labels = prepare_mask(read_mask(phantom / pair.report_id / "lesions.nii.gz"), grid)[0]
    maps = support(evaluated.model, image, pair.modality, [f.statement for f in findings], lambda _: None)
    head = head_of(image).numpy()
    results = []
    for finding, values in zip(findings, maps.numpy(), strict=True):
        target = near(labels == finding.label, grid)
        if not target.any():
            results.append((np.nan, np.nan))
            continue
        highest = np.where(head, values, -np.inf).argmax()
        results.append((float(target.ravel()[highest]), float(target[head].mean())))
    return results

"""A study as volumes: the subject's head on every sequence with its lesions, as a scanner stores them."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from selip_contracts.findings import AnnotatedReport, Study
from selip_contracts.vocabulary import MODALITIES, UNLISTED, Enhancement, Modality, Signal
from selip_pretrain.phantom.acquisition import acquire, draw_scanner
from selip_pretrain.phantom.head_model.anatomy import Anatomy
from selip_pretrain.phantom.head_model.grid import Float, PhantomGrid
from selip_pretrain.phantom.head_model.head import draw_head
from selip_pretrain.phantom.head_model.intensities import COMPANION, COMPANION_SHARE, RING_CORE_LEVEL, SIGNAL_LEVELS
from selip_pretrain.phantom.lesion import (
    LesionPlacement,
    RenderedLesion,
    RenderedSite,
    changed_sites,
    has_region,
    lesion_sites,
)
from selip_shared.errors import SelipError

ALWAYS: tuple[Modality, ...] = ("T1", "T2", "FLAIR", "DWI", "ADC")
_HETEROGENEITY = 0.3


class PhantomRecipe(BaseModel):
    """The settings of the rendering: with the study itself they determine every voxel.

    - `shape`: slices, rows and columns over a fixed field of view.
    - `lesion_size`: factor on the size of lesions whose size the report does not state.
    - `lesion_contrast`: 0 shows no lesion, 1 the full signal.
    - `noise`: its standard deviation, where the brightest tissue is 1.
    - `missing`: the share of sequences that were not acquired; a study keeps at least one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(default=0, ge=0)
    shape: tuple[int, int, int] = (24, 128, 128)
    lesion_size: float = Field(default=1.0, gt=0)
    lesion_contrast: float = Field(default=1.0, ge=0)
    noise: float = Field(default=0.03, ge=0)
    missing: float = Field(default=0.0, ge=0, lt=1)
    version: int = 1


@dataclass(frozen=True)
class RenderedStudy:
    """Volumes int16 by sequence and labels uint16, both indexed z, y, x of the grid; `sites` explain the labels."""

    volumes: dict[Modality, NDArray[np.int16]]
    labels: NDArray[np.uint16]
    sites: tuple[RenderedSite, ...]
    grid: PhantomGrid


def render(report: AnnotatedReport, anatomy: Anatomy, recipe: PhantomRecipe) -> RenderedStudy:
    """The study of a report; the same report and recipe give the same voxels in any process.

    SelipError where the report names a place that the head lacks.
    """
    if not has_region(report.study):
        raise SelipError(f"Report {report.report_id}: {UNLISTED} has no region in the phantom's head: leave it out.")
    rng = generator(recipe.seed, report.report_id)
    study, grid = report.study, PhantomGrid(recipe.shape)
    modalities = _acquired(study, recipe.missing, rng)
    head = draw_head(study.general, anatomy, grid, rng)
    placement = LesionPlacement(grid, head.template, head.landmarks)
    sites = lesion_sites(study)
    lesions = placement.lesions([*sites, *changed_sites(study)], rng)
    scanner = draw_scanner(rng, recipe.noise)
    brain = head.at("brain")
    volumes = {}
    for modality in modalities:
        level = head.level(modality)
        for lesion in lesions:
            _show(lesion, level, modality, brain, recipe.lesion_contrast)
        volumes[modality] = acquire(level, scanner, grid, rng)
    return RenderedStudy(volumes, placement.labels, tuple(sites), grid)


def generator(seed: int, name: str) -> np.random.Generator:
    """The random generator of a study, independent of process and order."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8])])


def _acquired(study: Study, missing: float, rng: np.random.Generator) -> list[Modality]:
    """The usual five sequences and those that the report mentions, without those that are missing."""
    done = [m for m in MODALITIES if m in ALWAYS or study.on(m)]
    kept = [m for m, drawn in zip(done, rng.random(len(done)), strict=True) if drawn >= missing]
    return kept or [done[int(rng.integers(len(done)))]]


def _show(lesion: RenderedLesion, level: Float, modality: Modality, brain: NDArray[np.bool_], contrast: float) -> None:
    """Blend the lesion into the sequence's levels, in place."""
    signals: list[Signal | Enhancement] = [
        f.signal for f in lesion.site.findings if f.modality == modality and f.signal is not None
    ]
    shown_on, share = modality, contrast
    if not signals and modality in COMPANION:
        shown_on, share = COMPANION[modality], contrast * COMPANION_SHARE
        signals = [f.signal for f in lesion.site.findings if f.modality == shown_on and f.signal is not None]
    if not signals:
        return
    before = level[lesion.box]
    isointense = np.where(brain[lesion.box], before, np.float32(SIGNAL_LEVELS[modality]["等"]))
    bands = [_level(lesion, modality, signal, isointense) for signal in dict.fromkeys(signals)]
    if lesion.hollow and len(bands) == 1:
        bands = [isointense, *bands]
    wanted = bands[0]
    for number, band in enumerate(bands[1:], start=1):
        border = 0.35 + 0.65 * number / len(bands) if len(bands) == 2 else number / len(bands)
        wanted = wanted + np.clip((lesion.radius - border) / 0.2 + 0.5, 0, 1) * (band - wanted)
    level[lesion.box] = before + lesion.opacity * np.float32(share) * (wanted - before)


def _level(lesion: RenderedLesion, modality: Modality, signal: Signal | Enhancement, isointense: Float) -> Float:
    """The intensity of each voxel of the box if the whole lesion had this signal."""
    if signal == "等":
        return isointense
    value = np.float32(SIGNAL_LEVELS[modality][signal])
    if signal == "环形强化":
        rim = np.clip((lesion.radius - 0.55) / 0.2 + 0.5, 0, 1)
        return np.asarray(RING_CORE_LEVEL + rim * (value - np.float32(RING_CORE_LEVEL)))
    if signal in ("混杂", "不均匀强化"):
        return value + np.float32(_HETEROGENEITY) * lesion.texture
    return np.full_like(isointense, value)

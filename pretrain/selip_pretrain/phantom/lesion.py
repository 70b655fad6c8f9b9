"""The lesions of a study and the voxels that they occupy: one mask of a site for all sequences."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from selip_contracts.findings import Finding, Study
from selip_contracts.vocabulary import SITES, UNLISTED, Side
from selip_pretrain.phantom.head_model.grid import Float, PhantomGrid
from selip_pretrain.phantom.head_model.landmarks import BIT
from selip_pretrain.phantom.head_model.site_regions import Ellipsoid, region

_SHELLS = frozenset({"subdural", "dura", "subarachnoid", "sulci", "scalp", "skull", "falcine"})
_IN_BRAIN = frozenset({"brain", "white", "periventricular", "subcortical"})
_FLUID_CHANGES = frozenset({"积液", "增厚", "占位"})
_NEAREST_EDGE = 0.15
_HALVES_OF_SIDE = {"左侧": (-1,), "右侧": (1,), "双侧": (-1, 1)}


@dataclass(frozen=True)
class LesionShape:
    """Radii in mm from `smallest` to `largest`, `elongation` the longest over the shortest, and a wavy edge."""

    smallest: float
    largest: float
    elongation: float = 1.3
    waviness: float = 0.12
    hollow: bool = False
    fills: bool = False


SHAPES: tuple[tuple[tuple[str, ...], LesionShape], ...] = (
    (("弥漫", "弥散", "广泛"), LesionShape(14, 30, fills=True, waviness=0.2)),
    (("大片",), LesionShape(16, 26, 1.6, 0.22)),
    (("斑点", "点状", "粟粒", "微小"), LesionShape(2.6, 4.0, 1.1, 0.0)),
    (("小斑片", "小片"), LesionShape(4, 7, 1.5, 0.2)),
    (("斑片",), LesionShape(6, 11, 1.5, 0.25)),
    (("环",), LesionShape(8, 14, 1.2, 0.08, hollow=True)),
    (("条", "线", "带", "弧", "新月", "索"), LesionShape(4, 6, 3.5, 0.1)),
    (("团块", "肿块", "分叶", "巨大"), LesionShape(12, 20, 1.2, 0.15)),
    (("小结节", "小圆", "小囊"), LesionShape(4, 6, 1.1, 0.0)),
    (("结节", "圆", "囊", "球", "椭"), LesionShape(6, 10, 1.2, 0.03)),
    (("楔", "三角", "扇"), LesionShape(9, 15, 1.6, 0.1)),
    (("片",), LesionShape(11, 18, 1.5, 0.2)),
    (("不规则",), LesionShape(8, 15, 1.5, 0.3)),
)
"""By the parts of the morphology's term; the first that fits is used."""
DEFAULT_SHAPES = tuple(shape for words, shape in SHAPES if words[0] in ("斑片", "结节", "团块", "片", "小斑片"))


@dataclass(frozen=True)
class RenderedSite:
    """A side and site of the report with its findings there; `label` in lesions.nii.gz, 0 for none."""

    label: int
    side: Side | None
    site: str
    findings: tuple[Finding, ...]

    def stated(self, name: str) -> object:
        """The morphology, count or size of the first finding that states it; None where none does."""
        return next((value for f in self.findings if (value := getattr(f, name))), None)


@dataclass(frozen=True)
class RenderedLesion:
    """Voxels of a box: `radius` 0 in the middle, 1 at the border; `texture` about -1..1 for mixed signals."""

    site: RenderedSite
    box: tuple[slice, slice, slice]
    radius: Float
    texture: Float
    hollow: bool

    @property
    def opacity(self) -> Float:
        """The share of each voxel that is lesion, 0..1."""
        return np.asarray(np.clip((1 - self.radius) / (2 * _NEAREST_EDGE) + np.float32(0.5), 0, 1))


def has_region(study: Study) -> bool:
    """Whether the head has a region for every site of the study's findings and changes."""
    return UNLISTED not in {finding.site for finding in study.findings} | {change.site for change in study.general}


def lesion_sites(study: Study) -> list[RenderedSite]:
    """The distinct pairs of side and site of the findings, labelled from 1 in the report's order."""
    keys = dict.fromkeys((f.side, f.site) for f in study.findings)
    return [
        RenderedSite(number, side, site, tuple(f for f in study.findings if (f.side, f.site) == (side, site)))
        for number, (side, site) in enumerate(keys, start=1)
    ]


def changed_sites(study: Study) -> list[RenderedSite]:
    """General findings that are visible as a signal: fluid, swollen mucosa, a mass without a stated sequence."""
    described = {(f.side, f.site) for f in study.findings}
    changes = {(g.side, g.site): g.change for g in study.general if g.change in _FLUID_CHANGES}
    found = []
    for (side, site), change in changes.items():
        if (side, site) not in described and (change == "占位" or _holds_fluid(site)):
            signals = (("T1", "稍低"), ("T2", "稍高" if change == "占位" else "高"), ("FLAIR", "稍高"))
            shape = "结节状" if change == "占位" else "弥漫性"
            findings = (Finding(modality=m, side=side, site=site, signal=s, morphology=shape) for m, s in signals)  # type: ignore[arg-type]
            found.append(RenderedSite(0, side, site, tuple(findings)))
    return found


def _holds_fluid(site: str) -> bool:
    return region(site)[0].within in ("face", "subdural", "dura", "subarachnoid", "scalp")


class LesionPlacement:
    """Places lesions in a study's voxels, of which each belongs to one lesion at most."""

    def __init__(
        self, grid: PhantomGrid, template: tuple[Float, Float, Float], landmarks: NDArray[np.uint16], size: float = 1.0
    ) -> None:
        self.grid, self.template, self.landmarks, self.size = grid, template, landmarks, size
        self.labels = np.zeros(grid.shape, np.uint16)
        self.taken = np.zeros(grid.shape, bool)

    def lesions(self, sites: list[RenderedSite], rng: np.random.Generator) -> list[RenderedLesion]:
        """Lesions of all sites, those of small regions first, so that no large one covers them."""
        order = sorted(sites, key=lambda s: sum(prod((e.rx, e.ry, e.rz)) for e in region(s.site)))
        return [lesion for site in order for lesion in self._of_site(site, rng)]

    def _of_site(self, site: RenderedSite, rng: np.random.Generator) -> Iterator[RenderedLesion]:
        shape = _shape(site, rng)
        count = _count(site, shape, rng)
        halves = _HALVES_OF_SIDE.get(site.side or "", (0,))
        if site.side is None and SITES[site.site].laterality == "paired":
            halves = (int(rng.choice((-1, 1))),)
        for half in halves:
            for number in range(max(1, round(count / len(halves)))):
                yield self._lesion(site, shape, half, rng, first=number == 0)

    def _lesion(
        self, site: RenderedSite, shape: LesionShape, half: int, rng: np.random.Generator, first: bool
    ) -> RenderedLesion:
        """One lesion; half is -1 on the left, 1 on the right, 0 anywhere."""
        part = _component(site.site, half, rng)
        centre = self._centre(part, half, rng)
        radii = _radii(site, shape, part, self.size, self.grid.spacing_mm, rng)
        if not first:
            radii = radii * rng.uniform(0.5, 0.9)
        box = self._box(
            tuple(float(axis.flat[i]) for axis, i in zip(self.grid.axes, centre, strict=True)), radii.max() * 1.3
        )
        angle = rng.uniform(0, np.pi)
        dz, dy, dx = (
            axis[tuple(s if i == n else slice(None) for n, s in enumerate(box))] - axis.flat[c]
            for i, (axis, c) in enumerate(zip(self.grid.axes, centre, strict=True))
        )
        along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        radius = np.sqrt((along / radii[0]) ** 2 + (across / radii[1]) ** 2 + (dz / radii[2]) ** 2)
        radius = radius + shape.waviness * waves(rng, (dz, dy, dx), 0.9 * float(radii.min()))
        texture = waves(rng, (dz, dy, dx), max(2.5, 0.35 * float(radii.min())))
        allowed = ~self.taken[box] & self._may_hold(part, half, box)
        radius = np.where(allowed, radius, np.inf).astype(np.float32)
        radius[tuple(c - s.start for c, s in zip(centre, box, strict=True))] = 0
        inside = radius < 1
        self.taken[box] |= inside
        self.labels[box][inside] = site.label
        return RenderedLesion(site, box, radius, texture.astype(np.float32), shape.hollow)

    def _may_hold(self, part: Ellipsoid, half: int, box: tuple[slice, slice, slice]) -> NDArray[np.bool_]:
        landmark = "brain" if part.within in _IN_BRAIN else part.within
        allowed = (self.landmarks[box] & BIT[landmark]) > 0
        return allowed & (self.template[2][box] * half > 0) if half else allowed

    def _centre(self, part: Ellipsoid, half: int, rng: np.random.Generator) -> tuple[int, int, int]:
        """A free voxel of the region, or the nearest one where there is none."""
        margin = np.array((part.rz, part.ry, part.rx)) + 16
        box = tuple(
            _range(axis, middle - m, middle + m)
            for axis, middle, m in zip(self.grid.axes, (part.z, part.y, part.x), margin, strict=True)
        )
        z, y, x = (coordinate[box] for coordinate in self.template)
        away = ((x - part.x) / part.rx) ** 2 + ((y - part.y) / part.ry) ** 2 + ((z - part.z) / part.rz) ** 2
        wrong_side = x * half < 0 if half else np.zeros(x.shape, bool)
        outside = (self.landmarks[box] & BIT[part.within]) == 0
        for barred in (outside | self.taken[box], self.taken[box], np.zeros(x.shape, bool)):
            free = np.flatnonzero((away < 0.8) & ~barred & ~wrong_side)
            if free.size:
                found = int(rng.choice(free))
                break
        else:
            found = int(np.argmin(np.where(wrong_side, np.inf, away)))
        z0, y0, x0 = np.unravel_index(found, away.shape)
        return int(z0) + box[0].start, int(y0) + box[1].start, int(x0) + box[2].start

    def _box(self, centre: tuple[float, ...], reach: float) -> tuple[slice, slice, slice]:
        z, y, x = (_range(axis, c - reach, c + reach) for axis, c in zip(self.grid.axes, centre, strict=True))
        return z, y, x


def _range(axis: Float, low: float, high: float) -> slice:
    """The voxels of an axis whose centres are between `low` and `high`; at least one."""
    values = axis.reshape(-1)
    start = min(int(np.searchsorted(values, low)), values.size - 1)
    return slice(start, max(int(np.searchsorted(values, high, side="right")), start + 1))


def _shape(site: RenderedSite, rng: np.random.Generator) -> LesionShape:
    word = site.stated("morphology")
    if isinstance(word, str):
        for parts, shape in SHAPES:
            if any(part in word for part in parts):
                return shape
    return DEFAULT_SHAPES[int(rng.integers(len(DEFAULT_SHAPES)))]


def _count(site: RenderedSite, shape: LesionShape, rng: np.random.Generator) -> int:
    match site.stated("count"):
        case "单发":
            return 1
        case "多发":
            return int(rng.integers(3, 7))
        case "散在":
            return int(rng.integers(4, 9))
    return 1 if shape.largest > 8 else int(rng.integers(1, 4))


def _component(site: str, half: int, rng: np.random.Generator) -> Ellipsoid:
    """One ellipsoid of the site on that side, drawn by volume."""
    found = [e for e in region(site) if e.x * half >= 0]
    sizes = np.array([prod((e.rx, e.ry, e.rz)) for e in found])
    return found[int(rng.choice(len(found), p=sizes / sizes.sum()))]


def _radii(
    site: RenderedSite,
    shape: LesionShape,
    part: Ellipsoid,
    size: float,
    spacing: tuple[float, float, float],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """In mm, two in plane and one across the slices: as stated, or drawn for shape and region, times `size`."""
    size_mm = site.stated("size_mm")
    if isinstance(size_mm, tuple):
        half = [float(value) / 2 for value in size_mm]
        return np.array([half[0], half[min(1, len(half) - 1)], half[-1]])
    if shape.fills:
        return np.full(3, min(max(part.rx, part.ry, part.rz), 32.0))
    sheet = part.within in _SHELLS
    roomiest = 1.25 * np.sort((part.rx, part.ry, part.rz))[1]
    radius = min(rng.uniform(shape.smallest, shape.largest) * (1.8 if sheet else 1.0), roomiest)
    stretch = np.sqrt(rng.uniform(1, shape.elongation))
    radii = size * np.array([radius * stretch, radius / stretch, radius * rng.uniform(0.8, 1.1)])
    return np.asarray(np.maximum(radii, 1.3 * spacing[2]))


def waves(rng: np.random.Generator, offsets: tuple[Float, Float, Float], length_mm: float) -> Float:
    """A smooth random texture of unit variance: a sum of plane waves of about that length; offsets z, y, x in mm."""
    total = np.zeros(np.broadcast_shapes(*(o.shape for o in offsets)), np.float32)
    directions = rng.normal(size=(5, 3))
    directions *= (rng.uniform(0.7, 1.4, 5) / np.linalg.norm(directions, axis=1))[:, None] / length_mm
    for (kz, ky, kx), phase in zip(directions, rng.uniform(0, 2 * np.pi, 5), strict=True):
        dz, dy, dx = offsets
        total += np.sin(np.float32(kz) * dz + np.float32(ky) * dy + np.float32(kx) * dx + np.float32(phase))
    return total * np.float32((2 / 5) ** 0.5)

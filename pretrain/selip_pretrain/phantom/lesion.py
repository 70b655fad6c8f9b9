"""Where the lesions of a study lie and which voxels they take: one mask of a place for all sequences."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from selip_contracts.findings import Finding, Study
from selip_contracts.vocabulary import SITES, Side
from selip_pretrain.phantom.head_model.anatomy import BIT
from selip_pretrain.phantom.head_model.grid import Float, Grid
from selip_pretrain.phantom.head_model.site_regions import Ellipsoid, region

_SHELLS = frozenset({"subdural", "dura", "subarachnoid", "sulci", "scalp", "skull", "falcine"})
_IN_BRAIN = frozenset({"brain", "white", "periventricular", "subcortical"})
_FLUID_CHANGES = frozenset({"积液", "增厚", "占位"})
_NEAREST_EDGE = 0.15
_HALF_SIZES = {"左侧": (-1,), "右侧": (1,), "双侧": (-1, 1)}


@dataclass(frozen=True)
class Shape:
    """Radii in mm from `smallest` to `largest`, the longest so many times the shortest, an edge more or less wavy."""

    smallest: float
    largest: float
    elongation: float = 1.3
    waviness: float = 0.12
    hollow: bool = False
    fills: bool = False


SHAPES: tuple[tuple[tuple[str, ...], Shape], ...] = (
    (("弥漫", "弥散", "广泛"), Shape(14, 30, fills=True, waviness=0.2)),
    (("大片",), Shape(16, 26, 1.6, 0.22)),
    (("斑点", "点状", "粟粒", "微小"), Shape(2.6, 4.0, 1.1, 0.0)),
    (("小斑片", "小片"), Shape(4, 7, 1.5, 0.2)),
    (("斑片",), Shape(6, 11, 1.5, 0.25)),
    (("环",), Shape(8, 14, 1.2, 0.08, hollow=True)),
    (("条", "线", "带", "弧", "新月", "索"), Shape(4, 6, 3.5, 0.1)),
    (("团块", "肿块", "分叶", "巨大"), Shape(12, 20, 1.2, 0.15)),
    (("小结节", "小圆", "小囊"), Shape(4, 6, 1.1, 0.0)),
    (("结节", "圆", "囊", "球", "椭"), Shape(6, 10, 1.2, 0.03)),
    (("楔", "三角", "扇"), Shape(9, 15, 1.6, 0.1)),
    (("片",), Shape(11, 18, 1.5, 0.2)),
    (("不规则",), Shape(8, 15, 1.5, 0.3)),
)
"""By what the morphology's word contains; the first that fits counts."""
UNSAID_SHAPES = tuple(shape for words, shape in SHAPES if words[0] in ("斑片", "结节", "团块", "片", "小斑片"))


@dataclass(frozen=True)
class RenderedSite:
    """A side and site of the report with all that it says there; `label` in lesions.nii.gz, 0 for none."""

    label: int
    side: Side | None
    site: str
    findings: tuple[Finding, ...]

    def said(self, name: str) -> object:
        """What the first finding that says it says of morphology, count or size."""
        return next((value for f in self.findings if (value := getattr(f, name))), None)


@dataclass(frozen=True)
class RenderedLesion:
    """Voxels of a box: `radius` 0 in the middle, 1 at the border; `texture` about -1..1 for what is mixed."""

    place: RenderedSite
    box: tuple[slice, slice, slice]
    radius: Float
    texture: Float
    hollow: bool

    @property
    def opacity(self) -> Float:
        """How much of a voxel is lesion."""
        return np.asarray(np.clip((1 - self.radius) / (2 * _NEAREST_EDGE) + np.float32(0.5), 0, 1))


def places(study: Study) -> list[RenderedSite]:
    """The distinct (side, site) of the present findings, labelled from 1 in the report's order."""
    keys = dict.fromkeys((f.side, f.site) for f in study.findings)
    return [
        RenderedSite(number, side, site, tuple(f for f in study.findings if (f.side, f.site) == (side, site)))
        for number, (side, site) in enumerate(keys, start=1)
    ]


def changed_places(study: Study) -> list[RenderedSite]:
    """General changes that show as a signal: fluid, swollen mucosa, a mass of which no sequence is told."""
    told = {(f.side, f.site) for f in study.findings}
    changes = {(g.side, g.site): g.change for g in study.general if g.change in _FLUID_CHANGES}
    found = []
    for (side, site), change in changes.items():
        if (side, site) not in told and (change == "占位" or _holds_fluid(site)):
            signals = (("T1", "稍低"), ("T2", "稍高" if change == "占位" else "高"), ("FLAIR", "稍高"))
            shape = "结节状" if change == "占位" else "弥漫性"
            said = (Finding(modality=m, side=side, site=site, signal=s, morphology=shape) for m, s in signals)  # type: ignore[arg-type]
            found.append(RenderedSite(0, side, site, tuple(said)))
    return found


def _holds_fluid(site: str) -> bool:
    return region(site)[0].within in ("face", "subdural", "dura", "subarachnoid", "scalp")


class LesionSite:
    """A study's voxels as the template names them, and which of them a lesion has taken."""

    def __init__(
        self, grid: Grid, template: tuple[Float, Float, Float], landmarks: NDArray[np.uint16], size: float = 1.0
    ) -> None:
        self.grid, self.template, self.landmarks, self.size = grid, template, landmarks, size
        self.labels = np.zeros(grid.shape, np.uint16)
        self.taken = np.zeros(grid.shape, bool)

    def lesions(self, places: list[RenderedSite], rng: np.random.Generator) -> list[RenderedLesion]:
        """Lesions of all places, those of small regions first, so that no large one covers them."""
        order = sorted(places, key=lambda p: sum(prod((e.rx, e.ry, e.rz)) for e in region(p.site)))
        return [lesion for place in order for lesion in self._of_place(place, rng)]

    def _of_place(self, place: RenderedSite, rng: np.random.Generator) -> Iterator[RenderedLesion]:
        shape = _shape(place, rng)
        count = _count(place, shape, rng)
        halves = _HALF_SIZES.get(place.side or "", (0,))
        if place.side is None and SITES[place.site].laterality == "paired":
            halves = (int(rng.choice((-1, 1))),)
        for half in halves:
            for number in range(max(1, round(count / len(halves)))):
                yield self._lesion(place, shape, half, rng, first=number == 0)

    def _lesion(
        self, place: RenderedSite, shape: Shape, half: int, rng: np.random.Generator, first: bool
    ) -> RenderedLesion:
        """One lesion; half is -1 on the left, 1 on the right, 0 anywhere."""
        part = _component(place.site, half, rng)
        centre = self._centre(part, half, rng)
        radii = _radii(place, shape, part, self.size, self.grid.spacing_mm, rng)
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
        self.labels[box][inside] = place.label
        return RenderedLesion(place, box, radius, texture.astype(np.float32), shape.hollow)

    def _may_hold(self, part: Ellipsoid, half: int, box: tuple[slice, slice, slice]) -> NDArray[np.bool_]:
        landmark = "brain" if part.within in _IN_BRAIN else part.within
        allowed = (self.landmarks[box] & BIT[landmark]) > 0
        return allowed & (self.template[2][box] * half > 0) if half else allowed

    def _centre(self, part: Ellipsoid, half: int, rng: np.random.Generator) -> tuple[int, int, int]:
        """A free voxel of the region, or where there is none the nearest one."""
        margin = np.array((part.rz, part.ry, part.rx)) + 16
        box = tuple(
            _range(axis, middle - m, middle + m)
            for axis, middle, m in zip(self.grid.axes, (part.z, part.y, part.x), margin, strict=True)
        )
        z, y, x = (place[box] for place in self.template)
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
    """The voxels of an axis whose centres lie between; at least one."""
    values = axis.reshape(-1)
    start = min(int(np.searchsorted(values, low)), values.size - 1)
    return slice(start, max(int(np.searchsorted(values, high, side="right")), start + 1))


def _shape(place: RenderedSite, rng: np.random.Generator) -> Shape:
    word = place.said("morphology")
    if isinstance(word, str):
        for parts, shape in SHAPES:
            if any(part in word for part in parts):
                return shape
    return UNSAID_SHAPES[int(rng.integers(len(UNSAID_SHAPES)))]


def _count(place: RenderedSite, shape: Shape, rng: np.random.Generator) -> int:
    match place.said("count"):
        case "单发":
            return 1
        case "多发":
            return int(rng.integers(3, 7))
        case "散在":
            return int(rng.integers(4, 9))
    return 1 if shape.largest > 8 else int(rng.integers(1, 4))


def _component(site: str, half: int, rng: np.random.Generator) -> Ellipsoid:
    """One ellipsoid of the site on that side, large ones more often."""
    found = [e for e in region(site) if e.x * half >= 0]
    sizes = np.array([prod((e.rx, e.ry, e.rz)) for e in found])
    return found[int(rng.choice(len(found), p=sizes / sizes.sum()))]


def _radii(
    place: RenderedSite,
    shape: Shape,
    part: Ellipsoid,
    size: float,
    spacing: tuple[float, float, float],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """In mm, two in plane and one across the slices: as the report says, or as fits shape and region, `size` times."""
    said = place.said("size_mm")
    if isinstance(said, tuple):
        sizes = [float(value) / 2 for value in said]
        return np.array([sizes[0], sizes[min(1, len(sizes) - 1)], sizes[-1]])
    if shape.fills:
        return np.full(3, min(max(part.rx, part.ry, part.rz), 32.0))
    sheet = part.within in _SHELLS
    roomiest = 1.25 * np.sort((part.rx, part.ry, part.rz))[1]
    radius = min(rng.uniform(shape.smallest, shape.largest) * (1.8 if sheet else 1.0), roomiest)
    stretch = np.sqrt(rng.uniform(1, shape.elongation))
    radii = size * np.array([radius * stretch, radius / stretch, radius * rng.uniform(0.8, 1.1)])
    return np.asarray(np.maximum(radii, 1.3 * spacing[2]))


def waves(rng: np.random.Generator, offsets: tuple[Float, Float, Float], length_mm: float) -> Float:
    """Plane waves of about that length, summed to unit spread: rough, smooth and cheap; offsets z, y, x in mm."""
    total = np.zeros(np.broadcast_shapes(*(o.shape for o in offsets)), np.float32)
    directions = rng.normal(size=(5, 3))
    directions *= (rng.uniform(0.7, 1.4, 5) / np.linalg.norm(directions, axis=1))[:, None] / length_mm
    for (kz, ky, kx), phase in zip(directions, rng.uniform(0, 2 * np.pi, 5), strict=True):
        dz, dy, dx = offsets
        total += np.sin(np.float32(kz) * dz + np.float32(ky) * dy + np.float32(kx) * dx + np.float32(phase))
    return total * np.float32((2 / 5) ** 0.5)

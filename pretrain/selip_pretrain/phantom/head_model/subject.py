"""A random subject: pose, size and shape of the head, width of ventricles and sulci."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selip_contracts.findings import GeneralFinding
from selip_pretrain.phantom.head_model.grid import Float, PhantomGrid

_WIDTH = {
    "扩大": 1, "扩张": 1, "增宽": 1, "萎缩": 1, "积液": 1,
    "变窄": -1, "变浅": -1, "受压": -1, "肿胀": -1, "狭窄": -1,
}  # fmt: skip
_WIDENING, _NARROWING = 0.6, 0.8
_CHAMBERS = {
    "侧脑室": ("left", "right"),
    "三脑室": ("third",),
    "四脑室": ("fourth",),
    "脑室系统": ("left", "right", "third", "fourth"),
}
_CHAMBER_MM = {
    "left": (((-9.0, 10.0, 14.0), (9.0, 20.0, 15.0)), ((-20.0, -38.0, 14.0), (13.0, 18.0, 15.0))),
    "right": (((9.0, 10.0, 14.0), (9.0, 20.0, 15.0)), ((20.0, -38.0, 14.0), (13.0, 18.0, 15.0))),
    "third": (((0.0, -10.0, 2.0), (7.0, 18.0, 13.0)),),
    "fourth": (((0.0, -45.0, -32.0), (10.0, 11.0, 14.0)),),
}
"""Centres and radii, x, y, z in mm of the template, of the regions that are widened."""
_WITH_SULCI = frozenset(
    "脑沟 脑池 外侧裂 蛛网膜下腔 脑外间隙 大脑半球 脑实质 额叶 顶叶 颞叶 枕叶 小脑半球 小脑".split()
)
_MIDLINE = frozenset({"中线结构", "透明隔", "大脑镰"})


@dataclass(frozen=True)
class Subject:
    """Widening of ventricles and sulci (0: as the template, 0.5: twice as wide, negative: narrower); shift in mm."""

    ventricles: dict[str, float]
    sulci: float
    midline_shift_mm: float
    turn: NDArray[np.float64]
    moved_mm: NDArray[np.float64]
    shape_mm: float


def draw_subject(rng: np.random.Generator, changes: Iterable[GeneralFinding]) -> Subject:
    """A subject from the normal range, changed as the report states for ventricles, sulci and midline."""
    age = rng.normal()
    ventricles = {name: 0.08 * age + 0.06 * rng.normal() for name in _CHAMBER_MM}
    sulci = 0.15 * age + 0.1 * rng.normal()
    shift = 0.0
    yaw, pitch, roll = np.radians(rng.normal(size=3) * (3, 3, 2.5))
    size = 1 + rng.normal(size=3) * 0.03
    # With a generator of their own, so that a change leaves the rest of the subject unchanged.
    chance = rng.spawn(1)[0]
    for change in changes:
        strength, towards = chance.uniform(0.75, 1.1), chance.choice((-1, 1))
        width = _WIDTH.get(change.change, 0)
        for chamber in _CHAMBERS.get(change.site, ()):
            if (change.side, chamber) not in (("左侧", "right"), ("右侧", "left")):
                ventricles[chamber] += strength * width * (_WIDENING if width > 0 else _NARROWING)
        if change.site in _WITH_SULCI:
            sulci += strength * width * _NARROWING
        if change.change == "移位" and change.site in _MIDLINE:
            shift = {"左侧": -1, "右侧": 1}.get(change.side or "", towards) * strength * 9
    return Subject(
        {name: float(np.clip(width, -1.2, 0.78)) for name, width in ventricles.items()},
        float(np.clip(sulci, -0.9, 1.6)),
        float(shift),
        _rotation(yaw, pitch, roll) * size,
        rng.normal(size=3) * (3, 4, 2),
        float(rng.uniform(1.5, 3.0)),
    )


def to_template(subject: Subject, grid: PhantomGrid, rng: np.random.Generator) -> tuple[Float, Float, Float]:
    """The template coordinates z, y, x in mm of every voxel of the grid; the smooth deformation is drawn from `rng`."""
    z, y, x = grid.axes
    turn, moved = subject.turn.astype(np.float32), subject.moved_mm.astype(np.float32)
    warp = grid.smooth(rng, (6, 8, 8), 3) * np.float32(subject.shape_mm * 1.7)
    qx, qy, qz = (
        (turn[i, 0] * x + turn[i, 1] * y + (turn[i, 2] * z + moved[i])) + warp[i] for i in range(3)
    )  # fmt: skip
    if subject.midline_shift_mm:
        qx -= np.float32(subject.midline_shift_mm) * _bump(qz, qy, qx, (0, -5, 12), (30, 50, 38))
    for chamber, parts in _CHAMBER_MM.items():
        for centre, reach in parts:
            near = np.float32(subject.ventricles[chamber]) * _bump(qz, qy, qx, centre, reach)
            qx = qx - near * (qx - np.float32(centre[0]))
            qy = qy - near * (qy - np.float32(centre[1])) * np.float32(0.4)
            qz = qz - near * (qz - np.float32(centre[2]))
    return qz, qy, qx


def widen_sulci(csf: Float, grey: Float, sulci: float) -> None:
    """Move the border of fluid and grey matter: changes both shares (voxels,) in place."""
    moved = np.clip(csf * np.float32(sulci), -csf * np.float32(0.85), grey)
    csf += moved
    grey -= moved


def _bump(z: Float, y: Float, x: Float, centre: tuple[float, ...], size: tuple[float, ...]) -> Float:
    """A Gaussian, 1 at the centre, with standard deviations `size`; both as x, y, z in mm."""
    squared = sum(
        ((along - np.float32(middle)) / np.float32(spread)) ** 2
        for along, middle, spread in zip((x, y, z), centre, size, strict=True)
    )
    return np.asarray(np.exp(-squared / 2), np.float32)


def _rotation(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cr, 0, sr], [0, 1, 0], [-sr, 0, cr]])
    return np.asarray(about_z @ about_x @ about_y)

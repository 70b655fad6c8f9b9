"""The anatomy of every study: tissues and landmarks of the MNI152 template, with skull and face around them."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from selip_pretrain.phantom.head_model.intensities import TISSUES
from selip_pretrain.phantom.head_model.landmarks import BIT
from selip_pretrain.phantom.head_model.site_regions import ELLIPSOIDS, Ellipsoid

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]

_ORIGIN = (-72, -134, -98)  # world z, y, x in mm of the template's first voxel
_COARSE = 2
_CSF_SPACE, _BONE, _SCALP = 3.0, 8.5, 14.0  # mm outside of the brain's smooth surface
_FACE = (Ellipsoid(0, 34, -50, 62, 54, 56), Ellipsoid(0, -40, -80, 62, 66, 50))
_AIR = ("上颌窦", "筛窦", "额窦", "蝶窦", "乳突", "鼻咽部")
_VESSELS = ("颈内动脉", "大脑前动脉", "大脑中动脉", "大脑后动脉", "基底动脉", "椎动脉", "静脉窦")


@dataclass(frozen=True)
class Anatomy:
    """Voxels of 1 mm in MNI152 space, flattened from `shape` (z, y, x).

    `tissues` uint8 (voxels, tissues): shares of 255 in the order of TISSUES, averaged over a slice; the rest is air.
    `landmarks` uint16 (voxels,): a bit for each landmark.
    """

    tissues: NDArray[np.uint8]
    landmarks: NDArray[np.uint16]
    shape: tuple[int, int, int]

    def index(self, z: Float, y: Float, x: Float) -> NDArray[np.int32]:
        """Flat index of the voxel nearest to each point in mm; points outside are moved to the border."""
        flat = np.zeros(z.shape, np.int32)
        for along, origin, length in zip((z, y, x), _ORIGIN, self.shape, strict=True):
            flat *= length
            flat += np.clip(along - (origin - 0.5), 0, length - 1).astype(np.int32)
        return flat

    def save(self, folder: Path) -> None:
        """Write two files to `folder`, for `open_anatomy`."""
        np.save(folder / "tissues.npy", self.tissues)
        np.save(folder / "landmarks.npy", self.landmarks.reshape(self.shape))


def open_anatomy(folder: Path) -> Anatomy:
    """The anatomy that `save` wrote, mapped into memory, so that processes share it."""
    landmarks = np.load(folder / "landmarks.npy", mmap_mode="r")
    z, y, x = landmarks.shape
    return Anatomy(np.load(folder / "tissues.npy", mmap_mode="r"), landmarks.reshape(-1), (z, y, x))


@lru_cache(maxsize=1)
def load_anatomy(slice_mm: float) -> Anatomy:
    """The template of nilearn, averaged over slices of `slice_mm`; takes some seconds the first time."""
    from nilearn import datasets

    white, grey, t1 = (
        np.ascontiguousarray(load(resolution=1).get_fdata(dtype=np.float32).transpose())
        for load in (datasets.load_mni152_wm_template, datasets.load_mni152_gm_template, datasets.load_mni152_template)
    )
    head = _TemplateHead(white, grey, t1)
    tissues = np.stack([_through_slice(share, slice_mm) for share in head.tissues()], axis=-1)
    landmarks = np.zeros(white.shape, np.uint16)
    for name, mask in head.landmarks().items():
        landmarks |= mask * BIT[name]
    z, y, x = white.shape
    return Anatomy(tissues.reshape(-1, len(TISSUES)), landmarks.reshape(-1), (z, y, x))


class _TemplateHead:
    """The maps of the template, and the tissues drawn around them."""

    def __init__(self, white: Float, grey: Float, t1: Float) -> None:
        self.white, self.grey, self.t1 = white, grey, t1
        self.shape = white.shape
        self.z, self.y, self.x = (
            (np.arange(length, dtype=np.float32) + origin).reshape([-1 if axis == i else 1 for i in range(3)])
            for axis, (length, origin) in enumerate(zip(white.shape, _ORIGIN, strict=True))
        )

    @cached_property
    def depth(self) -> Float:
        """Depth below the brain's smooth surface in mm, negative outside."""
        margin = 10
        brain = np.pad(self._coarse(self.t1 > 0), margin)
        hull = ndimage.binary_closing(brain, iterations=7)
        inside = ndimage.distance_transform_edt(hull) - ndimage.distance_transform_edt(~hull)
        inner = slice(margin, -margin)
        return self._fine(ndimage.gaussian_filter(inside, 1.0)[inner, inner, inner] * _COARSE)

    @cached_property
    def intracranial(self) -> Mask:
        return self.depth > -_CSF_SPACE

    @cached_property
    def fluid(self) -> Float:
        """Share of cerebrospinal fluid: the rest of grey and white matter inside the skull."""
        share: Float = np.clip(1 - self.grey - self.white, 0, 1) * self.intracranial
        return share

    @cached_property
    def ventricle(self) -> Mask:
        region = self._drawn("侧脑室") | self._drawn("三脑室") | self._drawn("四脑室")
        return (self.fluid > 0.4) & region & (self.depth > 10)

    @cached_property
    def head(self) -> Mask:
        face = np.zeros(self.shape, bool)
        for ellipsoid in _FACE:
            face |= self._inside(ellipsoid)
        return (self.depth > -_SCALP) | face

    def tissues(self) -> list[Float]:
        """Shares in 0..1, in the order of TISSUES."""
        skull = (self.depth <= -_CSF_SPACE) & (self.depth > -_BONE)
        skin = self.head & (self._distance(~self.head) < 4.5)
        outside = self.head & ~self.intracranial & ~skull
        air = self._painted(_AIR) & ~self.intracranial
        orbit = self._drawn("眼眶") & outside & ~skin
        eye = self._drawn("眼球") & self.head
        nerve = self._drawn("视神经") & outside & ~eye
        blood = self._painted(_VESSELS) & (self.depth > -_BONE) & (self.grey + self.white < 0.6)
        mucosa = outside & self._inside(Ellipsoid(0, 52, -56, 12, 26, 12)) & ~air
        fat = ((skin | (outside & (self.depth > -_SCALP))) | orbit) & ~eye & ~nerve & ~air
        soft = outside & ~fat & ~eye & ~nerve & ~air & ~mucosa
        brain = self.intracranial & ~blood
        masks = {"bone": skull & ~air & ~blood & ~eye, "fat": fat, "soft": soft, "blood": blood, "mucosa": mucosa}
        shares = {name: mask.astype(np.float32) for name, mask in masks.items()}
        shares["csf"] = self.fluid * brain + eye
        shares["grey"] = self.grey * brain
        shares["white"] = self.white * brain + (nerve & ~eye)
        return [shares[name] for name in TISSUES]

    def landmarks(self) -> dict[str, Mask]:
        """Where the lesions of a site may be, by name of the landmark."""
        brain = (self.grey + self.white > 0.5) & self.intracranial
        white = (self.white > 0.5) & brain
        fluid = (self.fluid > 0.4) & ~self.ventricle
        high = self.z > -25
        return {
            "brain": brain,
            "white": white,
            "ventricle": self.ventricle,
            "sulci": fluid & (self.depth > 0) & (self.depth < 22) & high,
            "csf": fluid,
            "subarachnoid": fluid & (self.depth < 4) & high,
            "subdural": (self.depth > -_CSF_SPACE) & (self.depth < 6) & high,
            "dura": (self.depth > -_CSF_SPACE - 1) & (self.depth < 1) & high,
            "falcine": (self.depth > -_CSF_SPACE - 1) & (self.depth < 5),
            "skull": (self.depth <= -_CSF_SPACE) & (self.depth > -_BONE),
            "scalp": (self.depth <= -_BONE) & (self.depth > -_SCALP) & high,
            "face": self.head & (self.depth <= -1),
            "head": self.head,
            "periventricular": (self.white > 0.4) & (self._distance(self.ventricle) < 9),
            "subcortical": white & (self._distance((self.grey > 0.5) & (self.depth < 16)) < 5),
            "intracranial": self.intracranial,
        }

    def _inside(self, e: Ellipsoid) -> Mask:
        return ((self.x - e.x) / e.rx) ** 2 + ((self.y - e.y) / e.ry) ** 2 + ((self.z - e.z) / e.rz) ** 2 < 1

    def _drawn(self, site: str) -> Mask:
        mask = np.zeros(self.shape, bool)
        for ellipsoid in ELLIPSOIDS[site]:
            mask |= self._inside(ellipsoid)
        return mask

    def _painted(self, sites: tuple[str, ...]) -> Mask:
        mask = np.zeros(self.shape, bool)
        for site in sites:
            mask |= self._drawn(site)
        return mask

    def _coarse(self, mask: Mask) -> Mask:
        return mask[::_COARSE, ::_COARSE, ::_COARSE]

    def _fine(self, coarse: Float) -> Float:
        size = np.array(self.shape)
        zoomed = ndimage.zoom(coarse.astype(np.float32), size / coarse.shape, order=1, grid_mode=True, mode="nearest")
        return np.asarray(zoomed, np.float32)

    def _distance(self, mask: Mask) -> Float:
        """Distance to the mask in mm."""
        return self._fine(ndimage.distance_transform_edt(~self._coarse(mask)) * _COARSE)


def _through_slice(share: Float, slice_mm: float) -> NDArray[np.uint8]:
    """0..255, averaged over the thickness of a slice, and in plane over a voxel of twice the template's size."""
    averaged = ndimage.gaussian_filter(share, (0, 0.6, 0.6))
    thick = 2 * round((slice_mm - 1) / 2) + 1
    if thick > 1:
        averaged = ndimage.uniform_filter1d(averaged, thick, axis=0, mode="nearest")
    return np.asarray(np.rint(averaged * 255), np.uint8)

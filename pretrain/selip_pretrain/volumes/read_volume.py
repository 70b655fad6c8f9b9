"""Reading of a volume from its files, NIfTI or a DICOM series: its voxels and their affine."""

import gzip
import io
import logging
import math
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset

from selip_pretrain.volumes import jpeg_decoder
from selip_pretrain.volumes.dicom_stream import MAX_BYTES, dicom_stream, transfer_syntax
from selip_shared.errors import SelipError

Source = Literal["nifti", "dicom"]
VolumeFault = Literal["damaged", "not_3d", "not_finite", "missing_slice"]

SAME_POSITION_MM = 0.01
MAX_UNEVENNESS = 0.2
"""Distances of slices may differ from their median by this share of it, since positions are stored rounded."""
MAX_ROUNDING_MM = 0.87
"""How far a position in whole millimetres may be from the true one: half of a cube's diagonal."""

# nibabel is typed in part.
_axes: Any = nib.io_orientation

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

jpeg_decoder.register()


class VolumeError(SelipError):
    """A volume that cannot be used: `reason` as in excluded_images, `detail` what was found."""

    def __init__(self, reason: VolumeFault, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"A volume cannot be read: {self.detail}. Replace or remove its files and run selip-scan again."


class UnopenedError(VolumeError):
    """A file that cannot be opened now, e.g. for lack of permission."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(*unopened_fault(path, error))


def unopened_fault(path: Path, error: OSError) -> tuple[VolumeFault, str]:
    """What excluded_images says of a file that cannot be opened."""
    return "damaged", f"{path.name} cannot be opened ({error.strerror})"


@dataclass(frozen=True, eq=False)
class Volume:
    """`voxels` float32 (X, Y, Z) and `affine` float64 (4, 4), from voxel indices to RAS+ millimetres of the patient."""

    voxels: npt.NDArray[np.float32]
    affine: npt.NDArray[np.float64]


class Slice(NamedTuple):
    """The position of a DICOM slice's first pixel in LPS+ mm, and the directions of its rows and columns."""

    position: tuple[float, ...]
    directions: tuple[float, ...]
    spacing_mm: tuple[float, ...]
    """Between rows and between columns."""
    size: tuple[int, int]
    """Rows and columns."""


class Stack(NamedTuple):
    """Slices as a volume: their `order` along the normal, and the affine (4, 4) to RAS+ mm."""

    order: list[int]
    affine: npt.NDArray[np.float64]


def read_volume(files: Sequence[Path], source: Source, frames: Sequence[int] | None = None) -> Volume:
    """The volume of one NIfTI file or of the files of one DICOM series; VolumeError where it cannot be used.

    `frames` are the indices, in the files one after the other, of the DICOM frames that are the volume; None for all.
    Of a four-dimensional NIfTI file it is the index of its one volume.
    """
    volume = (
        _read_nifti(files[0], None if frames is None else frames[0])
        if source == "nifti"
        else _read_dicom(files, frames)
    )
    name = files[0].name if len(files) == 1 else files[0].parent.name
    _check_finite(volume, name)
    if volume.voxels.min() == volume.voxels.max():
        raise VolumeError("damaged", f"every voxel of {name} is {volume.voxels.flat[0]:g}")
    return volume


def volume_count(path: Path) -> int:
    """The number of volumes in a NIfTI file by its header alone; 1 where it cannot be read."""
    try:
        with reading_quietly():
            shape = nib.load(path).shape  # type: ignore[attr-defined]
    except Exception:
        # A file of unknown origin can fail anywhere in the parser; `read_volume` says why.
        return 1
    return int(shape[3]) if len(shape) == 4 else 1


def read_mask(file: Path) -> Volume:
    """The labels in a NIfTI file, which may be 0 everywhere; VolumeError where it cannot be used."""
    mask = _read_nifti(file)
    _check_finite(mask, file.name)
    return mask


def slices_of(header: Dataset) -> list[Slice]:
    """The slices of a DICOM file, one for each frame; VolumeError where it does not state their positions."""
    if "MOSAIC" in (header.get("ImageType") or ()):
        raise VolumeError("not_3d", "the slices are tiles of one mosaic image")
    if header.get("SamplesPerPixel", 1) != 1:
        raise VolumeError("not_3d", "the image is in colour")
    try:
        if frame_count(header) > 1 and "PerFrameFunctionalGroupsSequence" not in header:
            raise VolumeError("not_3d", "the frames of a file do not state their positions")
        return [
            Slice(
                tuple(map(float, of_frame(header, frame, "PlanePositionSequence").ImagePositionPatient)),
                tuple(map(float, of_frame(header, frame, "PlaneOrientationSequence").ImageOrientationPatient)),
                tuple(map(float, of_frame(header, frame, "PixelMeasuresSequence").PixelSpacing)),
                (int(header.Rows), int(header.Columns)),
            )
            for frame in range(frame_count(header))
        ]
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise VolumeError("damaged", "a slice does not state its position, or its file is truncated") from error


def stack(slices: Sequence[Slice]) -> Stack:
    """Slices sorted by position along the normal; VolumeError where they form no volume or one is missing."""
    if len(slices) < 2:
        raise VolumeError("not_3d", "there is only one slice")
    if len({s.size for s in slices}) > 1:
        raise VolumeError("not_3d", "the slices differ in size")
    directions = _equal_rows([s.directions for s in slices], 6, "have several directions")
    spacing = _equal_rows([s.spacing_mm for s in slices], 2, "differ in pixel size")
    along_row, along_column = directions[:3], directions[3:]
    lengths_and_angle = along_row @ along_row, along_column @ along_column, along_row @ along_column
    if not np.allclose(lengths_and_angle, (1, 1, 0), atol=0.01) or spacing.min() <= 0:
        raise VolumeError("damaged", "the slices have impossible directions or pixel sizes")
    positions = np.array([s.position for s in slices])
    heights = positions @ np.cross(along_row, along_column)
    order = np.argsort(heights, kind="stable")
    sorted_positions = positions[order]
    step = (sorted_positions[-1] - sorted_positions[0]) / (len(slices) - 1)
    line = sorted_positions[0] + step * np.arange(len(slices))[:, None]
    deviations = np.linalg.norm(sorted_positions - line, axis=1)
    distances = np.diff(heights[order])
    whole = bool((positions == positions.round()).all())
    if not (whole and distances.min() >= SAME_POSITION_MM and deviations.max() <= MAX_ROUNDING_MM):
        _check_distances(distances)
        if deviations.max() > MAX_UNEVENNESS * np.linalg.norm(step) + SAME_POSITION_MM:
            raise VolumeError("damaged", "the slices are not aligned")
    affine = np.eye(4)
    affine[:3] = np.column_stack([along_row * spacing[1], along_column * spacing[0], step, sorted_positions[0]])
    return Stack(order.tolist(), LPS_TO_RAS @ affine)


@contextmanager
def reading_quietly() -> Iterator[None]:
    """Suppress warnings about violations of DICOM and NIfTI that do not matter here, in up to a million files."""
    logs = [logging.getLogger(name) for name in ("nibabel.global", "pydicom")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), pydicom.config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


def _check_finite(volume: Volume, name: str) -> None:
    bad = volume.voxels.size - np.count_nonzero(np.isfinite(volume.voxels))
    if bad:
        raise VolumeError("not_finite", f"{name} has {bad:,} voxels that are NaN or infinite")


def _read_nifti(path: Path, volume: int | None = None) -> Volume:
    content = _nifti_bytes(path)
    form = nib.Nifti2Image if content[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c") else nib.Nifti1Image
    try:
        with reading_quietly():
            image = form.from_bytes(content)
            _check_nifti_header(image, len(content), path.name, volume)
            if volume is None:
                voxels = image.get_fdata(dtype=np.float32).reshape(_spatial_shape(image.shape))
            else:
                voxels = np.asarray(image.dataobj[..., volume], np.float32)
    except VolumeError:
        raise
    except Exception as error:
        # A file of unknown origin can fail anywhere in the parser, with any exception.
        raise VolumeError("damaged", f"{path.name} is not readable as NIfTI") from error
    return Volume(voxels, np.asarray(image.affine, np.float64))


def _nifti_bytes(path: Path) -> bytes:
    """The whole file, decompressed to its end, where gzip detects a wrong byte."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        content = io.BytesIO()
        with gzip.open(path) if packed else path.open("rb") as stream:
            while block := stream.read(1 << 20):
                content.write(block)
                if content.tell() > MAX_BYTES:
                    raise VolumeError("damaged", f"{path.name} holds more than {MAX_BYTES >> 30} GB")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise VolumeError("damaged", f"{path.name} is truncated or its bytes were changed") from error
    except OSError as error:
        raise UnopenedError(path, error) from error
    return content.getvalue()


def _check_nifti_header(image: Any, size: int, name: str, volume: int | None) -> None:
    """Check before the voxels are read that the header describes a complete, oriented, three-dimensional volume."""
    header = image.header
    shape = _spatial_shape(image.shape) if volume is None else image.shape[:3]
    if volume is not None and (len(image.shape) != 4 or volume >= image.shape[3]):
        raise VolumeError("damaged", f"{name} has fewer volumes than when it was scanned")
    if len(shape) != 3 or min(shape) < 2:
        raise VolumeError("not_3d", f"{name} has the shape {'×'.join(map(str, image.shape))}")
    kind = image.get_data_dtype()
    if kind.kind not in "iuf":
        raise VolumeError("not_3d", f"{name} has several values per voxel ({kind})")
    claimed = int(image.dataobj.offset) + math.prod(image.shape) * kind.itemsize
    if claimed > size:
        raise VolumeError("damaged", f"{name} is truncated: {size:,} of {claimed:,} bytes")
    if not int(header["sform_code"]) and not int(header["qform_code"]):
        raise VolumeError("damaged", f"{name} does not state left and right (no qform and no sform)")
    if int(header["sform_code"]) and int(header["qform_code"]):
        _check_left_and_right(header, name)
    affine = image.affine
    if not np.isfinite(affine).all() or not abs(np.linalg.det(affine[:3, :3])) > 1e-9:
        raise VolumeError("damaged", f"{name} has an impossible affine")


def _check_left_and_right(header: Any, name: str) -> None:
    """Programs read either the qform or the sform: where these name another side, no one knows which is right."""
    axes = [_axes(form) for form in (header.get_qform(), header.get_sform())]
    first, second = ([(axis, way) for axis, (world, way) in enumerate(form) if world == 0] for form in axes)
    if first != second:
        raise VolumeError("damaged", f"{name} states left and right in two ways: its qform and sform disagree")


def _spatial_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without trailing axes of length 1, which some programs write."""
    return shape[:3] if math.prod(shape[3:]) == 1 else shape


def _read_dicom(files: Sequence[Path], frames: Sequence[int] | None) -> Volume:
    slices: list[Slice] = []
    images: list[npt.NDArray[np.float32]] = []
    with reading_quietly():
        for file in files:
            dataset = read_dataset(file)
            slices += slices_of(dataset)
            images += images_of(dataset, file.name)
    if frames is not None:
        if max(frames) >= len(slices):
            raise VolumeError("damaged", f"{files[0].name} has fewer frames than when it was scanned")
        slices, images = [slices[frame] for frame in frames], [images[frame] for frame in frames]
    order, affine = stack(slices)
    return Volume(np.stack([images[index].T for index in order], axis=-1), affine)


def read_dataset(path: Path) -> pydicom.FileDataset:
    """A DICOM file in any form that exports have; VolumeError where it cannot be read."""
    try:
        with path.open("rb") as file:
            dataset = pydicom.dcmread(dicom_stream(file) or file, force=True)
            dataset.file_meta.TransferSyntaxUID = transfer_syntax(dataset)
            return dataset
    except OSError as error:
        raise UnopenedError(path, error) from error
    except Exception as error:
        raise VolumeError("damaged", f"{path.name} is not readable as DICOM") from error


def images_of(dataset: pydicom.FileDataset, name: str) -> list[npt.NDArray[np.float32]]:
    """The frames of a file, (rows, columns) each, in the units of its rescale slope and intercept.

    VolumeError where they cannot be decoded.
    """
    try:
        if transfer_syntax(dataset) in jpeg_decoder.SYNTAXES:
            dataset.pixel_array_options(decoding_plugin=jpeg_decoder.NAME)
        pixels = dataset.pixel_array
        frames = pixels.reshape(-1, *pixels.shape[-2:]).astype(np.float32)
        if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
            frames = -frames
        return [_rescaled(image, dataset, frame) for frame, image in enumerate(frames)]
    except Exception as error:
        # Decoders are other packages, which raise exceptions of their own.
        coding = transfer_syntax(dataset).name
        raise VolumeError("damaged", f"the pixels of {name} ({coding}) are truncated or cannot be decoded") from error


def _rescaled(image: npt.NDArray[np.float32], dataset: Dataset, frame: int) -> npt.NDArray[np.float32]:
    transformation = of_frame(dataset, frame, "PixelValueTransformationSequence")
    slope = np.float32(transformation.get("RescaleSlope") or 1)
    return image * slope + np.float32(transformation.get("RescaleIntercept") or 0)


def frame_count(header: Dataset) -> int:
    """The number of frames in a file, 1 where it does not state it."""
    return int(header.get("NumberOfFrames") or 1)


def of_frame(header: Dataset, frame: int, group: str) -> Dataset:
    """The dataset with a frame's values of a functional group: its own, that of all frames, or the file itself."""
    per_frame = header.get("PerFrameFunctionalGroupsSequence")
    if not per_frame:
        return header
    for groups in (per_frame[frame], header.get("SharedFunctionalGroupsSequence", [Dataset()])[0]):
        if group in groups:
            found = groups[group][0]
            assert isinstance(found, Dataset)
            return found
    return Dataset()


def _equal_rows(rows: Sequence[tuple[float, ...]], length: int, fault: str) -> npt.NDArray[np.float64]:
    if any(len(row) != length for row in rows) or not np.isfinite(rows).all():
        raise VolumeError("damaged", "a slice does not state its position")
    table = np.array(rows, np.float64)
    first: npt.NDArray[np.float64] = table[0]
    if np.abs(table - first).max() > 1e-3:
        raise VolumeError("not_3d", f"the slices {fault}")
    return first


def _check_distances(distances: npt.NDArray[np.float64]) -> None:
    if distances.min() < SAME_POSITION_MM:
        raise VolumeError("not_3d", "several slices have the same position")
    median = float(np.median(distances))
    if np.abs(distances - median).max() > MAX_UNEVENNESS * median:
        gaps = f"{distances.min():.2f} to {distances.max():.2f} mm"
        raise VolumeError("missing_slice", f"the slices are {gaps} apart, most of them {median:.2f} mm")

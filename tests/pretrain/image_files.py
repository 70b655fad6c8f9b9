"""Real image files for the tests: NIfTI and DICOM series as scanners and converters write them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

# nibabel is typed in part
nifti_image: Any = nib.Nifti1Image

AFFINE = np.array([[-1.0, 0, 0, 10], [0, 1.5, 0, -20], [0, 0, 5, 30], [0, 0, 0, 1]])
AXIAL = (1.0, 0, 0, 0, 1, 0)


def voxels(shape: Sequence[int] = (7, 8, 9), seed: int = 0) -> npt.NDArray[np.int16]:
    """Noise, no two volumes of different seeds alike."""
    return np.random.default_rng(seed).integers(0, 1000, shape, dtype=np.int16)


def write_nifti(
    path: Path, data: npt.NDArray[Any] | None = None, affine: npt.NDArray[np.float64] | None = AFFINE
) -> Path:
    """A NIfTI file; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nifti_image(voxels() if data is None else data, affine), path)
    return path


def write_slice(path: Path, pixels: npt.NDArray[np.int16], position: Iterable[float], **tags: Any) -> Path:
    """One DICOM slice, (rows, columns); `tags` by keyword, None leaves one out."""
    dataset = _image(path, pixels)
    dataset.ImagePositionPatient = list(position)
    dataset.ImageOrientationPatient = list(AXIAL)
    dataset.PixelSpacing = [1.5, 1.0]
    return save(dataset, path, tags)


def write_series(folder: Path, data: npt.NDArray[np.int16] | None = None, **tags: Any) -> list[Path]:
    """An axial series (X, Y, Z) of 5 mm slices in files without suffix, the first file the topmost slice."""
    data = voxels() if data is None else data
    series = tags.pop("SeriesInstanceUID", generate_uid())
    top = data.shape[2] - 1
    return [
        write_slice(
            folder / f"IM{number:04}",
            data[:, :, top - number].T,
            (-10.0, 20.0, 30.0 + 5 * (top - number)),
            InstanceNumber=number + 1,
            SeriesInstanceUID=series,
            **tags,
        )
        for number in range(data.shape[2])
    ]


def write_enhanced(path: Path, data: npt.NDArray[np.int16], **tags: Any) -> Path:
    """A volume (X, Y, Z) as one enhanced DICOM file, its frames from top to bottom."""
    top = data.shape[2] - 1
    dataset = _image(path, np.stack([data[:, :, top - frame].T for frame in range(data.shape[2])]))
    dataset.NumberOfFrames = data.shape[2]
    shared = Dataset()
    shared.PlaneOrientationSequence = Items([Dataset()])
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = list(AXIAL)
    shared.PixelMeasuresSequence = Items([Dataset()])
    shared.PixelMeasuresSequence[0].PixelSpacing = [1.5, 1.0]
    dataset.SharedFunctionalGroupsSequence = Items([shared])
    frames = []
    for frame in range(data.shape[2]):
        position, transformation, groups = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [-10.0, 20.0, 30.0 + 5 * (top - frame)]
        transformation.RescaleSlope, transformation.RescaleIntercept = 2, -3
        groups.PlanePositionSequence = Items([position])
        groups.PixelValueTransformationSequence = Items([transformation])
        frames.append(groups)
    dataset.PerFrameFunctionalGroupsSequence = Items(frames)
    return save(dataset, path, tags)


def save(dataset: FileDataset, path: Path, tags: dict[str, Any]) -> Path:
    """Write the file with these tags in place of its own."""
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def _image(path: Path, pixels: npt.NDArray[np.int16]) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    dataset.Modality = "MR"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    dataset.PixelData = np.ascontiguousarray(pixels, np.int16).tobytes()
    return dataset

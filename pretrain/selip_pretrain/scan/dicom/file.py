"""A file of a folder as DICOM, whatever its name and form: its header is read, and of its pixels only their size."""

import io
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from selip_pretrain.scan.dicom.header import FrameAttributes, SeriesHeader, frame_attributes, series_header
from selip_pretrain.scan.dicom.values import number_of
from selip_pretrain.scan.series import UNWRITABLE
from selip_pretrain.volumes.dicom_stream import dicom_stream, transfer_syntax
from selip_pretrain.volumes.read_volume import (
    Slice,
    VolumeError,
    VolumeFault,
    frame_count,
    reading_quietly,
    slices_of,
    unopened_fault,
)
from selip_shared.files import is_utf8

MAX_ARCHIVE_MEMBERS = 50
"""So many files of an archive are looked at for DICOM."""

_ITEM, _DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_UNDEFINED_LENGTH = 0xFFFFFFFF


class PixelBytes(NamedTuple):
    """Where the pixels lie in a file: the first byte, and the end; and the bytes of one value."""

    first: int
    end: int
    bytes_per_value: int


@dataclass(frozen=True)
class DicomFile:
    """A DICOM image file, or those frames of it that belong to one volume; `header` is None where it is unreadable."""

    path: Path
    header: SeriesHeader | None = None
    instance_uid: str = ""
    number: int = 0
    """InstanceNumber."""
    slices: tuple[Slice, ...] = ()
    frames: tuple[int, ...] | None = None
    """The frames that these slices are; None for all of the file."""
    frames_in_file: int = 1
    pixels: PixelBytes | None = None
    """None where they are compressed, or the file is."""
    fault: tuple[VolumeFault, str] | None = None
    unopened: bool = False
    """Whether it could not be opened, which the next scan tries again."""


def read_file(path: Path) -> tuple[DicomFile, ...]:
    """What the scan needs to know of a file, by volume; empty where it is not a DICOM image."""
    try:
        with path.open("rb") as file:
            if _is_archive_of_dicom(file):
                return (DicomFile(path, fault=("damaged", f"{path.name} is an archive: unpack it and scan again")),)
            stream = dicom_stream(file)
            if stream is None:
                return ()
            if not is_utf8(path):
                return (DicomFile(path, fault=UNWRITABLE),)
            with reading_quietly():
                return _read(path, stream)
    except OSError as error:
        return (DicomFile(path, fault=unopened_fault(path, error), unopened=True),)
    except Exception:
        # A file of unknown origin can fail anywhere in the parser, with any exception.
        return (DicomFile(path, fault=("damaged", f"{path.name} is not readable as DICOM")),)


def _is_archive_of_dicom(file: BinaryIO) -> bool:
    start = file.read(4)
    file.seek(0)
    if start != b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist()[:MAX_ARCHIVE_MEMBERS]:
                with archive.open(member) as opened:
                    if opened.read(132)[128:] == b"DICM":
                        return True
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError):
        return False
    finally:
        file.seek(0)
    return False


def _read(path: Path, stream: BinaryIO) -> tuple[DicomFile, ...]:
    dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
    kind = UID(dataset.file_meta.get("MediaStorageSOPClassUID") or dataset.get("SOPClassUID") or "")
    if "Image Storage" not in kind.name:
        return ()
    header = series_header(dataset)
    uid, number = str(dataset.get("SOPInstanceUID", "")), int(number_of(dataset.get("InstanceNumber")) or 0)
    try:
        slices = tuple(slices_of(dataset))
        pixels = _pixels(stream, dataset, path.name)
    except VolumeError as error:
        return (DicomFile(path, header, uid, number, fault=(error.reason, error.detail)),)
    volumes = _frames_by_volume(dataset)
    if len(volumes) == 1:
        return (DicomFile(path, header, uid, number, slices, None, len(slices), pixels),)
    return tuple(
        DicomFile(
            path,
            series_header(dataset, attributes),
            uid,
            number,
            tuple(slices[frame] for frame in frames),
            frames,
            len(slices),
            pixels,
        )
        for attributes, frames in volumes.items()
    )


def _frames_by_volume(dataset: Dataset) -> dict[FrameAttributes, tuple[int, ...]]:
    """The frames of a file by what they share; one entry where it is not an enhanced file."""
    if frame_count(dataset) == 1:
        return {frame_attributes(dataset, 0): (0,)}
    frames: defaultdict[FrameAttributes, list[int]] = defaultdict(list)
    for frame in range(frame_count(dataset)):
        frames[frame_attributes(dataset, frame)].append(frame)
    return {attributes: tuple(numbers) for attributes, numbers in frames.items()}


def _pixels(stream: BinaryIO, dataset: pydicom.FileDataset, name: str) -> PixelBytes | None:
    """Where the pixels lie in the stream, None where compressed; VolumeError where they are truncated."""
    syntax = transfer_syntax(dataset)
    if syntax.is_encapsulated:
        _check_decoder(syntax)
    if syntax == DeflatedExplicitVRLittleEndian:
        return None
    implicit, little = dataset.original_encoding
    start = stream.read(8 if implicit else 12)
    length = int.from_bytes(start[-4:], "little" if little else "big")
    first, size = stream.tell(), stream.seek(0, io.SEEK_END)
    compressed = length == _UNDEFINED_LENGTH
    if not start or (compressed and not _ends(stream, first, size)):
        raise VolumeError("damaged", f"{name} is truncated: it has no pixels")
    if compressed:
        return None
    expected, present = get_expected_length(dataset, "bytes"), min(length, size - first)
    if present < expected or not expected:
        raise VolumeError("damaged", f"the pixels of {name} are truncated: {present:,} of {expected:,} bytes")
    # A stream in memory is that of a compressed file.
    return None if isinstance(stream, io.BytesIO) else PixelBytes(first, first + expected, dataset.BitsAllocated // 8)


def _ends(stream: BinaryIO, first: int, size: int) -> bool:
    """Whether the items of compressed pixels are complete, up to the delimiter after the last."""
    stream.seek(first)
    while (start := stream.read(8))[:4] == _ITEM and len(start) == 8:
        if stream.seek(int.from_bytes(start[4:], "little"), io.SEEK_CUR) > size:
            return False
    return start[:4] == _DELIMITER


def _check_decoder(syntax: UID) -> None:
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise VolumeError("damaged", f"no decoder for {syntax.name} is installed: convert the files, or install one")

"""DICOM files of a folder, whatever their names: read one by one, then grouped into series."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import UID

from selip_pretrain.scan.dicom_header import SeriesHeader, series_header
from selip_pretrain.scan.sequence_rules import SeriesAttributes
from selip_pretrain.scan.series import UNWRITABLE, FoundSeries, below, geometry, unwritable
from selip_pretrain.volumes.content_hash import joint_hash
from selip_pretrain.volumes.read_volume import Slice, VolumeError, VolumeFault, reading_quietly, slices_of, stack

MIN_WEIGHTED_B_VALUE = 50
"""In s/mm²; a volume with a lower b-value is not diffusion-weighted."""


@dataclass(frozen=True)
class DicomFile:
    """A DICOM image file; `header` is None where it could not be read."""

    path: Path
    header: SeriesHeader | None = None
    file_hash: str = ""
    instance_uid: str = ""
    slices: tuple[Slice, ...] = ()
    values: tuple[int, int] | None = None
    """Lowest and highest stored pixel value, None where the pixels are compressed."""
    fault: tuple[VolumeFault, str] | None = None


def read_file(path: Path) -> DicomFile | None:
    """What the scan needs to know of a file; None where it is not a DICOM image."""
    try:
        with path.open("rb") as file:
            start = file.read(132)
            if start[128:] != b"DICM":
                return None
            content = start + file.read()
    except OSError as error:
        return DicomFile(path, fault=("damaged", f"{path.name} cannot be opened ({error.strerror})"))
    if unwritable(path):
        return DicomFile(path, fault=UNWRITABLE)
    try:
        with reading_quietly():
            dataset = pydicom.dcmread(BytesIO(content))
            if "Image Storage" not in UID(dataset.file_meta.get("MediaStorageSOPClassUID", "")).name:
                return None
            if "PixelData" not in dataset:
                # The file is truncated within its pixels; the attributes before them still tell its series.
                dataset = pydicom.dcmread(BytesIO(content), stop_before_pixels=True)
            return _read_header(path, dataset, hashlib.sha256(content).hexdigest())
    except Exception:
        # A file of unknown origin can fail anywhere in the parser, with any exception.
        return DicomFile(path, fault=("damaged", f"{path.name} is not readable as DICOM"))


def dicom_series(root: Path, files: Iterable[DicomFile]) -> Iterator[FoundSeries]:
    """The volumes in the files; a series with several b-values or echoes gives several."""
    series: defaultdict[str, list[DicomFile]] = defaultdict(list)
    headers: dict[SeriesHeader, SeriesHeader] = {}
    for file in files:
        if file.header is None or not file.header.series_uid:
            yield _without_series(root, file)
        else:
            # One header for all files of a series: there may be a million of them.
            header = headers.setdefault(file.header, file.header)
            series[header.series_uid].append(replace(file, header=header))
    for uid, members in series.items():
        for name, part in _volumes(_without_duplicates(members)):
            yield _volume(root, f"{uid} {name}".rstrip(), part)


def _read_header(path: Path, dataset: pydicom.FileDataset, file_hash: str) -> DicomFile:
    header = series_header(dataset)
    found = DicomFile(path, header, file_hash, str(dataset.get("SOPInstanceUID", "")))
    try:
        slices = tuple(slices_of(dataset))
        return replace(found, slices=slices, values=_values(dataset, path.name))
    except VolumeError as error:
        return replace(found, fault=(error.reason, error.detail))


def _values(dataset: pydicom.FileDataset, name: str) -> tuple[int, int] | None:
    """Lowest and highest stored value; VolumeError where the pixels are truncated or no decoder is there."""
    if "PixelData" not in dataset:
        raise VolumeError("damaged", f"{name} is truncated: it has no pixels")
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    if syntax.is_compressed and syntax.is_encapsulated:
        _check_decoder(syntax)
        return None
    expected = get_expected_length(dataset, "bytes")
    pixels = dataset.PixelData
    if len(pixels) < expected or not expected:
        raise VolumeError("damaged", f"the pixels of {name} are truncated: {len(pixels):,} of {expected:,} bytes")
    stored = np.frombuffer(pixels[:expected], f"u{dataset.BitsAllocated // 8}")
    return int(stored.min()), int(stored.max())


def _check_decoder(syntax: UID) -> None:
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise VolumeError(
            "damaged", f"no decoder for {syntax.name} is installed: pip install python-gdcm, or convert it"
        )


def _without_duplicates(files: Iterable[DicomFile]) -> list[DicomFile]:
    """The files without those that equal another one byte by byte."""
    return list({(file.instance_uid, file.file_hash): file for file in files}.values())


def _volumes(files: Sequence[DicomFile]) -> Iterator[tuple[str, list[DicomFile]]]:
    """The files of each volume of a series, with a name that distinguishes it from the others."""
    by_b_value = _grouped(_with_b_zero(files), lambda header: header.attributes.b_value)
    for b_value, part in by_b_value.items():
        name = f"b={b_value:g}" if b_value is not None and len(by_b_value) > 1 else ""
        if not _repeats_a_position(part):
            yield name, part
            continue
        for (direction, echo, kind), volume in _grouped(
            part, lambda header: (header.direction, header.attributes.te_ms, header.attributes.image_type)
        ).items():
            yield f"{name} {direction} TE={echo} {'/'.join(kind)}".strip(), volume


def _with_b_zero(files: Sequence[DicomFile]) -> Sequence[DicomFile]:
    """Images without a b-value beside diffusion-weighted ones have b=0: Toshiba and Canon do not write it."""
    weighted = {(file.header.attributes.b_value or 0) >= MIN_WEIGHTED_B_VALUE for file in files if file.header}
    if True not in weighted:
        return files
    return [
        _with_attributes(file, b_value=file.header.attributes.b_value or 0.0, diffusion=True)
        if file.header and "ADC" not in file.header.attributes.image_type
        else file
        for file in files
    ]


def _grouped(files: Iterable[DicomFile], key: Any) -> dict[Any, list[DicomFile]]:
    groups: defaultdict[Any, list[DicomFile]] = defaultdict(list)
    for file in files:
        groups[key(file.header)].append(file)
    return dict(groups)


def _repeats_a_position(files: Iterable[DicomFile]) -> bool:
    positions = [tuple(round(x, 2) for x in each.position) for file in files for each in file.slices]
    return len(set(positions)) < len(positions)


def _with_attributes(file: DicomFile, **changes: Any) -> DicomFile:
    assert file.header is not None
    return replace(file, header=replace(file.header, attributes=replace(file.header.attributes, **changes)))


def _volume(root: Path, image_id: str, files: Sequence[DicomFile]) -> FoundSeries:
    """The volume with its slices in order, or with its fault."""
    header = files[0].header
    assert header is not None
    found = FoundSeries(
        image_id=image_id,
        folder=below(root, files[0].path).parent,
        source="dicom",
        files=tuple(file.path for file in files),
        description=header.description,
        attributes=header.attributes,
        accession=header.accession or None,
        study_uid=header.study_uid or None,
        patient_id=header.patient_id or None,
        acquired=header.acquired,
    )
    try:
        return _checked(found, files)
    except VolumeError as error:
        return replace(found, fault=(error.reason, error.detail))


def _checked(found: FoundSeries, files: Sequence[DicomFile]) -> FoundSeries:
    for file in files:
        if file.fault is not None:
            raise VolumeError(*file.fault)
    if len({(file.header.study_uid, file.header.patient_id) for file in files if file.header}) > 1:
        raise VolumeError("damaged", "files of several studies have the same series UID")
    owners = [file for file in files for _ in file.slices]
    order, affine = stack([each for file in files for each in file.slices])
    values = [file.values for file in files if file.values is not None]
    if len(values) == len(files) and min(low for low, _ in values) == max(high for _, high in values):
        raise VolumeError("damaged", f"every pixel is {values[0][0]}")
    in_order = list(dict.fromkeys(owners[index].path for index in order))
    hashes = {file.path: file.file_hash for file in files}
    rows, columns = files[0].slices[0].size
    return replace(
        found,
        files=tuple(in_order),
        content_hash=joint_hash([hashes[path] for path in in_order]),
        geometry=geometry((columns, rows, len(order)), affine),
    )


def _without_series(root: Path, file: DicomFile) -> FoundSeries:
    """A file without a series, named by its own path."""
    return FoundSeries(
        image_id=str(below(root, file.path)),
        folder=below(root, file.path).parent,
        source="dicom",
        files=(file.path,),
        description=below(root, file.path).name,
        attributes=SeriesAttributes(()),
        fault=file.fault or ("damaged", f"{file.path.name} has no series UID"),
    )

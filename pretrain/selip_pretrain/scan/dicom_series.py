"""DICOM files of a folder, whatever their names: read one by one, then gathered into series."""

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

WEAKEST_DIFFUSION = 50
"""In s/mm²; below it a volume is the one without diffusion weighting."""


@dataclass(frozen=True)
class DicomFile:
    """One file that holds pictures, or was meant to; `header` is None where it could not be read."""

    path: Path
    header: SeriesHeader | None = None
    file_hash: str = ""
    instance_uid: str = ""
    slices: tuple[Slice, ...] = ()
    values: tuple[int, int] | None = None
    """Lowest and highest value of the pixels, where they are not compressed."""
    fault: tuple[VolumeFault, str] | None = None


def read_file(path: Path) -> DicomFile | None:
    """What the scan must know of a file; None where it is no DICOM file with pictures."""
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
                # Of a file that ends within its pixels nothing is left; what stands before them still tells its series.
                dataset = pydicom.dcmread(BytesIO(content), stop_before_pixels=True)
            return _described(path, dataset, hashlib.sha256(content).hexdigest())
    except Exception:
        # A file of unknown origin can fail anywhere in the parser, with any exception.
        return DicomFile(path, fault=("damaged", f"{path.name} is not readable as DICOM"))


def gathered(root: Path, files: Iterable[DicomFile]) -> Iterator[FoundSeries]:
    """The volumes that the files hold, those of a series with several b-values or echoes one by one."""
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
        different = _without_copies(members)
        for name, part in _volumes(different):
            yield _volume(root, f"{uid} {name}".rstrip(), part)


def _described(path: Path, dataset: pydicom.FileDataset, file_hash: str) -> DicomFile:
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


def _without_copies(files: Iterable[DicomFile]) -> list[DicomFile]:
    """The files without those that repeat another one byte by byte."""
    return list({(file.instance_uid, file.file_hash): file for file in files}.values())


def _volumes(files: Sequence[DicomFile]) -> Iterator[tuple[str, list[DicomFile]]]:
    """The files of each volume of a series, with what tells it from the others."""
    by_b = _parted(files, lambda header: header.look.b_value)
    for b_value, part in by_b.items():
        name = f"b={b_value:g}" if b_value is not None and len(by_b) > 1 else ""
        if len(by_b) == 1 and b_value is not None and b_value < WEAKEST_DIFFUSION:
            # Alone it says nothing: some scanners write it into the trace image.
            part = [_with_look(file, b_value=None) for file in part]
        if not _repeats_a_place(part):
            yield name, part
            continue
        for (direction, echo, kind), volume in _parted(
            part, lambda header: (header.direction, header.look.te_ms, header.look.image_type)
        ).items():
            yield f"{name} {direction} TE={echo} {'/'.join(kind)}".strip(), volume


def _parted(files: Iterable[DicomFile], key: Any) -> dict[Any, list[DicomFile]]:
    parts: defaultdict[Any, list[DicomFile]] = defaultdict(list)
    for file in files:
        parts[key(file.header)].append(file)
    return dict(parts)


def _repeats_a_place(files: Iterable[DicomFile]) -> bool:
    places = [tuple(round(x, 2) for x in place.position) for file in files for place in file.slices]
    return len(set(places)) < len(places)


def _with_look(file: DicomFile, **changes: Any) -> DicomFile:
    assert file.header is not None
    return replace(file, header=replace(file.header, look=replace(file.header.look, **changes)))


def _volume(root: Path, image_id: str, files: Sequence[DicomFile]) -> FoundSeries:
    """The volume with its slices in order, or what is wrong with it."""
    header = files[0].header
    assert header is not None
    found = FoundSeries(
        image_id=image_id,
        folder=below(root, files[0].path).parent,
        source="dicom",
        files=tuple(file.path for file in files),
        description=header.description,
        look=header.look,
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
        raise VolumeError("damaged", "files of several studies bear the same series UID")
    owners = [file for file in files for _ in file.slices]
    order, affine = stack([place for file in files for place in file.slices])
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
    """A file that belongs to no series, under its own path."""
    return FoundSeries(
        image_id=str(below(root, file.path)),
        folder=below(root, file.path).parent,
        source="dicom",
        files=(file.path,),
        description=below(root, file.path).name,
        look=SeriesAttributes(()),
        fault=file.fault or ("damaged", f"{file.path.name} says no series UID"),
    )

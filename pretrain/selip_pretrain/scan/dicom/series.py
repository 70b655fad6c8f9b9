"""DICOM files of a folder grouped into series, and these into volumes."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from selip_pretrain.scan.dicom.file import DicomFile
from selip_pretrain.scan.sequence_rules import SeriesAttributes
from selip_pretrain.scan.series import FoundSeries, below, geometry
from selip_pretrain.volumes.read_volume import Slice, VolumeError, VolumeFault, stack

MIN_WEIGHTED_B_VALUE = 50
"""In s/mm²; a volume with a lower b-value is not diffusion-weighted."""
MAX_ACQUISITIONS = 3
"""More repetitions of a volume are a course in time, no volume."""
MAX_ODD_SHARE = 0.1
"""So many files of a series may be unlike the others, which are used without them."""


class OddFile(NamedTuple):
    """A file that its series is used without, and why."""

    file: DicomFile
    fault: tuple[VolumeFault, str]


def dicom_series(root: Path, files: Iterable[DicomFile]) -> Iterator[FoundSeries]:
    """The volumes in the files; a series with several b-values or echoes gives several."""
    series: defaultdict[str, list[DicomFile]] = defaultdict(list)
    for file in files:
        if file.header is None or not file.header.series_uid:
            fault: tuple[VolumeFault, str] = file.fault or ("damaged", f"{file.path.name} has no series UID")
            yield _lone_file(root, file, fault)
        else:
            series[file.header.series_uid].append(file)
    for uid, members in series.items():
        odd: list[OddFile] = []
        for name, part in _volumes(_without_duplicates(members), odd):
            yield _volume(root, f"{uid} {name}".rstrip(), part, odd)
        yield from (_lone_file(root, file, fault) for file, fault in odd)


def _without_duplicates(files: Iterable[DicomFile]) -> list[DicomFile]:
    """The files without further copies of an instance, which archives send with other bytes; a whole copy stays."""
    kept: dict[Hashable, DicomFile] = {}
    for file in files:
        assert file.header is not None
        position = file.slices[0].position if file.slices else None
        key = (file.instance_uid, file.number, file.frames, position, file.header.study_uid, file.header.patient_id)
        if key not in kept or kept[key].fault is not None:
            kept[key] = file
    whole = {file.instance_uid for file in kept.values() if file.fault is None} - {""}
    return [file for file in kept.values() if file.fault is None or file.instance_uid not in whole]


def _volumes(files: Sequence[DicomFile], odd: list[OddFile]) -> Iterator[tuple[str, list[DicomFile]]]:
    """The files of each volume of a series, with a name that distinguishes it from the others."""
    by_b_value = _grouped(_with_b_zero(files), lambda header: header.attributes.b_value)
    for b_value, part in by_b_value.items():
        name = f"b={b_value:g}" if b_value is not None and len(by_b_value) > 1 else ""
        if not _repeats_a_position(part):
            yield name, part
            continue
        kinds = _grouped(part, lambda header: (header.direction, header.attributes.te_ms, header.attributes.image_type))
        for (direction, echo, kind), volume in kinds.items():
            distinct = f"{name} {direction} TE={echo} {'/'.join(kind)}".strip() if len(kinds) > 1 else name
            for acquisition, slices in _acquisitions(volume).items():
                further = f"{distinct} acquisition {acquisition}".strip() if acquisition else distinct
                yield further, _without_repeated_positions(slices, odd)


def _acquisitions(files: list[DicomFile]) -> dict[str, list[DicomFile]]:
    """The repetitions of a volume; the files under one empty name where acquisitions do not repeat it.

    Of diffusion weighting, acquisitions are directions of the gradient, none of which is the image that is wanted.
    """
    if not _repeats_a_position(files) or any(_has_direction(file) for file in files):
        return {"": files}
    parts = _grouped(files, lambda header: header.acquisition)
    positions = len(_positions(files))
    complete = max(len(_positions(part)) for part in parts.values()) == positions
    if (
        1 < len(parts) <= MAX_ACQUISITIONS
        and complete
        and not any(_repeats_a_position(part) for part in parts.values())
    ):
        return {str(acquisition): part for acquisition, part in parts.items()}
    return {"": files}


def _has_direction(file: DicomFile) -> bool:
    assert file.header is not None
    return (file.header.attributes.b_value or 0) >= MIN_WEIGHTED_B_VALUE and file.header.direction != "ISOTROPIC"


def _without_repeated_positions(files: list[DicomFile], odd: list[OddFile]) -> list[DicomFile]:
    """The files without the few that repeat the position of another one; all of them where many do."""
    first: dict[Hashable, DicomFile] = {}
    repeated: list[OddFile] = []
    for file in sorted(files, key=lambda file: file.number):
        place = tuple(_rounded(each) for each in file.slices)
        kept = first.setdefault(place, file) if place else file
        if kept is not file:
            detail = f"{file.path.name} repeats the position of {kept.path.name}, which is used"
            repeated.append(OddFile(file, ("not_3d", detail)))
    if len(repeated) > MAX_ODD_SHARE * len(files):
        return files
    odd += repeated
    dropped = {id(one.file) for one in repeated}
    return [file for file in files if id(file) not in dropped]


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


def _grouped(files: Iterable[DicomFile], key: Callable[[Any], Any]) -> dict[Any, list[DicomFile]]:
    groups: defaultdict[Any, list[DicomFile]] = defaultdict(list)
    for file in files:
        groups[key(file.header)].append(file)
    return dict(groups)


def _rounded(image: Slice) -> tuple[float, ...]:
    return tuple([round(value, 2) for value in image.position])


def _positions(files: Iterable[DicomFile]) -> set[tuple[float, ...]]:
    return {_rounded(each) for file in files for each in file.slices}


def _repeats_a_position(files: Sequence[DicomFile]) -> bool:
    return len(_positions(files)) < sum(len(file.slices) for file in files)


def _with_attributes(file: DicomFile, **changes: Any) -> DicomFile:
    assert file.header is not None
    return replace(file, header=replace(file.header, attributes=replace(file.header.attributes, **changes)))


def _volume(root: Path, image_id: str, files: Sequence[DicomFile], odd: list[OddFile]) -> FoundSeries:
    """The volume with its slices in order, or with its fault; files that it is used without are added to `odd`."""
    header = files[0].header
    assert header is not None
    found = FoundSeries(
        image_id=image_id,
        folder=below(root, files[0].path).parent,
        source="dicom",
        files=tuple(dict.fromkeys(file.path for file in files)),
        description=header.description,
        attributes=header.attributes,
        accession=header.accession or None,
        study_uid=header.study_uid or None,
        patient_id=header.patient_id or None,
        acquired=header.acquired,
    )
    if len({(file.header.study_uid, file.header.patient_id) for file in files if file.header}) > 1:
        return replace(found, fault=("damaged", "files of several studies have the same series UID"))
    unlike: list[OddFile] = []
    try:
        fitting, unlike = _alike(files)
        whole = _stacked(found, fitting)
    except VolumeError as error:
        return replace(found, fault=unlike[0].fault if unlike else (error.reason, error.detail))
    odd += unlike
    return whole


def _alike(files: Sequence[DicomFile]) -> tuple[list[DicomFile], list[OddFile]]:
    """The files of the commonest size, direction and spacing, and the others; all files where the others are many.

    VolumeError where many cannot be used.
    """
    groups: defaultdict[Hashable, list[DicomFile]] = defaultdict(list)
    for file in files:
        if file.fault is None:
            groups[_plane(file)].append(file)
    common = max(groups.values(), key=len, default=[])
    fitting = {id(file) for file in common}
    unlike = [OddFile(file, file.fault or _unlike(file)) for file in files if id(file) not in fitting]
    if len(unlike) <= MAX_ODD_SHARE * len(files):
        return common, unlike
    for file in files:
        if file.fault is not None:
            raise VolumeError(*file.fault)
    return list(files), []


def _plane(file: DicomFile) -> Hashable:
    first = file.slices[0]
    return (first.size, tuple(round(x, 2) for x in first.directions), tuple(round(x, 3) for x in first.spacing_mm))


def _unlike(file: DicomFile) -> tuple[VolumeFault, str]:
    return "not_3d", f"{file.path.name} has another size or direction than its series, which is used without it"


def _stacked(found: FoundSeries, files: Sequence[DicomFile]) -> FoundSeries:
    owners = [(file, index) for file in files for index in (file.frames or range(len(file.slices)))]
    order, affine = stack([each for file in files for each in file.slices])
    in_order = list(dict.fromkeys(owners[index][0].path for index in order))
    rows, columns = files[0].slices[0].size
    return replace(
        found,
        files=tuple(in_order),
        frames=_frames(in_order, [owners[index] for index in order]),
        geometry=geometry((columns, rows, len(order)), affine),
    )


def _frames(paths: Sequence[Path], used: Sequence[tuple[DicomFile, int]]) -> tuple[int, ...] | None:
    """The indices of the used frames in all files one after the other; None where all are used."""
    if all(file.frames is None for file, _ in used):
        return None
    frames_in = {file.path: file.frames_in_file for file, _ in used}
    first = {path: sum(frames_in[earlier] for earlier in paths[:number]) for number, path in enumerate(paths)}
    indices = sorted(first[file.path] + frame for file, frame in used)
    return None if len(indices) == sum(frames_in.values()) else tuple(indices)


def _lone_file(root: Path, file: DicomFile, fault: tuple[VolumeFault, str]) -> FoundSeries:
    """A file that is in no volume, named by its own path."""
    name = below(root, file.path)
    return FoundSeries(
        image_id=str(name),
        folder=name.parent,
        source="dicom",
        files=(file.path,),
        description=name.name,
        attributes=SeriesAttributes(()) if file.header is None else file.header.attributes,
        accession=(file.header and file.header.accession) or None,
        study_uid=(file.header and file.header.study_uid) or None,
        patient_id=(file.header and file.header.patient_id) or None,
        fault=fault,
    )

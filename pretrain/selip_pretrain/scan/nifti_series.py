"""NIfTI files of a folder: each is a series, recognised by its name and by the JSON sidecar that dcm2niix writes."""

import gzip
import json
import zlib
from collections import defaultdict
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from selip_pretrain.scan.dicom.values import number_of
from selip_pretrain.scan.dicom.vendor_tags import is_contrast_agent
from selip_pretrain.scan.sequence_rules import SequenceRules, SeriesAttributes
from selip_pretrain.scan.series import UNWRITABLE, FoundSeries, below
from selip_pretrain.volumes.read_volume import VolumeFault, volume_count
from selip_shared.files import is_utf8

SUFFIXES = (".nii.gz", ".nii")
MAX_SIDECAR_BYTES = 10 << 20
EXAMINATION = ("StudyDescription", "RequestedProcedureDescription", "ProcedureStepDescription")
"""What names the whole examination in a sidecar."""
DERIVED = "DERIVED"
"""The value of ImageType for an image that was computed from another one."""


def is_nifti(path: Path) -> bool:
    """Whether the file is NIfTI by its name."""
    return path.name.lower().endswith(SUFFIXES)


MIN_WEIGHTED_B_VALUE = 50
"""In s/mm²; a volume with a lower b-value is not diffusion-weighted."""
SHELL = 100
"""Scanners write 995 or 1005 for 1000: b-values are one shell where they round to the same multiple of this."""


def nifti_series(root: Path, path: Path, rules: SequenceRules) -> list[FoundSeries]:
    """The series as the file's name and its sidecar describe it; only of one with several b-values the header is read.

    A four-dimensional file with its b-values in a .bval file is one series for each shell.
    """
    relative = below(root, path)
    suffix = next(suffix for suffix in SUFFIXES if relative.name.lower().endswith(suffix))
    stem = relative.name[: -len(suffix)]
    found = FoundSeries(
        str(relative),
        relative.parent,
        "nifti",
        (path,),
        relative.name,
        _attributes(stem, path.with_name(path.name[: -len(suffix)]), rules),
    )
    if not is_utf8(path):
        return [replace(found, fault=UNWRITABLE)]
    b_values = _numbers(path.with_name(path.name[: -len(suffix)]), "bval")
    volumes = volume_count(path) if len(b_values) > 1 else 1
    if volumes == 1:
        return [found]
    if volumes != len(b_values):
        detail = f"{path.name} holds {volumes} volumes, and the .bval file beside it {len(b_values)} b-values"
        return [replace(found, fault=("not_3d", detail))]
    return _shells(found, b_values, _zero_directions(path.with_name(path.name[: -len(suffix)])))


def _shells(found: FoundSeries, b_values: list[float], isotropic: list[bool]) -> list[FoundSeries]:
    """A series for each b-value of a four-dimensional file, which is one volume of it, or a fault."""
    shells: defaultdict[float, list[int]] = defaultdict(list)
    for index, b_value in enumerate(b_values):
        shells[0.0 if b_value < MIN_WEIGHTED_B_VALUE else max(SHELL, round(b_value / SHELL) * SHELL)].append(index)
    series: list[FoundSeries] = []
    for b_value, volumes in shells.items():
        traces = [index for index in volumes if index < len(isotropic) and isotropic[index]]
        # Unweighted volumes have no direction: the first one stands for them.
        wanted = volumes[:1] if b_value == 0 or len(volumes) == 1 else traces
        detail = (
            f"{found.files[0].name} holds {len(volumes)} volumes of b={b_value:g}, each weighted along one direction: "
            "certain where one of them is their trace image, with the direction 0 0 0 in the .bvec file"
        )
        fault: tuple[VolumeFault, str] | None = None if len(wanted) == 1 else ("not_3d", detail)
        series.append(
            replace(
                found,
                # The volume is named, as it may be another one of the same file after a change of the .bvec file.
                image_id=f"{found.image_id} {'' if fault else f'volume {wanted[0]} '}b={b_value:g}",
                attributes=replace(found.attributes, b_value=b_value, diffusion=True),
                frames=None if fault else tuple(wanted),
                fault=fault,
            )
        )
    return series


def _attributes(name: str, stem: Path, rules: SequenceRules) -> SeriesAttributes:
    """The attributes by file name and sidecar; `name` and the path `stem` are without their ending."""
    sidecar = _sidecar(stem)
    description, protocol = _text(sidecar, "SeriesDescription"), _text(sidecar, "ProtocolName")
    scanning_sequence = _values(sidecar, "ScanningSequence")
    b_value = _b_value(stem)
    agent = _text(sidecar, "ContrastBolusAgent")
    image_type = (*_values(sidecar, "ImageType"), *((DERIVED,) if rules.is_derived(name) else ()))
    return SeriesAttributes(
        # dcm2niix names files as the user wishes; what the scanner wrote is in the sidecar.
        texts=(rules.file_text(name), description, protocol),
        file_name=name,
        dicom_modality=_text(sidecar, "Modality"),
        manufacturer=_text(sidecar, "Manufacturer"),
        body_part=_text(sidecar, "BodyPartExamined"),
        study=tuple(filter(None, (*(_text(sidecar, name) for name in EXAMINATION), protocol))),
        image_type=image_type,
        scanning_sequence=scanning_sequence,
        tr_ms=_milliseconds(sidecar, "RepetitionTime"),
        te_ms=_milliseconds(sidecar, "EchoTime"),
        ti_ms=_milliseconds(sidecar, "InversionTime") or 0,
        b_value=b_value,
        diffusion=b_value is not None or "DIFFUSION" in image_type,
        contrast=(contrast := is_contrast_agent(agent)),
        contrast_denied=bool(agent) and not contrast,
    )


def _sidecar(stem: Path) -> dict[str, Any]:
    """The content of the JSON sidecar, empty where there is none."""
    try:
        content = json.loads(_text_beside(stem, "json"))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _text_beside(stem: Path, suffix: str) -> str:
    """The text of the file with this suffix, compressed with its image or not; empty where there is none."""
    for name, opener in ((f"{stem.name}.{suffix}", open), (f"{stem.name}.{suffix}.gz", gzip.open)):
        try:
            with opener(stem.with_name(name), "rb") as file:
                content = file.read(MAX_SIDECAR_BYTES + 1)
        except (OSError, EOFError, zlib.error):
            continue
        return "" if len(content) > MAX_SIDECAR_BYTES else content.decode("utf-8", "replace")
    return ""


def _text(sidecar: dict[str, Any], keyword: str) -> str:
    value = sidecar.get(keyword)
    return value.strip() if isinstance(value, str) else ""


def _values(sidecar: dict[str, Any], keyword: str) -> tuple[str, ...]:
    """Several values, which dcm2niix writes as a list or as SE_EP."""
    value = sidecar.get(keyword)
    if isinstance(value, list):
        return tuple(str(each) for each in value)
    if not isinstance(value, str):
        return ()
    return tuple(value.replace("\\", "_").split("_")) if keyword == "ScanningSequence" else tuple(value.split("\\"))


def _milliseconds(sidecar: dict[str, Any], keyword: str) -> float | None:
    """A time, which sidecars state in seconds."""
    seconds = number_of(sidecar.get(keyword))
    return None if seconds is None else seconds * 1000


def _b_value(stem: Path) -> float | None:
    """The b-value in s/mm² of a file with one diffusion weighting; None where it is not stated."""
    values = set(_numbers(stem, "bval"))
    return values.pop() if len(values) == 1 else None


def _numbers(stem: Path, suffix: str) -> list[float]:
    """The numbers in a file beside the image; empty where there is none, or one is no number."""
    numbers = [number_of(value) for value in _text_beside(stem, suffix).split()]
    return [] if None in numbers else [number for number in numbers if number is not None]


def _zero_directions(stem: Path) -> list[bool]:
    """Of each volume whether its direction in the .bvec file is 0 0 0, which is written of a trace image."""
    lines = [line.split() for line in _text_beside(stem, "bvec").splitlines() if line.strip()]
    rows = lines if len(lines) == 3 else list(zip_longest(*lines, fillvalue=""))
    if len(rows) != 3:
        return []
    return [all(number_of(part) == 0 for part in direction) for direction in zip(*rows, strict=False)]

"""NIfTI files of a folder: each is a series, recognised by its name and by the JSON sidecar that dcm2niix writes."""

import gzip
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from selip_pretrain.scan.dicom.values import number_of
from selip_pretrain.scan.dicom.vendor_tags import is_contrast_agent
from selip_pretrain.scan.sequence_rules import SequenceRules, SeriesAttributes
from selip_pretrain.scan.series import UNWRITABLE, FoundSeries, below
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


def nifti_series(root: Path, path: Path, rules: SequenceRules) -> FoundSeries:
    """The series as the file's name and its sidecar describe it; the file is not opened."""
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
    return replace(found, fault=UNWRITABLE) if not is_utf8(path) else found


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
    values = {number_of(value) for value in _text_beside(stem, "bval").split()}
    return values.pop() if len(values) == 1 else None

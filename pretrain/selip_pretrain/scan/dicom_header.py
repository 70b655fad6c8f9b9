"""What a DICOM file says of its series: names, times, b-value, contrast agent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from selip_pretrain.scan.sequence_rules import SeriesAttributes
from selip_pretrain.volumes.read_volume import of_frame

NO_AGENT = ("", "no", "none", "n", "0", "无", "without")


@dataclass(frozen=True)
class SeriesHeader:
    """What the files of a series, or of one volume in it, have in common."""

    series_uid: str
    study_uid: str
    patient_id: str
    accession: str
    description: str
    acquired: str
    look: SeriesAttributes
    direction: str
    """NONE, ISOTROPIC or DIRECTIONAL diffusion weighting, where it is said."""


def series_header(dataset: Dataset) -> SeriesHeader:
    """What a file says of its series; of an enhanced one, of its first frame."""
    description = _text(dataset, "SeriesDescription")
    times = of_frame(dataset, 0, "MRTimingAndRelatedParametersSequence")
    echo = of_frame(dataset, 0, "MREchoSequence")
    return SeriesHeader(
        series_uid=_text(dataset, "SeriesInstanceUID"),
        study_uid=_text(dataset, "StudyInstanceUID"),
        patient_id=_text(dataset, "PatientID"),
        accession=_text(dataset, "AccessionNumber"),
        description=description or _text(dataset, "ProtocolName"),
        acquired=f"{_text(dataset, 'SeriesDate')} {_text(dataset, 'SeriesTime')} {_text(dataset, 'SeriesNumber'):>9}",
        look=SeriesAttributes(
            texts=tuple(text for text in (description, _text(dataset, "ProtocolName")) if text),
            image_type=_values_of(dataset, "ImageType"),
            scanning_sequence=_values_of(dataset, "ScanningSequence"),
            tr_ms=_number(times, "RepetitionTime"),
            te_ms=_number(echo, "EchoTime") or _number(echo, "EffectiveEchoTime"),
            ti_ms=_number(dataset, "InversionTime") or 0,
            b_value=_b_value(dataset),
            contrast=_contrast(dataset),
        ),
        direction=_text(of_frame(dataset, 0, "MRDiffusionSequence"), "DiffusionDirectionality"),
    )


def _text(dataset: Dataset, keyword: str) -> str:
    text = str(dataset.get(keyword, "") or "").strip(" \0")
    if not text.isascii() and not dataset.get("SpecificCharacterSet"):
        # Chinese scanners may not say so; the bytes were read as Latin 1.
        try:
            return text.encode("latin-1").decode("gb18030")
        except UnicodeError:
            return text
    return text


def _values_of(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    value = dataset.get(keyword) or ()
    return (value,) if isinstance(value, str) else tuple(map(str, value))


def _number(dataset: Dataset, keyword: str) -> float | None:
    return _as_number(dataset.get(keyword))


def _as_number(value: Any) -> float | None:
    """The number, or the first of several; None where there is none."""
    if isinstance(value, bytes):
        value = value.decode("latin-1").strip("\0 ").split("\\")[0]
    elif not isinstance(value, str) and isinstance(value, Sequence):
        value = value[0] if value else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _contrast(dataset: Dataset) -> bool:
    agent = _text(dataset, "ContrastBolusAgent").lower()
    return agent not in NO_AGENT or bool(dataset.get("ContrastBolusAgentSequence"))


def _b_value(dataset: Dataset) -> float | None:
    """In s/mm², from the tag of the standard or that of the maker."""
    said = _number(of_frame(dataset, 0, "MRDiffusionSequence"), "DiffusionBValue")
    if said is not None:
        return said
    maker = _text(dataset, "Manufacturer").lower()
    if "siemens" in maker:
        return _private(dataset, 0x0019, 0x100C)
    if "philips" in maker:
        return _private(dataset, 0x2001, 0x1003)
    if maker.startswith("ge ") or "uih" in maker:
        said = _private(dataset, 0x0043, 0x1039)
        # GE adds a thousand million where the value was chosen freely.
        return None if said is None else said % 100_000
    return None


def _private(dataset: Dataset, group: int, element: int) -> float | None:
    found = dataset.get((group, element))
    if found is None:
        return None
    value = found.value
    if isinstance(value, bytes) and len(value) == 4 and not value.strip(b" \0").isdigit():
        return float(np.frombuffer(value, "<f4")[0])
    return _as_number(value)

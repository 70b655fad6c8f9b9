"""The attributes of a series in a DICOM header: names, times, b-value, contrast agent."""

from dataclasses import dataclass

from pydicom.dataset import Dataset

from selip_pretrain.scan.dicom_values import number_of, text_of, values_of
from selip_pretrain.scan.sequence_rules import SeriesAttributes
from selip_pretrain.scan.vendor_tags import is_contrast_agent, vendor_b_value
from selip_pretrain.volumes.read_volume import of_frame

EXAMINATION = ("StudyDescription", "RequestedProcedureDescription", "PerformedProcedureStepDescription")


@dataclass(frozen=True)
class SeriesHeader:
    """What the files of a series, or of one volume in it, share."""

    series_uid: str
    study_uid: str
    patient_id: str
    accession: str
    description: str
    acquired: str
    attributes: SeriesAttributes
    direction: str
    """NONE, ISOTROPIC or DIRECTIONAL diffusion weighting, empty where not stated."""


def series_header(dataset: Dataset) -> SeriesHeader:
    """The header of a file; of an enhanced file, that of its first frame."""
    description, protocol = text_of(dataset, "SeriesDescription"), text_of(dataset, "ProtocolName")
    times = of_frame(dataset, 0, "MRTimingAndRelatedParametersSequence")
    echo = of_frame(dataset, 0, "MREchoSequence")
    image_type, scanning_sequence = values_of(dataset, "ImageType"), values_of(dataset, "ScanningSequence")
    b_value = _b_value(dataset)
    date, time, number = (text_of(dataset, keyword) for keyword in ("SeriesDate", "SeriesTime", "SeriesNumber"))
    return SeriesHeader(
        series_uid=text_of(dataset, "SeriesInstanceUID"),
        study_uid=text_of(dataset, "StudyInstanceUID"),
        patient_id=text_of(dataset, "PatientID"),
        accession=text_of(dataset, "AccessionNumber"),
        description=description or protocol,
        acquired=f"{date} {time} {number:>9}",
        attributes=SeriesAttributes(
            texts=tuple(text for text in (description, protocol) if text),
            manufacturer=text_of(dataset, "Manufacturer"),
            body_part=text_of(dataset, "BodyPartExamined"),
            study=tuple(filter(None, (*(text_of(dataset, name) for name in EXAMINATION), protocol))),
            image_type=image_type,
            scanning_sequence=scanning_sequence,
            tr_ms=number_of(times.get("RepetitionTime")),
            te_ms=number_of(echo.get("EchoTime")) or number_of(echo.get("EffectiveEchoTime")),
            ti_ms=number_of(dataset.get("InversionTime")) or 0,
            b_value=b_value,
            diffusion=_is_diffusion(dataset, image_type, scanning_sequence, b_value),
            contrast=(contrast := _contrast(dataset)),
            contrast_denied=bool(text_of(dataset, "ContrastBolusAgent")) and not contrast,
        ),
        direction=text_of(of_frame(dataset, 0, "MRDiffusionSequence"), "DiffusionDirectionality"),
    )


def _contrast(dataset: Dataset) -> bool:
    return is_contrast_agent(text_of(dataset, "ContrastBolusAgent")) or bool(dataset.get("ContrastBolusAgentSequence"))


def _is_diffusion(
    dataset: Dataset, image_type: tuple[str, ...], scanning_sequence: tuple[str, ...], b_value: float | None
) -> bool:
    """Whether tags say so: GE writes its own b-value, of 0, into any series, so that this alone does not."""
    return (
        "DIFFUSION" in image_type
        or "DiffusionBValue" in of_frame(dataset, 0, "MRDiffusionSequence")
        or ("EP" in scanning_sequence and b_value is not None)
    )


def _b_value(dataset: Dataset) -> float | None:
    """In s/mm², from the standard attribute, else from the vendor's one (vendor_tags.toml)."""
    b_value = number_of(of_frame(dataset, 0, "MRDiffusionSequence").get("DiffusionBValue"))
    return vendor_b_value(dataset, text_of(dataset, "Manufacturer")) if b_value is None else b_value

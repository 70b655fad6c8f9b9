"""The attributes of a series in a DICOM header: names, times, b-value, contrast agent."""

from dataclasses import dataclass

from pydicom.dataset import Dataset

from selip_pretrain.scan.dicom_values import number_of, text_of, values_of
from selip_pretrain.scan.sequence_rules import SeriesAttributes
from selip_pretrain.scan.vendor_tags import vendor_b_value
from selip_pretrain.volumes.read_volume import of_frame

NO_CONTRAST_AGENT = ("", "no", "none", "n", "0", "无", "without")
"""Values of ContrastBolusAgent that stand for none, in lower case."""


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
            image_type=values_of(dataset, "ImageType"),
            scanning_sequence=values_of(dataset, "ScanningSequence"),
            tr_ms=number_of(times.get("RepetitionTime")),
            te_ms=number_of(echo.get("EchoTime")) or number_of(echo.get("EffectiveEchoTime")),
            ti_ms=number_of(dataset.get("InversionTime")) or 0,
            b_value=_b_value(dataset),
            contrast=_contrast(dataset),
        ),
        direction=text_of(of_frame(dataset, 0, "MRDiffusionSequence"), "DiffusionDirectionality"),
    )


def _contrast(dataset: Dataset) -> bool:
    agent = text_of(dataset, "ContrastBolusAgent").lower()
    return agent not in NO_CONTRAST_AGENT or bool(dataset.get("ContrastBolusAgentSequence"))


def _b_value(dataset: Dataset) -> float | None:
    """In s/mm², from the standard attribute, else from the vendor's private one (vendor_tags.toml)."""
    b_value = number_of(of_frame(dataset, 0, "MRDiffusionSequence").get("DiffusionBValue"))
    return vendor_b_value(dataset, text_of(dataset, "Manufacturer")) if b_value is None else b_value

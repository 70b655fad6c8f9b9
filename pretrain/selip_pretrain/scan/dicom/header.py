"""The attributes of a series in a DICOM header: names, times, b-value, contrast agent."""

from dataclasses import dataclass

from pydicom.dataset import Dataset

from selip_pretrain.scan.dicom.values import number_of, text_of, values_of
from selip_pretrain.scan.dicom.vendor_tags import is_contrast_agent, vendor_b_value
from selip_pretrain.scan.sequence_rules import SeriesAttributes
from selip_pretrain.volumes.read_volume import of_frame

EXAMINATION = ("StudyDescription", "RequestedProcedureDescription", "PerformedProcedureStepDescription")
PHASES = ("PHASE", "REAL", "IMAGINARY")
"""Values of ComplexImageComponent that are no magnitude."""
WEIGHTED = ("DIRECTIONAL", "ISOTROPIC")
"""Values of DiffusionDirectionality of a weighted image."""


@dataclass(frozen=True)
class FrameAttributes:
    """What may differ between the frames of an enhanced file."""

    image_type: tuple[str, ...]
    tr_ms: float | None
    te_ms: float | None
    ti_ms: float
    b_value: float | None
    direction: str
    """NONE, ISOTROPIC or DIRECTIONAL diffusion weighting, empty where not stated."""
    acquisition: str
    """The number of the acquisition, or of the point in time."""


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
    acquisition: str


def series_header(dataset: Dataset, frame: FrameAttributes | None = None) -> SeriesHeader:
    """The header of a file as that of a series; of an enhanced file, for frames with these attributes."""
    frame = frame_attributes(dataset, 0) if frame is None else frame
    description, protocol = text_of(dataset, "SeriesDescription"), text_of(dataset, "ProtocolName")
    scanning_sequence = _scanning_sequence(dataset)
    date, time, number = (text_of(dataset, keyword) for keyword in ("SeriesDate", "SeriesTime", "SeriesNumber"))
    return SeriesHeader(
        series_uid=text_of(dataset, "SeriesInstanceUID"),
        study_uid=text_of(dataset, "StudyInstanceUID"),
        patient_id=text_of(dataset, "PatientID"),
        accession=text_of(dataset, "AccessionNumber"),
        description=description or protocol,
        acquired=f"{date} {time} {number:>9}",
        attributes=SeriesAttributes(
            texts=(description, protocol),
            dicom_modality=text_of(dataset, "Modality"),
            manufacturer=text_of(dataset, "Manufacturer"),
            body_part=_body_part(dataset),
            study=tuple(filter(None, (*(text_of(dataset, name) for name in EXAMINATION), protocol))),
            image_type=frame.image_type,
            scanning_sequence=scanning_sequence,
            tr_ms=frame.tr_ms,
            te_ms=frame.te_ms,
            ti_ms=frame.ti_ms,
            b_value=frame.b_value,
            diffusion=_is_diffusion(frame, scanning_sequence),
            directional=frame.direction == "DIRECTIONAL",
            contrast=(contrast := _contrast(dataset)),
            contrast_denied=bool(text_of(dataset, "ContrastBolusAgent")) and not contrast,
        ),
        direction=frame.direction,
        acquisition=frame.acquisition,
    )


def frame_attributes(dataset: Dataset, frame: int) -> FrameAttributes:
    """The attributes of a frame; those of the file where it is not an enhanced one."""
    times = of_frame(dataset, frame, "MRTimingAndRelatedParametersSequence")
    echo = of_frame(dataset, frame, "MREchoSequence")
    diffusion = of_frame(dataset, frame, "MRDiffusionSequence")
    content = of_frame(dataset, frame, "FrameContentSequence")
    kind = of_frame(dataset, frame, "MRImageFrameTypeSequence")
    component = text_of(kind, "ComplexImageComponent")
    inversion = dataset.get("InversionTime") or of_frame(dataset, frame, "MRModifierSequence").get("InversionTimes")
    b_value = number_of(diffusion.get("DiffusionBValue"))
    if b_value is None:
        b_value = vendor_b_value(dataset, text_of(dataset, "Manufacturer"))
    return FrameAttributes(
        image_type=tuple(
            dict.fromkeys(
                (
                    *values_of(dataset, "ImageType"),
                    *values_of(kind, "FrameType"),
                    *((component,) if component in PHASES else ()),
                )
            )
        ),
        tr_ms=number_of(times.get("RepetitionTime")),
        te_ms=number_of(echo.get("EchoTime")) or number_of(echo.get("EffectiveEchoTime")),
        ti_ms=number_of(inversion) or 0,
        b_value=b_value,
        direction=text_of(diffusion, "DiffusionDirectionality"),
        acquisition=" ".join(
            text_of(content, keyword)
            for keyword in ("AcquisitionNumber", "TemporalPositionIdentifier", "TemporalPositionIndex")
        ).strip(),
    )


def _scanning_sequence(dataset: Dataset) -> tuple[str, ...]:
    """ScanningSequence, or what enhanced files state in its place."""
    stated = values_of(dataset, "ScanningSequence")
    if stated or "EchoPulseSequence" not in dataset:
        return stated
    echo = {"SPIN": ("SE",), "GRADIENT": ("GR",), "BOTH": ("SE", "GR")}.get(text_of(dataset, "EchoPulseSequence"), ())
    inverted = text_of(of_frame(dataset, 0, "MRModifierSequence"), "InversionRecovery") == "YES"
    planar = text_of(dataset, "EchoPlanarPulseSequence") == "YES"
    return (*echo, *(("IR",) if inverted else ()), *(("EP",) if planar else ()))


def _body_part(dataset: Dataset) -> str:
    """BodyPartExamined, or the region that enhanced files state in its place."""
    regions = of_frame(dataset, 0, "FrameAnatomySequence").get("AnatomicRegionSequence")
    return text_of(dataset, "BodyPartExamined") or (text_of(regions[0], "CodeMeaning") if regions else "")


def _contrast(dataset: Dataset) -> bool:
    return is_contrast_agent(text_of(dataset, "ContrastBolusAgent")) or bool(dataset.get("ContrastBolusAgentSequence"))


def _is_diffusion(frame: FrameAttributes, scanning_sequence: tuple[str, ...]) -> bool:
    """Whether tags say so: GE and Philips write a b-value of 0 into any series, so that this alone does not."""
    return "DIFFUSION" in frame.image_type or (
        frame.b_value is not None and (frame.b_value > 0 or frame.direction in WEIGHTED or "EP" in scanning_sequence)
    )

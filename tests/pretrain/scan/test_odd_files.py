"""Files as exports and archives write them: read, or named in one sentence, and no series lost for one of them."""

import base64
import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, ImplicitVRLittleEndian, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from selip_pretrain.volumes.read_volume import read_volume
from tests.pretrain.image_files import (
    AXIAL,
    nifti_image,
    voxels,
    write_enhanced,
    write_nifti,
    write_series,
    write_slice,
)
from tests.pretrain.scan.scanned_folder import Found

T2: dict[str, Any] = {
    "SeriesInstanceUID": "1.5",
    "SeriesDescription": "T2",
    "StudyInstanceUID": "1.4",
    "PatientID": "P",
}


def stored(found: Found, name: str = "1.5") -> Any:
    """The voxels of an image as the training reads them."""
    row = found.images[name]
    return read_volume([Path(file) for file in row["files"]], "dicom", row["frames"]).voxels


def test_without_preamble_and_meta_header(root: Path, db: Path) -> None:
    for file in write_series(root / "bare", **T2):
        content = file.read_bytes()
        file.write_bytes(content[content.index(b"\x08\0\x16\0") :])
    found = Found(root, db)
    assert found.sequences == {"1.5": "T2"}
    np.testing.assert_array_equal(stored(found), voxels())


def test_implicit_without_preamble(root: Path, db: Path) -> None:
    for file in write_series(root / "bare", **T2):
        dataset = pydicom.dcmread(file)
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        dataset.save_as(file, implicit_vr=True, little_endian=True)
        content = file.read_bytes()
        file.write_bytes(content[content.index(b"\x08\0\x16\0") :])
    found = Found(root, db)
    assert found.sequences == {"1.5": "T2"}
    np.testing.assert_array_equal(stored(found), voxels())


def test_gzip(root: Path, db: Path) -> None:
    for file in write_series(root / "packed", **T2):
        file.with_suffix(".dcm.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    (root / "table.csv.gz").write_bytes(gzip.compress(b"no image"))
    (root / "cut.gz").write_bytes(gzip.compress(b"no image" * 99)[:30])
    found = Found(root, db)
    assert found.sequences == {"1.5": "T2"}
    np.testing.assert_array_equal(stored(found), voxels())


def test_an_archive_is_named(root: Path, db: Path) -> None:
    files = write_series(root / "T2", **T2)
    with zipfile.ZipFile(root / "export.zip", "w") as archive:
        archive.write(files[0], "IMAGES/IM0000")
    with zipfile.ZipFile(root / "report.docx", "w") as archive:
        archive.writestr("document.xml", "<a/>")
    found = Found(root, db)
    assert found.sequences == {"1.5": "T2"}
    assert found.aside["export.zip"]["detail"] == "export.zip is an archive: unpack it and scan again"
    assert found.scanned.other_files == 1


ENCODED = {
    JPEGLosslessSV1: "/9j/wwALEAAGAAYBAREA/8QAGgAAAwEBAQEAAAAAAAAAAAAACAkKBwYFD//aAAgBAQABAAD4Gox8Os7hj+XhTMnSc0lT2U4Eq"
    "+xsP5NTlA2iDKxbYKp7pmrecLpyoOXpbQo50MbOWf/ZAA==",
    JPEGLSLossless: "/9j/9wALEAAGAAYBAREA//gADQH//wASAEMBFABA/9oACAEBAAAAADUbB3V4449lFayOtRNJbClZPqoG2K/IGXJvEX5eDRF9"
    "NfxMqRCKXsQMPYVQj2B9ZkyUwP/ZAA==",
}
"""The slice `voxels((6, 6, 2))[..., 1].T` as an encoder of another program wrote it."""


@pytest.mark.parametrize("syntax", [*ENCODED, RLELossless])
def test_lossless_compression_is_read_out_of_the_box(root: Path, db: Path, syntax: UID) -> None:
    for file in write_series(root / "T2", voxels((6, 6, 2))[..., [1, 1, 1]], **T2):
        dataset = pydicom.dcmread(file)
        if syntax == RLELossless:
            dataset.compress(RLELossless)
        else:
            dataset.PixelData = pydicom.encaps.encapsulate([base64.b64decode(ENCODED[syntax])])
            dataset["PixelData"].is_undefined_length = True
            dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(file)
    found = Found(root, db)
    assert found.sequences == {"1.5": "T2"}
    np.testing.assert_array_equal(stored(found), voxels((6, 6, 2))[..., [1, 1, 1]])
    damaged = root / "T2" / "IM0001"
    start = damaged.read_bytes().rindex(b"\xfe\xff\0\xe0") + 8
    damaged.write_bytes(damaged.read_bytes()[:start] + bytes(50) + damaged.read_bytes()[start + 50 :])
    (row,) = Found(root, db).aside.values()
    assert "cannot be decoded" in row["detail"]


def test_the_same_instance_with_other_bytes_counts_once(root: Path, db: Path) -> None:
    for file in write_series(root / "a", **T2):
        dataset = pydicom.dcmread(file)
        dataset.InstitutionName = "sent again"
        dataset.save_as(root / f"again {file.name}")
    cut = root / "again IM0003"
    cut.write_bytes(cut.read_bytes()[:-20])
    found = Found(root, db)
    assert len(found.images["1.5"]["files"]) == 9
    assert found.reasons == {}


def test_one_repeated_slice_is_left_out_and_named(root: Path, db: Path) -> None:
    write_series(root / "T2", voxels((7, 8, 20)), **T2)
    write_slice(root / "T2" / "IM0099", voxels((7, 8, 1))[..., 0].T, (-10, 20, 55), InstanceNumber=99, **T2)
    found = Found(root, db)
    assert len(found.images["1.5"]["files"]) == 20
    assert found.aside["T2/IM0099"]["detail"] == "IM0099 repeats the position of IM0014, which is used"
    np.testing.assert_array_equal(stored(found), voxels((7, 8, 20)))


def test_a_second_acquisition_is_a_volume_of_its_own(root: Path, db: Path) -> None:
    for number in (1, 2):
        write_series(root / str(number), voxels(seed=number), AcquisitionNumber=number, **T2)
    found = Found(root, db)
    assert found.sequences == {"1.5 acquisition 1": "T2"}
    assert found.reasons == {"1.5 acquisition 2": "second_series"}
    np.testing.assert_array_equal(stored(found, "1.5 acquisition 1"), voxels(seed=1))


def test_directions_of_the_gradient_are_no_volumes_and_the_trace_is_preferred(root: Path, db: Path) -> None:
    tags = T2 | {"SeriesDescription": "DWI", "DiffusionBValue": 1000.0, "DiffusionDirectionality": "DIRECTIONAL"}
    for number in range(3):
        write_series(root / str(number), voxels(seed=number), AcquisitionNumber=number, **tags)
    write_series(root / "one", **(tags | {"SeriesInstanceUID": "1.6"}))
    assert Found(root, db).reasons == {"1.5": "not_3d"}
    trace = {"SeriesInstanceUID": "1.7", "DiffusionBValue": 800.0, "DiffusionDirectionality": "ISOTROPIC"}
    write_series(root / "trace", **(tags | trace))
    assert Found(root, db).sequences == {"1.7": "DWI"}


def test_a_course_in_time_is_no_volume(root: Path, db: Path) -> None:
    for number in range(5):
        write_series(root / str(number), voxels(seed=number), AcquisitionNumber=number, **T2)
    assert Found(root, db).reasons == {"1.5": "not_3d"}


def test_acquisitions_that_are_interleaved_are_one_volume(root: Path, db: Path) -> None:
    for number, file in enumerate(write_series(root, **T2)):
        dataset = pydicom.dcmread(file)
        dataset.AcquisitionNumber = number % 2
        dataset.save_as(file)
    assert Found(root, db).sequences == {"1.5": "T2"}


@pytest.mark.parametrize("odd", ["size", "direction", "truncated"])
def test_one_odd_file_costs_no_series(root: Path, db: Path, odd: str) -> None:
    files = write_series(root / "T2", voxels((7, 8, 20)), **T2)
    path = root / "T2" / "odd"
    if odd == "truncated":
        path = files[0]
        path.write_bytes(path.read_bytes()[:-30])
    else:
        size = (30, 30, 1) if odd == "size" else (7, 8, 1)
        direction = [0, 1, 0, 0, 0, -1] if odd == "direction" else AXIAL
        write_slice(path, voxels(size)[..., 0], (0, 0, 200), ImageOrientationPatient=list(direction), **T2)
    found = Found(root, db)
    assert found.sequences == {"1.5": "T2"}
    (detail,) = (row["detail"] for row in found.aside.values())
    assert path.name in detail


def test_positions_in_whole_millimetres(root: Path, db: Path) -> None:
    for number in range(20):
        write_slice(root / str(number), voxels((7, 8, 20))[..., number].T, (-10, 20, round(1.3 * number)), **T2)
    found = Found(root, db)
    assert found.sequences == {"1.5": "T2"}
    assert found.images["1.5"]["spacing_mm"][2] == pytest.approx(1.3, abs=0.03)
    (root / "9").unlink()
    (root / "10").unlink()
    assert Found(root, db).reasons == {"1.5": "missing_slice"}


def write_frames(path: Path, kinds: list[dict[str, Any]], **tags: Any) -> None:
    """An enhanced file that holds a volume for each of `kinds`, their frames by turns."""
    volumes = [voxels(seed=seed) for seed in range(len(kinds))]
    joined = np.stack(volumes, axis=-1).reshape(7, 8, -1)
    write_enhanced(path, joined, **tags)
    dataset = pydicom.dcmread(path)
    top = len(dataset.PerFrameFunctionalGroupsSequence) - 1
    for frame, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        place, kind = divmod(top - frame, len(kinds))
        groups.PlanePositionSequence[0].ImagePositionPatient = [-10.0, 20.0, 30.0 + 5 * place]
        for group, attributes in kinds[kind].items():
            item = Dataset()
            for keyword, value in attributes.items():
                setattr(item, keyword, value)
            setattr(groups, group, Items([item]))
    dataset.save_as(path)


def frame_volume(seed: int) -> Any:
    """The voxels in the units of the file's slope and intercept."""
    return voxels(seed=seed).astype(np.float32) * 2 - 3


def test_b0_and_b1000_in_one_file(root: Path, db: Path) -> None:
    kinds = [{"MRDiffusionSequence": {"DiffusionBValue": float(b)}} for b in (0, 1000)]
    write_frames(root / "dwi", kinds, **(T2 | {"SeriesDescription": "DWI"}))
    found = Found(root, db)
    assert found.sequences == {"1.5 b=1000": "DWI"}
    assert found.reasons == {"1.5 b=0": "other_sequence"}
    np.testing.assert_array_equal(stored(found, "1.5 b=1000"), frame_volume(1))


def test_two_echoes_in_one_file(root: Path, db: Path) -> None:
    kinds = [{"MREchoSequence": {"EffectiveEchoTime": float(te)}} for te in (12, 100)]
    write_frames(root / "pd", kinds, **(T2 | {"SeriesDescription": "T2 tse"}))
    found = Found(root, db)
    assert list(found.sequences.values()) == ["T2"]
    (name,) = found.images
    assert "TE=" in name


def test_magnitude_and_phase_in_one_file(root: Path, db: Path) -> None:
    kinds = [{"MRImageFrameTypeSequence": {"ComplexImageComponent": kind}} for kind in ("MAGNITUDE", "PHASE")]
    write_frames(root / "swi", kinds, **(T2 | {"SeriesDescription": "SWI"}))
    found = Found(root, db)
    ((name, sequence),) = found.sequences.items()
    assert sequence == "SWI"
    np.testing.assert_array_equal(stored(found, name), frame_volume(0))
    assert list(found.reasons.values()) == ["other_sequence"]


@pytest.mark.parametrize("modality", ["CR", "US", "MG", "CT", "DX", "PT", "OT"])
def test_other_modalities_are_named_as_such(root: Path, db: Path, modality: str) -> None:
    write_nifti(root / "t1.nii.gz")
    write_slice(root / "x", voxels((7, 8, 1))[..., 0], (0, 0, 0), ImagePositionPatient=None, Modality=modality, **T2)
    found = Found(root, db)
    assert found.reasons == {"1.5": "other_modality"}


def test_qform_and_sform_that_disagree_in_left_and_right(root: Path, db: Path) -> None:
    for name, flip in (("T1", 1), ("T2", -1)):
        image = nifti_image(voxels(), np.diag([1.0, 1, 5, 1]))
        image.set_qform(np.diag([1.0 * flip, 1, 5, 1]), 1)
        image.set_sform(np.diag([1.0, 1, 5, 1]), 1)
        image.to_filename(root / f"{name}.nii.gz")
    found = Found(root, db)
    assert found.sequences == {"T1.nii.gz": "T1"}
    assert "qform and sform disagree" in found.aside["T2.nii.gz"]["detail"]

from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import EnhancedSRStorage, RLELossless

from selip_pretrain.scan.dicom.file import read_file
from selip_pretrain.scan.dicom.series import dicom_series
from selip_pretrain.scan.series import FoundSeries
from tests.pretrain.image_files import write_series

TAGS: dict[str, Any] = {
    "SeriesDescription": "T2",
    "StudyInstanceUID": "1.2",
    "PatientID": "P",
    "ImageType": ["ORIGINAL", "PRIMARY"],
    "RepetitionTime": 500.0,
    "EchoTime": 9.5,
    "DiffusionBValue": 1000.0,
}


def series_below(root: Path) -> list[FoundSeries]:
    files = [image for path in sorted(root.iterdir()) for image in read_file(path)]
    return list(dicom_series(root, files))


@settings(max_examples=150)
@given(place=st.integers(132, 1150), value=st.binary(min_size=1, max_size=4))
def test_changed_bytes_are_no_more_than_a_fault(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: bytes
) -> None:
    root = tmp_path_factory.mktemp("changed")
    files = write_series(root, **TAGS)
    content = bytearray(files[0].read_bytes())
    content[place : place + len(value)] = value
    files[0].write_bytes(content)
    for series in series_below(root):
        assert (series.fault is None) == (series.geometry is not None)


@given(share=st.floats(0, 0.999))
def test_a_truncated_slice_spoils_its_series_or_stands_for_itself(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    root = tmp_path_factory.mktemp("cut")
    files = write_series(root, **TAGS)
    content = files[4].read_bytes()
    files[4].write_bytes(content[: int(len(content) * share)])
    assert not [series for series in series_below(root) if series.fault is None]


def test_a_truncated_compressed_slice(tmp_path: Path) -> None:
    files = write_series(tmp_path, **TAGS)
    for file in files:
        dataset = pydicom.dcmread(file)
        dataset.compress(RLELossless)
        dataset.save_as(file)
    (whole,) = series_below(tmp_path)
    assert whole.fault is None
    files[4].write_bytes(files[4].read_bytes()[:-40])
    (cut,) = series_below(tmp_path)
    assert cut.fault == ("damaged", "IM0004 is truncated: it has no pixels")


def test_files_that_hold_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no image")
    (tmp_path / "empty").write_bytes(b"")
    report = pydicom.dcmread(write_series(tmp_path)[0])
    report.SOPClassUID = EnhancedSRStorage
    report.save_as(tmp_path / "report", enforce_file_format=True)
    assert [read_file(tmp_path / name) for name in ("note.txt", "empty", "report")] == [()] * 3

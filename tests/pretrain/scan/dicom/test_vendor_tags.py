from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from pydicom.dataset import Dataset

from selip_pretrain.scan.dicom.vendor_tags import VendorTag, is_contrast_agent, vendor_b_value


def dataset(tag: int, kind: str, value: Any) -> Dataset:
    made = Dataset()
    made.add_new(tag, kind, value)
    return made


@pytest.mark.parametrize(
    ("manufacturer", "tag", "kind", "value", "b_value"),
    [
        ("SIEMENS", 0x0019100C, "IS", "1000", 1000),
        ("Siemens Healthineers", 0x0019100C, "UN", b"700 ", 700),
        ("GE MEDICAL SYSTEMS", 0x00431039, "IS", ["1000001000", "8", "0", "0"], 1000),
        ("GE MEDICAL SYSTEMS", 0x00431039, "UN", b"800\\8\\0\\0 ", 800),
        ("UIH", 0x00431039, "IS", "1000", 1000),
        ("Philips Medical Systems", 0x20011003, "FL", 1000.0, 1000),
        ("Philips", 0x20011003, "UN", np.float32(800).tobytes(), 800),
        ("Philips", 0x0019100C, "IS", "1000", None),
        ("Canon", 0x0019100C, "IS", "1000", None),
        ("CANON_MEC", 0x00204000, "LT", "b=1500(0.445,0.000,0.895)", 1500),
        ("CANON_MEC", 0x00204000, "LT", "repeated, patient moved", None),
    ],
)
def test_b_values_of_the_vendors(manufacturer: str, tag: int, kind: str, value: Any, b_value: float | None) -> None:
    assert vendor_b_value(dataset(tag, kind, value), manufacturer) == b_value


def test_the_next_tag_of_a_vendor_is_read_where_the_first_is_missing() -> None:
    header = dataset(0x00180024, "SH", "*ep_b1000t")
    assert vendor_b_value(header, "SIEMENS") == 1000
    header.add_new(0x0019100C, "IS", "700")
    assert vendor_b_value(header, "SIEMENS") == 700


@pytest.mark.parametrize(
    ("name", "b_value"),
    [("*ep_b0", 0), ("*re_b1000t", 1000), ("ep_b1000#3", 1000), ("*ep_b50_400", 50), ("*tse2d1_16", None), ("", None)],
)
def test_the_sequence_name_of_a_de_identified_siemens_file(name: str, b_value: float | None) -> None:
    assert vendor_b_value(dataset(0x00180024, "SH", name), "SIEMENS") == b_value
    assert vendor_b_value(dataset(0x00180024, "SH", name), "Philips") is None


@pytest.mark.parametrize("block", [0x10, 0x22])
def test_the_block_of_a_private_creator(block: int) -> None:
    header = dataset(0x00650000 + block, "LO", "Image Private Header")
    header.add_new(0x00650000 + (block << 8) + 0x09, "FD", 1000.0)
    assert vendor_b_value(header, "UIH") == 1000
    other = dataset(0x00650000 + block, "LO", "Another Header")
    other.add_new(0x00650000 + (block << 8) + 0x09, "FD", 1000.0)
    assert vendor_b_value(other, "UIH") is None


@pytest.mark.parametrize(
    "value", ["", "NO CONTRAST", "N/A", "-", "未使用", "平扫", "none", "0", "Without", "W/O", "無"]
)
def test_values_that_say_that_there_was_no_agent(value: str) -> None:
    assert not is_contrast_agent(value)


@pytest.mark.parametrize("value", ["Gadovist", "15 ML PROHANCE", "GD", "yes", "钆喷酸葡胺", "IV", "Omniscan 0.5"])
def test_values_that_say_that_there_was_an_agent(value: str) -> None:
    assert is_contrast_agent(value)


@pytest.mark.parametrize(
    "entry",
    [
        {"manufacturer": "canon", "tag": "0018,0024", "pattern": "b[0-9]+"},
        {"manufacturer": "canon", "tag": "0018"},
        {"manufacturer": "(", "tag": "0018,9087"},
        {"manufacturer": "canon", "tag": "0018,9087", "unit": "s"},
    ],
)
def test_an_entry_that_is_not_valid_is_refused(entry: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        VendorTag.model_validate(entry)

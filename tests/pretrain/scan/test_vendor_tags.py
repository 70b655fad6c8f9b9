from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from pydicom.dataset import Dataset

from selip_pretrain.scan.vendor_tags import VendorTag, vendor_b_value, vendor_tags


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
    ],
)
def test_b_values_of_the_vendors(manufacturer: str, tag: int, kind: str, value: Any, b_value: float | None) -> None:
    assert vendor_b_value(dataset(tag, kind, value), manufacturer) == b_value


def test_each_entry_is_the_first_that_fits_some_manufacturer() -> None:
    names = {"siemens": "Siemens", "philips": "Philips", "^ge ": "GE Healthcare", "uih": "UIH"}
    tags = vendor_tags().b_value
    for tag in tags:
        assert next(other for other in tags if other.fits(names[tag.manufacturer])) is tag


@pytest.mark.parametrize(
    "entry",
    [
        {"manufacturer": "canon", "tag": "0018"},
        {"manufacturer": "(", "tag": "0018,9087"},
        {"manufacturer": "canon", "tag": "0018,9087", "unit": "s"},
    ],
)
def test_an_entry_that_is_not_valid_is_refused(entry: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        VendorTag.model_validate(entry)

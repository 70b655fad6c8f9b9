"""Private DICOM tags of the vendors, read from vendor_tags.toml."""

import re
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt
from pydicom.dataset import Dataset

from selip_pretrain.scan.dicom_values import number_of
from selip_shared.toml_files import read_toml


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression ({error})") from error
    return text


class VendorTag(BaseModel):
    """A private attribute of one vendor, as described in vendor_tags.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    manufacturer: Annotated[str, Field(min_length=1), AfterValidator(_pattern)]
    tag: Annotated[str, Field(pattern="^[0-9A-F]{4},[0-9A-F]{4}$")]
    modulo: PositiveInt | None = None

    def fits(self, manufacturer: str) -> bool:
        """Whether the files of this manufacturer have the attribute."""
        return re.search(self.manufacturer, manufacturer, re.IGNORECASE) is not None

    def number(self, dataset: Dataset) -> float | None:
        """The value in a file; None where it has none."""
        group, element = (int(part, 16) for part in self.tag.split(","))
        found = dataset.get((group, element))
        value = None if found is None else _decoded(found.value)
        return value if value is None or self.modulo is None else value % self.modulo


class VendorTags(BaseModel):
    """All private attributes that are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    b_value: tuple[VendorTag, ...]


@cache
def vendor_tags() -> VendorTags:
    """The content of vendor_tags.toml; SelipError where it is not valid."""
    return read_toml(files("selip_pretrain.scan").joinpath("vendor_tags.toml"), VendorTags)


def vendor_b_value(dataset: Dataset, manufacturer: str) -> float | None:
    """The b-value in s/mm² from the vendor's private attribute; None where there is none."""
    tag = next((tag for tag in vendor_tags().b_value if tag.fits(manufacturer)), None)
    return None if tag is None else tag.number(dataset)


def _decoded(value: Any) -> float | None:
    if isinstance(value, bytes) and len(value) == 4 and not value.strip(b" \0").isdigit():
        return float(np.frombuffer(value, "<f4")[0])
    return number_of(value)

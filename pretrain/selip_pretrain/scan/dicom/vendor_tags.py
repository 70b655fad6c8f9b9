"""DICOM tags and values of the vendors, read from vendor_tags.toml."""

import re
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt
from pydicom.dataset import Dataset

from selip_pretrain.scan.dicom.values import number_of
from selip_shared.toml_files import read_toml


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression ({error})") from error
    return text


def _pattern_with_group(text: str) -> str:
    if re.compile(_pattern(text)).groups != 1:
        raise ValueError(f"{text!r} needs one group, which holds the number")
    return text


class VendorTag(BaseModel):
    """An attribute of one vendor, as described in vendor_tags.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    manufacturer: Annotated[str, Field(min_length=1), AfterValidator(_pattern)]
    tag: Annotated[str, Field(pattern="^[0-9A-F]{4},[0-9A-F]{4}$")]
    creator: Annotated[str, Field(min_length=1)] | None = None
    pattern: Annotated[str, AfterValidator(_pattern_with_group)] | None = None
    modulo: PositiveInt | None = None

    def fits(self, manufacturer: str) -> bool:
        """Whether the files of this manufacturer have the attribute."""
        return re.search(self.manufacturer, manufacturer, re.IGNORECASE) is not None

    def number(self, dataset: Dataset) -> float | None:
        """The value in a file; None where it has none."""
        value = self._value(dataset)
        if self.pattern is not None:
            match = re.search(self.pattern, str(value or ""), re.IGNORECASE)
            value = match and match[1]
        number = _decoded(value)
        return number if number is None or self.modulo is None else number % self.modulo

    def _value(self, dataset: Dataset) -> Any:
        group, element = (int(part, 16) for part in self.tag.split(","))
        if self.creator is not None:
            try:
                element = dataset.private_block(group, self.creator).get_tag(element & 0xFF).element
            except KeyError:
                return None
        found = dataset.get((group, element))
        return None if found is None else found.value


class NoContrastAgent(BaseModel):
    """Values of ContrastBolusAgent that stand for none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: tuple[Annotated[str, AfterValidator(_pattern)], ...]


class VendorTags(BaseModel):
    """All attributes that are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    b_value: tuple[VendorTag, ...]
    no_contrast_agent: NoContrastAgent


@cache
def vendor_tags() -> VendorTags:
    """The content of vendor_tags.toml; SelipError where it is not valid."""
    return read_toml(files("selip_pretrain.scan.dicom").joinpath("vendor_tags.toml"), VendorTags)


def vendor_b_value(dataset: Dataset, manufacturer: str) -> float | None:
    """The b-value in s/mm² from the vendor's attribute; None where there is none."""
    numbers = (tag.number(dataset) for tag in vendor_tags().b_value if tag.fits(manufacturer))
    return next((number for number in numbers if number is not None), None)


def is_contrast_agent(value: str) -> bool:
    """Whether a value of ContrastBolusAgent names an agent, rather than that there was none."""
    plain = unicodedata.normalize("NFKC", value).strip().lower()
    return not any(re.fullmatch(pattern, plain) for pattern in vendor_tags().no_contrast_agent.values)


def _decoded(value: Any) -> float | None:
    if isinstance(value, bytes) and len(value) in (4, 8) and not value.strip(b" \0").isdigit():
        return float(np.frombuffer(value, f"<f{len(value)}")[0])
    return number_of(value)

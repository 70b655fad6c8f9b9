"""The regions of the sites in MNI152 space: ellipsoids of site_regions.csv, a site's parts, or what contains it."""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from selip_contracts.vocabulary import SITES, ancestors, parts, site_and_words
from selip_pretrain.phantom.head_model.landmarks import LANDMARKS
from selip_shared.errors import SelipError


class Ellipsoid(NamedTuple):
    """Centre and radii in mm, x to the patient's right; lesions are placed where the landmark `within` is."""

    x: float
    y: float
    z: float
    rx: float
    ry: float
    rz: float
    within: str = "head"


def _read() -> dict[str, tuple[Ellipsoid, ...]]:
    """Read the table, which holds the left half; ellipsoids off the midline are mirrored to the right."""
    table = files("selip_pretrain.phantom.head_model").joinpath("site_regions.csv").read_text(encoding="utf-8")
    regions: dict[str, tuple[Ellipsoid, ...]] = {}
    for line, row in enumerate(csv.DictReader(table.splitlines()), start=2):
        try:
            left = _ellipsoid(row)
        except (KeyError, TypeError, ValueError) as error:
            raise SelipError(f"site_regions.csv, line {line}: {error}; correct the line.") from error
        both = (left, left._replace(x=-left.x)) if left.x else (left,)
        regions[row["site"]] = (*regions.get(row["site"], ()), *both)
    return regions


def _ellipsoid(row: dict[str, str]) -> Ellipsoid:
    """The ellipsoid of a row; ValueError where site, landmark or a radius is not valid."""
    if row["site"] not in SITES:
        raise ValueError(f"{row['site']} is not a site of the vocabulary")
    if row["within"] not in LANDMARKS:
        raise ValueError(f"{row['within']} is not one of {', '.join(LANDMARKS)}")
    x, y, z, rx, ry, rz = (float(row[name]) for name in ("x", "y", "z", "rx", "ry", "rz"))
    if min(rx, ry, rz) <= 0:
        raise ValueError("a radius is not positive")
    return Ellipsoid(x, y, z, rx, ry, rz, row["within"])


ELLIPSOIDS: dict[str, tuple[Ellipsoid, ...]] = _read()


@cache
def region(site: str) -> tuple[Ellipsoid, ...]:
    """The site's own ellipsoids and those of its parts, else those of the nearest site that contains it.

    KeyError where the vocabulary lacks the site, SelipError where the head has no such place (未列部位).
    """
    listed, _ = site_and_words(site)
    for name in (listed, *ancestors(listed)):
        if found := tuple(e for part in (name, *parts(name)) for e in ELLIPSOIDS.get(part, ())):
            return found
    raise SelipError(f"{site} has no region in the phantom's head: leave out the reports that name it.")

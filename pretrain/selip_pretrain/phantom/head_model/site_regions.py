"""The regions of the sites in MNI152 space: ellipsoids from sites.csv; a site with parts is their union."""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from selip_contracts.vocabulary import SITES, parts


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
    table = files("selip_pretrain.phantom.head_model").joinpath("sites.csv").read_text(encoding="utf-8")
    found: dict[str, tuple[Ellipsoid, ...]] = {}
    for row in csv.DictReader(table.splitlines()):
        site = row.pop("site")
        assert site in SITES, f"sites.csv: {site} is not in the vocabulary"
        within = row.pop("within")
        left = Ellipsoid(**{name: float(value) for name, value in row.items()}, within=within)
        both = (left, left._replace(x=-left.x)) if left.x else (left,)
        found[site] = (*found.get(site, ()), *both)
    return found


ELLIPSOIDS: dict[str, tuple[Ellipsoid, ...]] = _read()


@cache
def region(site: str) -> tuple[Ellipsoid, ...]:
    """The site's own ellipsoids and those of its parts; KeyError where the vocabulary lacks the site."""
    names = dict.fromkeys((SITES[site].name, *parts(site)))
    return tuple(e for name in names for e in ELLIPSOIDS.get(name, ()))

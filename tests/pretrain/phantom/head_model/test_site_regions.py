from collections.abc import Sequence

import numpy as np
import pytest

from selip_contracts.vocabulary import (
    SITES,
    UNLISTED,
    ancestors,
    parts,
    unlisted,
)
from selip_pretrain.phantom.head_model.anatomy import Anatomy
from selip_pretrain.phantom.head_model.landmarks import BIT
from selip_pretrain.phantom.head_model.site_regions import ELLIPSOIDS, Ellipsoid, _ellipsoid, region
from selip_shared.errors import SelipError

LISTED = [site for site in SITES if site != UNLISTED]


def inside(sites: Sequence[Ellipsoid], x: float, y: float, z: float) -> bool:
    return any(((x - e.x) / e.rx) ** 2 + ((y - e.y) / e.ry) ** 2 + ((z - e.z) / e.rz) ** 2 <= 1 for e in sites)


@pytest.mark.parametrize("site", LISTED)
def test_every_site_lies_in_the_head_on_both_sides_alike(anatomy: Anatomy, site: str) -> None:
    ellipsoids = region(site)
    assert ellipsoids
    assert {e._replace(x=-e.x) for e in ellipsoids} == set(ellipsoids)
    for e in ELLIPSOIDS.get(site, ()):
        z, y, x = np.meshgrid(
            *(np.arange(c - r, c + r + 1, dtype=np.float32) for c, r in ((e.z, e.rz), (e.y, e.ry), (e.x, e.rx))),
            indexing="ij",
        )
        ball = ((x - e.x) / e.rx) ** 2 + ((y - e.y) / e.ry) ** 2 + ((z - e.z) / e.rz) ** 2 <= 1
        bits = anatomy.landmarks[anatomy.index(z, y, x)][ball]
        assert ((bits & BIT[e.within]) > 0).sum() >= 8, e
        assert ((bits & BIT["head"]) > 0).sum() >= 8, e


def test_paired_sites_have_a_left_which_is_where_x_is_negative() -> None:
    for name in LISTED:
        if SITES[name].laterality == "paired":
            assert any(e.x < 0 for e in region(name)), name
            assert any(e.x > 0 for e in region(name)), name


def test_a_site_without_ellipsoids_lies_in_the_nearest_site_that_has_some() -> None:
    without = [site for site in LISTED if site not in ELLIPSOIDS and not any(p in ELLIPSOIDS for p in parts(site))]
    assert len(without) > 100
    for site in without:
        nearest = next(name for name in ancestors(site) if name in ELLIPSOIDS or parts(name))
        assert region(site) == region(nearest), site


@pytest.mark.parametrize("site", [UNLISTED, unlisted("翼髓窝")])
def test_a_place_that_the_vocabulary_lacks_is_refused_by_name(site: str) -> None:
    with pytest.raises(SelipError, match=f"{site} has no region in the phantom's head"):
        region(site)


@pytest.mark.parametrize("parent", [site for site in SITES if parts(site)])
def test_a_parent_holds_the_centres_of_its_parts(parent: str) -> None:
    for part in parts(parent):
        for e in region(part):
            assert inside(region(parent), e.x, e.y, e.z), (parent, part)


@pytest.mark.parametrize(
    ("site", "point"),
    [("壳核", (-26, 6, 2)), ("丘脑", (12, -18, 8)), ("脑桥", (0, -28, -34)), ("海马", (26, -22, -14)),
     ("基底节区", (-26, 6, 2)), ("胼胝体压部", (0, -38, 15)), ("枕叶", (-14, -92, 4)), ("小脑半球", (30, -66, -40))],
)  # fmt: skip
def test_known_coordinates_lie_in_their_site_and_in_brain(
    anatomy: Anatomy, site: str, point: tuple[float, float, float]
) -> None:
    assert inside(region(site), *point)
    x, y, z = (np.array([value], np.float32) for value in point)
    assert anatomy.landmarks[anatomy.index(z, y, x)] & BIT["brain"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"site": "额页"}, "额页 is not a site of the vocabulary"),
        ({"within": "skin"}, "skin is not one of brain, "),
        ({"rx": "0"}, "a radius is not positive"),
        ({"x": "left"}, "could not convert"),
    ],
)
def test_a_row_that_is_not_valid_is_refused(changes: dict[str, str], message: str) -> None:
    row = {"site": "额叶", "x": "-28", "y": "36", "z": "22", "rx": "24", "ry": "32", "rz": "32", "within": "brain"}
    assert _ellipsoid(row) == Ellipsoid(-28, 36, 22, 24, 32, 32, "brain")
    with pytest.raises(ValueError, match=message):
        _ellipsoid(row | changes)

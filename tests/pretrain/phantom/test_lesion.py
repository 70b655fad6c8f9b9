import numpy as np
import pytest
from scipy import ndimage

from selip_contracts.vocabulary import SITES, UNLISTED, Side
from selip_pretrain.phantom.head_model.anatomy import Anatomy
from selip_pretrain.phantom.head_model.head import draw_head
from selip_pretrain.phantom.render import PhantomRecipe, generator, render
from tests.pretrain.phantom.annotated_studies import CLEAR, a_report, lesion, world_x

LISTED = [site for site in SITES if site != UNLISTED]


@pytest.mark.parametrize(("side", "sign"), [("左侧", -1), ("右侧", 1)])
@pytest.mark.parametrize("site", ["额叶", "小脑半球", "侧脑室", "硬膜下", "上颌窦", "内听道", "颅骨", "小脑蚓部"])
def test_a_lesion_lies_on_its_side_of_the_template(anatomy: Anatomy, site: str, side: Side, sign: int) -> None:
    for number in range(3):
        report = a_report(lesion(site, side, {"T2": "高"}), name=f"R{number}")
        rendered = render(report, anatomy, CLEAR)
        rng = generator(CLEAR.seed, report.report_id)
        rng.random(len(rendered.volumes))
        head = draw_head((), anatomy, rendered.grid, rng)
        there = head.template[2][rendered.labels == 1]
        assert (there * sign > 0).all()
        assert (world_x(rendered) * sign).mean() > -6


def test_both_sides_are_rendered_where_the_report_says_both(anatomy: Anatomy) -> None:
    x = world_x(render(a_report(lesion("放射冠", "双侧", {"T2": "高"})), anatomy, CLEAR))
    assert (x < -10).any()
    assert (x > 10).any()


@pytest.mark.parametrize("size", [12.0, 24.0, 36.0])
def test_a_lesion_is_as_large_as_the_report_says(anatomy: Anatomy, size: float) -> None:
    fine = PhantomRecipe(shape=(48, 128, 128), noise=0.0)
    report = a_report(lesion("额叶", "左侧", {"T2": "高"}, "结节状", size_mm=(size,), count="单发"))
    rendered = render(report, anatomy, fine)
    extents = np.ptp(np.argwhere(rendered.labels == 1), axis=0) + 1
    z, y, x = extents * rendered.grid.spacing_mm
    assert max(y, x) == pytest.approx(size, abs=max(4.0, 0.2 * size))
    assert z <= size + 7


def test_many_are_several_and_one_is_one(anatomy: Anatomy) -> None:
    def components(count: str) -> int:
        report = a_report(lesion("脑白质", "左侧", {"T2": "高"}, "点状", count=count))
        _, found = ndimage.label(render(report, anatomy, CLEAR).labels == 1, np.ones((3, 3, 3)))
        return int(found)

    assert components("单发") == 1
    assert components("多发") >= 2
    assert components("散在") >= 3


def test_morphology_sets_the_extent(anatomy: Anatomy) -> None:
    def voxels(morphology: str) -> int:
        report = a_report(lesion("额叶", "右侧", {"T2": "高"}, morphology, count="单发"))
        return int((render(report, anatomy, CLEAR).labels == 1).sum())

    assert voxels("点状") < voxels("结节状") < voxels("大片状")


def test_every_site_has_voxels_however_many_overlap(anatomy: Anatomy) -> None:
    names = ("脑实质", "额叶", "脑白质", "基底节区", "壳核", "豆状核", "苍白球", "内囊", "内囊膝部", "大脑半球")
    findings = [f for name in names for f in lesion(name, "左侧", {"T2": "高"}, "弥漫性")]
    rendered = render(a_report(findings), anatomy, CLEAR)
    for site in rendered.sites:
        assert (rendered.labels == site.label).any(), site.site


def test_a_normal_study_has_no_label(anatomy: Anatomy) -> None:
    assert not render(a_report(), anatomy, CLEAR).labels.any()


@pytest.mark.parametrize("start", range(0, len(LISTED), 40))
def test_every_site_of_the_vocabulary_is_rendered_on_its_side(anatomy: Anatomy, start: int) -> None:
    sites = LISTED[start : start + 40]
    findings = [f for site in sites for f in lesion(site, _side(site), {"T2": "高"}, "点状", count="单发")]
    rendered = render(a_report(findings), anatomy, CLEAR)
    x = rendered.grid.axes[2].reshape(-1)
    assert [site.site for site in rendered.sites] == sites
    for site in rendered.sites:
        columns = np.nonzero(rendered.labels == site.label)[2]
        assert columns.size, site.site
        assert site.side is None or x[columns].mean() < 8, site.site


def _side(site: str) -> Side | None:
    return "左侧" if SITES[site].laterality == "paired" else None

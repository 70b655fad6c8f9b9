"""What a rendered study shows: sequences, sides, signals, sizes; without noise where it matters."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding, Study
from selip_contracts.vocabulary import (
    ENHANCEMENTS,
    MODALITIES,
    SIGNALS,
    SITES,
    Change,
    Enhancement,
    Modality,
    Side,
    Signal,
    parts,
)
from selip_pretrain.phantom.head_model.anatomy import BIT, Anatomy, load_anatomy
from selip_pretrain.phantom.head_model.grid import PhantomGrid
from selip_pretrain.phantom.head_model.head import draw_head
from selip_pretrain.phantom.head_model.intensities import TISSUES
from selip_pretrain.phantom.head_model.site_regions import ELLIPSOIDS, Ellipsoid, region
from selip_pretrain.phantom.render import ALWAYS, PhantomRecipe, RenderedStudy, generator, render
from selip_pretrain.phantom.tumour import render_tumour

CLEAR = PhantomRecipe(noise=0.0)
BARE = CLEAR.model_copy(update={"lesion_contrast": 0.0})


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return load_anatomy(PhantomGrid(CLEAR.shape).slice_mm)


def lesion(
    site: str,
    side: Side | None,
    signals: dict[Modality, Signal | Enhancement],
    morphology: str = "团块状",
    **more: object,
) -> list[Finding]:
    return [
        Finding.model_validate(
            {"modality": m, "side": side, "site": site, "signal": s, "morphology": morphology, **more}
        )
        for m, s in signals.items()
    ]


def a_report(
    findings: Sequence[Finding] = (), general: Sequence[GeneralFinding] = (), name: str = "R1"
) -> AnnotatedReport:
    return AnnotatedReport(
        report_id=name, findings_text="", study=Study(findings=tuple(findings), general=tuple(general))
    )


def world_x(rendered: RenderedStudy, label: int = 1) -> npt.NDArray[np.float32]:
    x = np.broadcast_to(rendered.grid.axes[2], rendered.labels.shape)
    return np.asarray(x[rendered.labels == label])


def inside(sites: Sequence[Ellipsoid], x: float, y: float, z: float) -> bool:
    return any(((x - e.x) / e.rx) ** 2 + ((y - e.y) / e.ry) ** 2 + ((z - e.z) / e.rz) ** 2 <= 1 for e in sites)


# ---- The sites


@pytest.mark.parametrize("site", SITES)
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
    for name, site in SITES.items():
        if site.laterality == "paired":
            assert any(e.x < 0 for e in region(name)), name
            assert any(e.x > 0 for e in region(name)), name


@pytest.mark.parametrize("parent", [site for site in SITES if parts(site)])
def test_a_parent_holds_the_centres_of_its_parts(parent: str) -> None:
    for part in parts(parent):
        for e in region(part):
            assert inside(region(parent), e.x, e.y, e.z), (parent, part)


@pytest.mark.parametrize(
    ("site", "place"),
    [("壳核", (-26, 6, 2)), ("丘脑", (12, -18, 8)), ("脑桥", (0, -28, -34)), ("海马", (26, -22, -14)),
     ("基底节区", (-26, 6, 2)), ("胼胝体压部", (0, -38, 15)), ("枕叶", (-14, -92, 4)), ("小脑半球", (30, -66, -40))],
)  # fmt: skip
def test_known_coordinates_lie_in_their_site_and_in_brain(
    anatomy: Anatomy, site: str, place: tuple[float, float, float]
) -> None:
    assert inside(region(site), *place)
    x, y, z = (np.array([value], np.float32) for value in place)
    assert anatomy.landmarks[anatomy.index(z, y, x)] & BIT["brain"]


def test_the_ventricle_is_fluid_and_the_face_holds_air(anatomy: Anatomy) -> None:
    def shares(x: float, y: float, z: float) -> dict[str, float]:
        at = anatomy.index(*(np.array([value], np.float32) for value in (z, y, x)))
        return dict(zip(TISSUES, anatomy.tissues[at[0]] / 255, strict=True))

    ventricle = anatomy.tissues[(anatomy.landmarks & BIT["ventricle"]) > 0] / 255
    assert np.median(ventricle[:, TISSUES.index("csf")]) > 0.6
    assert shares(27, 48, -54)["soft"] + shares(27, 48, -54)["fat"] < 0.2
    assert shares(-30, -20, 36)["white"] > 0.8


# ---- The sequences


def test_the_sequences_have_the_contrast_that_tells_them_apart(anatomy: Anatomy) -> None:
    study = lesion("额叶", "左侧", {"T1CE": "强化", "SWI": "低"})
    rendered = render(a_report(study), anatomy, BARE)
    head = draw_head((), anatomy, PhantomGrid(CLEAR.shape), np.random.default_rng(0))
    levels = {}
    for modality in MODALITIES:
        of = {t: float(head.level(modality).reshape(-1)[head.shares[TISSUES.index(t)] > 0.95].mean()) for t in
              ("csf", "grey", "white", "fat")}  # fmt: skip
        levels[modality] = of
    assert levels["T1"]["white"] > levels["T1"]["grey"] > levels["T1"]["csf"]
    assert levels["T2"]["csf"] > levels["T2"]["grey"] > levels["T2"]["white"]
    assert levels["FLAIR"]["grey"] > levels["FLAIR"]["white"] > levels["FLAIR"]["csf"]
    assert levels["DWI"]["fat"] < levels["DWI"]["white"]
    assert levels["ADC"]["csf"] > 2 * levels["ADC"]["grey"]
    assert tuple(rendered.volumes) == MODALITIES


def test_enhanced_and_susceptibility_sequences_are_there_only_where_the_report_speaks_of_them(anatomy: Anatomy) -> None:
    assert tuple(render(a_report(), anatomy, CLEAR).volumes) == ALWAYS
    with_swi = render(a_report(lesion("额叶", "左侧", {"SWI": "低"})), anatomy, CLEAR)
    assert set(with_swi.volumes) == {*ALWAYS, "SWI"}


def test_a_share_of_the_sequences_is_missing_and_one_always_stays(anatomy: Anatomy) -> None:
    small = PhantomRecipe(shape=(8, 16, 16))
    half = small.model_copy(update={"missing": 0.5})
    none = small.model_copy(update={"missing": 0.98})
    counts = [len(render(a_report(name=f"R{n}"), anatomy, half).volumes) for n in range(60)]
    assert 2.0 < np.mean(counts) < 3.0
    assert {len(render(a_report(name=f"R{n}"), anatomy, none).volumes) for n in range(20)} <= {1, 2}


# ---- The lesions


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


CASES: list[tuple[Modality, Signal | Enhancement]] = [
    *((m, s) for m in MODALITIES if m != "T1CE" for s in SIGNALS),
    *(("T1CE", s) for s in ENHANCEMENTS),
]


@pytest.mark.parametrize(("modality", "signal"), CASES)
def test_a_lesion_has_its_signal_on_its_sequence(
    anatomy: Anatomy, modality: Modality, signal: Signal | Enhancement
) -> None:
    report = a_report(lesion("半卵圆中心", "左侧", {modality: signal}))
    rendered, without = render(report, anatomy, CLEAR), render(report, anatomy, BARE)
    where = ndimage.binary_erosion(rendered.labels == 1, np.ones((1, 3, 3)))
    shown = rendered.volumes[modality][where].astype(float)
    base = without.volumes[modality][where].astype(float)
    change = (shown - base) / base.mean()
    match signal:
        case "等":
            assert np.abs(change).max() == 0
        case "高" | "稍高":
            assert change.mean() > 0.15
        case "低" | "稍低":
            assert change.mean() < -0.15
        case "混杂":
            assert change.std() > 0.2
        case "环形强化":
            rim = (rendered.labels == 1) & ~ndimage.binary_erosion(where, np.ones((1, 3, 3)))
            ratio = rendered.volumes[modality].astype(float) / np.maximum(without.volumes[modality], 1)
            assert ratio[rim].max() > 1.2
            assert change.min() < -0.2
        case _:
            assert change.mean() > 0.1


@pytest.mark.parametrize("modality", ["T2", "FLAIR", "DWI", "T1"])
def test_slightly_is_between_equal_and_fully(anatomy: Anatomy, modality: Modality) -> None:
    means = []
    for signal in ("低", "稍低", "等", "稍高", "高"):
        rendered = render(a_report(lesion("半卵圆中心", "右侧", {modality: signal})), anatomy, CLEAR)
        means.append(rendered.volumes[modality][rendered.labels == 1].mean())
    assert means == sorted(means)
    assert len(set(means)) == 5


def test_where_the_report_is_silent_the_lesion_is_faint_or_not_there(anatomy: Anatomy) -> None:
    report = a_report(lesion("半卵圆中心", "左侧", {"T2": "高"}))
    rendered, without = render(report, anatomy, CLEAR), render(report, anatomy, BARE)
    where = rendered.labels == 1
    gained = {m: (rendered.volumes[m][where].astype(float) - without.volumes[m][where]).mean() for m in ALWAYS}
    assert gained["T1"] == gained["DWI"] == gained["ADC"] == 0
    assert 0 < gained["FLAIR"] < 0.7 * gained["T2"]


def test_without_lesion_contrast_nothing_is_to_be_seen_and_with_it_only_near_the_mask(anatomy: Anatomy) -> None:
    report = a_report(lesion("额叶", "左侧", dict.fromkeys(ALWAYS, "高")))
    empty = a_report(lesion("额叶", "左侧", dict.fromkeys(ALWAYS, "等")))
    rendered, without, none = (
        render(report, anatomy, CLEAR), render(report, anatomy, BARE), render(empty, anatomy, CLEAR)
    )  # fmt: skip
    near = ndimage.binary_dilation(rendered.labels == 1, iterations=3)
    for modality in ALWAYS:
        assert np.array_equal(without.volumes[modality][~near], rendered.volumes[modality][~near])
        assert not np.array_equal(without.volumes[modality][near], rendered.volumes[modality][near])
        brain_only = np.abs(none.volumes[modality].astype(int) - without.volumes[modality])
        assert np.median(brain_only[rendered.labels == 1]) == 0


def test_a_second_value_on_a_sequence_is_the_rim(anatomy: Anatomy) -> None:
    findings = [*lesion("半卵圆中心", "左侧", {"T1": "低"}), *lesion("半卵圆中心", "左侧", {"T1": "高"})]
    rendered = render(a_report(findings), anatomy, CLEAR)
    mask = rendered.labels == 1
    flat = np.ones((1, 3, 3))
    core = ndimage.binary_erosion(mask, flat, iterations=3)
    rim = mask & ~ndimage.binary_erosion(mask, flat)
    t1 = rendered.volumes["T1"]
    assert t1[core].mean() < 0.6 * t1[rim].mean()


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


def test_every_place_has_voxels_however_many_lie_on_each_other(anatomy: Anatomy) -> None:
    sites = ("脑实质", "额叶", "脑白质", "基底节区", "壳核", "豆状核", "苍白球", "内囊", "内囊膝部", "大脑半球")
    findings = [f for site in sites for f in lesion(site, "左侧", {"T2": "高"}, "弥漫性")]
    rendered = render(a_report(findings), anatomy, CLEAR)
    for place in rendered.sites:
        assert (rendered.labels == place.label).any(), place.site


def test_a_normal_study_has_no_label(anatomy: Anatomy) -> None:
    assert not render(a_report(), anatomy, CLEAR).labels.any()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(study=st.from_type(Study))
def test_whatever_the_report_says_it_is_rendered(anatomy: Anatomy, study: Study) -> None:
    report = AnnotatedReport(report_id="any", findings_text="", study=study)
    rendered = render(report, anatomy, PhantomRecipe(shape=(12, 40, 40)))
    assert {place.label for place in rendered.sites} >= set(np.unique(rendered.labels)) - {0}
    for volume in rendered.volumes.values():
        assert volume.dtype == np.int16
        assert volume.min() >= 0
        assert volume.std() > 0


# ---- General changes


def changed(site: str, change: Change, side: Side | None = None) -> list[GeneralFinding]:
    return [GeneralFinding(side=side, site=site, change=change)]


def test_ventricles_sulci_and_midline_follow_the_general_changes(anatomy: Anatomy) -> None:
    def head(general: list[GeneralFinding]) -> tuple[int, int, float, float]:
        drawn = draw_head(general, anatomy, PhantomGrid(CLEAR.shape), np.random.default_rng(5))
        x = drawn.grid.axes[2] + np.zeros(drawn.grid.shape)
        ventricle = drawn.at("ventricle")
        fluid = drawn.shares[TISSUES.index("csf")].reshape(drawn.grid.shape)
        middle = np.median(x[ventricle])
        return int(ventricle[x < 0].sum()), int(ventricle[x > 0].sum()), float(fluid.sum()), float(middle)

    left, right, fluid, middle = head([])
    wide_left, same_right, _, _ = head(changed("侧脑室", "扩大", "左侧"))
    assert wide_left > 1.35 * left
    assert same_right < 1.2 * right
    assert head(changed("脑室系统", "变窄"))[0] < 0.8 * left
    assert head(changed("脑沟", "增宽"))[2] > 1.1 * fluid
    assert head(changed("中线结构", "移位", "右侧"))[3] > middle + 3
    assert head(changed("中线结构", "移位", "左侧"))[3] < middle - 3


def test_fluid_in_a_sinus_is_seen_but_no_finding(anatomy: Anatomy) -> None:
    rendered = render(a_report(general=changed("上颌窦", "积液", "左侧")), anatomy, CLEAR)
    without = render(a_report(), anatomy, CLEAR)
    assert not rendered.labels.any()
    assert (rendered.volumes["T2"] > without.volumes["T2"] + 100).sum() > 30


# ---- Chance


def test_reports_differ_and_seeds_differ_and_the_same_is_the_same(anatomy: Anatomy) -> None:
    study = lesion("额叶", "左侧", {"T2": "高"})
    small = partial(PhantomRecipe, shape=(8, 32, 32))
    once, again = (render(a_report(study), anatomy, small(seed=1)) for _ in range(2))
    for modality in ALWAYS:
        assert np.array_equal(once.volumes[modality], again.volumes[modality])
    other_seed = render(a_report(study), anatomy, small(seed=2))
    other_name = render(a_report(study, name="R2"), anatomy, small(seed=1))
    assert not np.array_equal(once.volumes["T1"], other_seed.volumes["T1"])
    assert not np.array_equal(once.volumes["T1"], other_name.volumes["T1"])


def test_noise_is_rician_of_the_asked_strength(anatomy: Anatomy) -> None:
    air = []
    for noise in (0.02, 0.04):
        recipe = PhantomRecipe(noise=noise, shape=(8, 64, 64))
        corner = render(a_report(), anatomy, recipe).volumes["T1"][:, :4, :4].astype(float)
        air.append(corner.mean())
        # Rayleigh, as magnitude noise is where there is no signal: mean over spread is sqrt(pi / (4 - pi))
        assert corner.mean() / corner.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.3)
    assert air[1] == pytest.approx(2 * air[0], rel=0.05)


# ---- Gliomas


def test_gliomas_of_high_grade_enhance_and_swell_more_than_those_of_low_grade(anatomy: Anatomy) -> None:
    share: dict[str, list[float]] = {"HGG": [], "LGG": []}
    oedema: dict[str, list[float]] = {"HGG": [], "LGG": []}
    for number in range(12):
        for grade in ("HGG", "LGG"):
            labels = render_tumour(f"T{number}", grade, anatomy, PhantomRecipe(shape=(24, 64, 64))).labels
            assert set(np.unique(labels)) <= {0, 1, 2, 4}
            core = np.isin(labels, (1, 4)).sum()
            share[grade].append((labels == 4).sum() / core)
            oedema[grade].append((labels == 2).sum() / core)
    assert np.median(share["HGG"]) > 0.3
    assert np.median(share["LGG"]) < 0.1
    assert min(share["HGG"]) < max(share["LGG"]) or max(oedema["LGG"]) > min(oedema["HGG"])
    assert np.median(oedema["HGG"]) > 2 * np.median(oedema["LGG"])


def test_a_glioma_is_without_skull_and_enhances_on_t1ce_alone(anatomy: Anatomy) -> None:
    rendered = render_tumour("T1", "HGG", anatomy, CLEAR)
    enhancing = rendered.labels == 4
    healthy = (rendered.labels == 0) & (rendered.volumes["t1"] > 0)
    t1, t1ce = (v[enhancing].mean() / np.median(v[healthy]) for v in (rendered.volumes["t1"], rendered.volumes["t1ce"]))
    assert t1ce > 1.3 > 1.1 > t1
    for volume in rendered.volumes.values():
        assert (volume[:, :6] == 0).all()
        assert (volume[rendered.labels > 0] > 0).mean() > 0.99

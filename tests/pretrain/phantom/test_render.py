from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from selip_contracts.findings import AnnotatedReport, Study
from selip_contracts.vocabulary import (
    ENHANCEMENTS,
    MODALITIES,
    SIGNALS,
    Enhancement,
    Modality,
    Signal,
)
from selip_pretrain.phantom.head_model.anatomy import Anatomy
from selip_pretrain.phantom.lesion import has_region
from selip_pretrain.phantom.render import ALWAYS, PhantomRecipe, render
from selip_shared.errors import SelipError
from tests.pretrain.phantom.annotated_studies import BARE, CLEAR, a_report, changed, lesion


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


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(study=st.from_type(Study))
def test_whatever_the_report_says_it_is_rendered(anatomy: Anatomy, study: Study) -> None:
    report = AnnotatedReport(report_id="any", findings_text="", study=study)
    if not has_region(study):
        with pytest.raises(SelipError, match="未列部位 has no region"):
            render(report, anatomy, PhantomRecipe(shape=(12, 40, 40)))
        return
    rendered = render(report, anatomy, PhantomRecipe(shape=(12, 40, 40)))
    assert {site.label for site in rendered.sites} >= set(np.unique(rendered.labels)) - {0}
    for volume in rendered.volumes.values():
        assert volume.dtype == np.int16
        assert volume.min() >= 0
        assert volume.std() > 0


def test_fluid_in_a_sinus_is_seen_but_no_finding(anatomy: Anatomy) -> None:
    rendered = render(a_report(general=changed("上颌窦", "积液", "左侧")), anatomy, CLEAR)
    without = render(a_report(), anatomy, CLEAR)
    assert not rendered.labels.any()
    assert (rendered.volumes["T2"] > without.volumes["T2"] + 100).sum() > 30


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

import random
from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selip_contracts.findings import Finding, GeneralFinding, Study
from selip_contracts.vocabulary import CHANGES, MODALITIES, SITES, site_and_words
from selip_extract.pseudo_reports.lesion_archetypes import ARCHETYPES
from selip_extract.pseudo_reports.sample_study import SampledStudy, sample_changes, sample_lesion, sample_study
from selip_extract.pseudo_reports.weighted_choice import known, weighted, words
from selip_shared.errors import SelipError


def _as_study(sampled: SampledStudy) -> Study:
    """What the contract makes of a sample; pydantic refuses what does not fit."""
    return Study(
        findings=tuple(
            Finding(
                modality=modality,
                side=site.side,
                site=site_and_words(site.site)[0],
                site_text=site_and_words(site.site)[1],
                signal=value,
                morphology=lesion.morphology,
                count=lesion.count,
                size_mm=lesion.size_mm,
                margin=lesion.margin,
                lesion=lesion.noun,
            )
            for lesion in sampled.lesions
            for site in lesion.sites
            for modality, values in lesion.signals.items()
            for value in values
        ),
        negatives=tuple(
            Finding(
                modality=modality,
                side=site.side,
                site=site_and_words(site.site)[0],
                site_text=site_and_words(site.site)[1],
                present=False,
            )
            for lesion in sampled.lesions
            for site in lesion.sites
            for modality in lesion.absent
        ),
        general=tuple(GeneralFinding(side=c.side, site=c.site, change=c.change) for c in sampled.changes),
    )


@pytest.fixture(scope="module")
def studies() -> list[SampledStudy]:
    rng = random.Random(20)
    return [sample_study(rng) for _ in range(5000)]


@given(st.integers())
def test_every_study_fits_the_contract(seed: int) -> None:
    sampled = sample_study(random.Random(seed))
    study = _as_study(sampled)
    acquired = set(sampled.modalities)
    assert list(sampled.modalities) == [modality for modality in MODALITIES if modality in acquired]
    assert {f.modality for f in chain(study.findings, study.negatives)} <= acquired
    assert len({g.key for g in study.general}) == len(study.general)
    denied = {(f.modality, f.side, f.site) for f in study.negatives}
    assert denied.isdisjoint((f.modality, f.side, f.site) for f in study.findings)


@given(st.integers(), st.sets(st.sampled_from(MODALITIES), min_size=1))
def test_a_lesion_shows_on_the_acquired_sequences_only(seed: int, acquired: set[str]) -> None:
    modalities = tuple(modality for modality in MODALITIES if modality in acquired)
    lesion = sample_lesion(random.Random(seed), modalities)
    assert lesion.signals
    assert all(lesion.signals.values())
    assert set(lesion.signals).isdisjoint(lesion.absent)
    assert set(lesion.signals) | set(lesion.absent) <= set(modalities)
    assert all(len(set(values)) == len(values) <= 2 for values in lesion.signals.values())
    assert list(lesion.size_mm) == sorted(lesion.size_mm, reverse=True)
    assert 0 not in lesion.size_mm


@given(st.integers())
def test_sides_fit_the_anatomy(seed: int) -> None:
    sampled = sample_study(random.Random(seed))
    for lesion in sampled.lesions:
        assert 1 <= len(lesion.sites) <= 6
        for site in lesion.sites:
            laterality = SITES[site.site].laterality
            assert site.side is None or laterality == "paired" or (laterality == "midline" and site.side != "双侧")
        bilateral = {site.site for site in lesion.sites if site.side == "双侧"}
        assert len(set(lesion.sites)) == len(lesion.sites)
        assert all(site.side == "双侧" for site in lesion.sites if site.site in bilateral)
    assert all(c.side is None for c in sampled.changes if SITES[c.site].laterality == "none")


def test_the_same_seed_gives_the_same_studies() -> None:
    first, again, other = random.Random(7), random.Random(7), random.Random(8)
    drawn = [sample_study(first) for _ in range(200)]
    assert drawn == [sample_study(again) for _ in range(200)]
    assert drawn != [sample_study(other) for _ in range(200)]


def test_every_site_change_and_kind_is_reached(studies: list[SampledStudy]) -> None:
    lesions = [lesion for study in studies for lesion in study.lesions]
    changes = [change for study in studies for change in study.changes]
    sites = {site.site for lesion in lesions for site in lesion.sites} | {change.site for change in changes}
    assert {site_and_words(site)[0] for site in sites} == set(SITES)
    assert {change.change for change in changes} == set(CHANGES)
    assert {lesion.archetype for lesion in lesions} == {kind.name for kind in ARCHETYPES} | {"free"}


def test_frequent_sites_are_frequent_and_rare_ones_rare(studies: list[SampledStudy]) -> None:
    counts = Counter(site.site for study in studies for lesion in study.lesions for site in lesion.sites)
    frequent = {site for site, _ in counts.most_common(15)}
    assert {"额叶", "顶叶", "半卵圆中心", "侧脑室旁", "基底节区", "放射冠", "丘脑", "脑桥", "皮层下"} <= frequent
    assert counts["额叶"] > 10 * counts["红核"]


def test_shares_of_normal_studies_and_free_lesions(studies: list[SampledStudy]) -> None:
    lesions = [lesion for study in studies for lesion in study.lesions]
    assert 0.13 < sum(_as_study(study).normal for study in studies) / len(studies) < 0.18
    assert 0.2 < sum(lesion.archetype == "free" for lesion in lesions) / len(lesions) < 0.3
    assert max(len(study.lesions) for study in studies) == 5
    assert {len(lesion.signals) for lesion in lesions if lesion.archetype == "free"} >= {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize(
    ("kind", "modality", "allowed"),
    [
        ("acute infarct", "DWI", {"高", "稍高"}),
        ("acute infarct", "ADC", {"低", "稍低"}),
        ("chronic infarct", "T1", {"低", "稍低"}),
        ("lacune", "T2", {"高", "稍高"}),
        ("microbleeds", "SWI", {"低"}),
        ("acute haemorrhage", "T2", {"低", "稍低"}),
        ("late subacute haemorrhage", "T1", {"高"}),
        ("chronic haemorrhage", "SWI", {"低"}),
        ("abscess", "T1CE", {"环形强化"}),
        ("abscess", "DWI", {"高"}),
        ("arachnoid cyst", "FLAIR", {"低"}),
        ("epidermoid", "DWI", {"高"}),
        ("hepatic or manganese deposition", "T1", {"高", "稍高"}),
        ("subarachnoid blood", "FLAIR", {"高", "稍高"}),
    ],
)  # fmt: skip
def test_signals_belong_to_the_disease(
    studies: list[SampledStudy], kind: str, modality: str, allowed: set[str]
) -> None:
    seen = {
        value
        for study in studies
        for lesion in study.lesions
        if lesion.archetype == kind
        for shown, values in lesion.signals.items()
        if shown == modality
        for value in values
    }
    assert seen
    assert seen <= allowed


def test_free_lesions_have_every_signal_on_every_sequence(studies: list[SampledStudy]) -> None:
    free = [lesion for study in studies for lesion in study.lesions if lesion.archetype == "free"]
    for modality in MODALITIES:
        values = {value for lesion in free for value in lesion.signals.get(modality, ())}
        assert len(values) == 6


def test_no_study_contradicts_itself_about_a_structure() -> None:
    rng = random.Random(3)
    for _ in range(2000):
        changes: dict[tuple[str, str | None], set[str]] = {}
        for change in sample_changes(rng):
            changes.setdefault((change.site, change.side), set()).add(change.change)
        assert not any({"扩大", "变窄"} <= said or {"增宽", "变浅"} <= said for said in changes.values())


def test_weights_stand_behind_the_words() -> None:
    assert words("额叶9 -3 低/高12 岛叶") == [("额叶", 9), ("-", 3), ("低/高", 12), ("岛叶", 1)]
    choice = weighted(words("额叶9 岛叶"))
    drawn = Counter(choice.draw(random.Random(seed)) for seed in range(1000))
    assert 850 < drawn["额叶"] < 950
    assert drawn["岛叶"] == 1000 - drawn["额叶"]


def test_an_unknown_word_of_a_table_is_named_with_its_cell() -> None:
    assert known("扩大", CHANGES, "general_changes.csv, 侧脑室, changes") == "扩大"
    with pytest.raises(SelipError, match=r"general_changes.csv, 侧脑室, changes: 扩太 is unknown; use one of 扩大, "):
        known("扩太", CHANGES, "general_changes.csv, 侧脑室, changes")

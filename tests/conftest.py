"""Random findings and studies over the whole vocabulary, `st.from_type(Study)` in a property test; a browser."""

from collections.abc import Iterator
from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from selip_contracts.added_sites import AddedSites
from selip_contracts.findings import (
    Certainty,
    Count,
    Evidence,
    Finding,
    GeneralFinding,
    Span,
    SpanRole,
    Study,
)
from selip_contracts.vocabulary import (
    CHANGES,
    ENHANCEMENTS,
    LISTED_SITES,
    MODALITIES,
    SIDES,
    SIGNALS,
    SITES,
    UNLISTED,
    set_sites,
)
from tests.browser import BROWSER, DRIVER, Page
from tests.browser import chromium as a_chromium

# How long an example takes says how busy the machine is. `just fuzz` draws examples that no run has drawn before.
settings.register_profile("selip", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=1_000)
settings.load_profile("selip")

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
SPAN = st.builds(Span, role=st.sampled_from(get_args(SpanRole)), start=st.integers(0, 9), end=st.integers(0, 9))
EVIDENCE = st.builds(Evidence, text=TEXT, start=st.integers(0, 9), end=st.integers(0, 9), spans=st.tuples(SPAN, SPAN))
FURTHER = {
    "side": st.sampled_from([*SIDES, None]),
    "evidence": st.none() | EVIDENCE,
}
Sited = dict[str, st.SearchStrategy[str]]
LISTED: Sited = {"site": st.sampled_from([site for site in SITES if site != UNLISTED])}
NOT_LISTED: Sited = {"site": st.just(UNLISTED), "site_text": TEXT}


def findings(present: bool) -> st.SearchStrategy[Finding]:
    """A finding with every further field drawn, or an explicit negative."""
    signals = {"T1CE": ENHANCEMENTS}

    def on(modality: str, sited: Sited) -> st.SearchStrategy[Finding]:
        return st.builds(
            Finding,
            modality=st.just(modality),
            signal=st.sampled_from(signals.get(modality, SIGNALS)) if present else st.none(),
            present=st.just(present),
            morphology=st.none() | TEXT | st.sampled_from(["点状", "斑片状", "环形", "线样", "弥漫性"]),
            count=st.none() | st.sampled_from(get_args(Count)),
            number=st.none() | st.integers(1, 40),
            size_mm=st.lists(st.floats(0.1, 300), max_size=3).map(tuple),
            margin=st.none() | TEXT,
            lesion=st.none() | TEXT,
            certainty=st.sampled_from(get_args(Certainty)),
            confidence=st.none() | st.floats(0, 1),
            agreed=st.none() | st.booleans(),
            **FURTHER,
            **sited,
        )

    return st.sampled_from(MODALITIES).flatmap(lambda modality: on(modality, LISTED) | on(modality, NOT_LISTED))


st.register_type_strategy(Finding, findings(present=True))
st.register_type_strategy(
    GeneralFinding,
    st.builds(GeneralFinding, change=st.sampled_from(CHANGES), **FURTHER, **LISTED)
    | st.builds(GeneralFinding, change=st.sampled_from(CHANGES), **FURTHER, **NOT_LISTED),
)
st.register_type_strategy(
    Study,
    st.builds(
        Study,
        findings=st.lists(findings(present=True), max_size=5).map(tuple),
        negatives=st.lists(findings(present=False), max_size=3).map(tuple),
        general=st.lists(st.from_type(GeneralFinding), max_size=3).map(tuple),
        understood=st.booleans(),
    ),
)


@pytest.fixture
def own_vocabulary(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sites that the test adds are forgotten after it."""
    monkeypatch.setattr("selip_contracts.database_file._added", AddedSites())
    yield
    set_sites(LISTED_SITES)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser; the test is skipped where there is none."""
    pytest.importorskip("selenium")
    if BROWSER is None or DRIVER is None:
        pytest.skip("chromium and chromium-driver are not installed")
    with a_chromium(tmp_path_factory.mktemp("chromium")) as page:
        yield page

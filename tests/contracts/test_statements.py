import pytest
from hypothesis import given
from hypothesis import strategies as st

from selip_contracts.findings import Finding, GeneralFinding, Study
from selip_contracts.statements import (
    NORMAL_TEXT,
    english_text,
    parse_sequence_text,
    parse_statement,
    state,
    stated_morphology,
    study_text,
)
from selip_contracts.vocabulary import ENHANCEMENTS, MODALITIES, SIDES, SIGNALS, SITES, UNLISTED, Modality


@pytest.mark.parametrize(
    ("finding", "statement"),
    [
        (Finding(modality="T2", side="左侧", site="额叶", signal="高"), "在左侧额叶表现为高信号"),
        (Finding(modality="DWI", side=None, site="脑桥", signal="稍高"), "在脑桥表现为稍高信号"),
        (Finding(modality="T1CE", side="右侧", site="桥小脑角区", signal="环形强化"), "在右侧桥小脑角区表现为环形强化"),
        (
            Finding(modality="FLAIR", side="双侧", site="侧脑室旁", signal="高", morphology="斑片状"),
            "在双侧侧脑室旁表现为斑片状高信号",
        ),
    ],
)
def test_a_finding_is_stated_as_site_and_appearance(finding: Finding, statement: str) -> None:
    assert state(finding) == statement


def test_every_side_site_and_signal_reads_back() -> None:
    for modality in MODALITIES:
        for signal in ENHANCEMENTS if modality == "T1CE" else SIGNALS:
            for site in (name for name in SITES if name != UNLISTED):
                for side in (*SIDES, None):
                    finding = Finding(modality=modality, side=side, site=site, signal=signal)
                    assert parse_statement(state(finding), modality) == (side, site, signal, None)


@given(st.from_type(Finding))
def test_a_statement_reads_back_whatever_the_morphology(finding: Finding) -> None:
    assert parse_statement(state(finding), finding.modality) == (
        finding.side,
        finding.site,
        finding.signal,
        stated_morphology(finding),
    )


@pytest.mark.parametrize(
    ("signal", "morphology", "stated"),
    [("强化", "环形", None), ("明显强化", "环形", "环形"), ("强化", "结节状", "结节状"), ("强化", "明显", None)],
)
def test_a_morphology_never_turns_one_enhancement_into_another(
    signal: str, morphology: str, stated: str | None
) -> None:
    finding = Finding.model_validate(
        {"modality": "T1CE", "side": None, "site": "脑桥", "signal": signal, "morphology": morphology}
    )
    assert parse_statement(state(finding), "T1CE") == (None, "脑桥", signal, stated)


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("左侧额叶高信号", "T2"),
        ("在左侧某叶表现为高信号", "T2"),
        ("在左侧额叶表现为明显强化", "T2"),
        ("在左侧额叶表现为高信号", "T1CE"),
        ("在左侧额叶表现为极高信号", "T2"),
        (NORMAL_TEXT, "T2"),
    ],
)
def test_what_is_no_statement_is_refused(text: str, modality: Modality) -> None:
    with pytest.raises(ValueError, match="not"):
        parse_statement(text, modality)


@given(st.from_type(Study), st.sampled_from(MODALITIES))
def test_the_text_of_a_sequence_reads_back(study: Study, modality: Modality) -> None:
    text = study_text(study, modality)
    listed = [finding for finding in study.on(modality) if finding.site_text is None]
    stated = [(f.side, f.site, f.signal, stated_morphology(f)) for f in listed]
    assert (text is None) == (not stated and not study.normal)
    assert parse_sequence_text(text or NORMAL_TEXT, modality) == tuple(dict.fromkeys(stated))


def test_a_study_with_general_changes_alone_is_not_called_normal() -> None:
    wide = Study(general=(GeneralFinding(side=None, site="脑沟", change="增宽"),))
    assert study_text(wide, "T1") is None
    assert study_text(Study(), "T1") == NORMAL_TEXT


def test_no_text_is_written_for_what_was_not_understood_or_has_no_site_of_the_vocabulary() -> None:
    assert study_text(Study(understood=False), "T2") is None
    unlisted = Finding(modality="T2", side="左侧", site=UNLISTED, site_text="蝶鞍旁", signal="高")
    frontal = Finding(modality="T2", side="左侧", site="额叶", signal="高")
    assert study_text(Study(findings=(unlisted,)), "T2") is None
    assert study_text(Study(findings=(unlisted, frontal)), "T2") == "在左侧额叶表现为高信号"


def test_a_text_in_english_names_side_site_and_signal() -> None:
    assert english_text("在左侧额叶表现为高信号", "T2") == "left frontal lobe hyperintense"
    assert english_text("在脑桥表现为斑片状低信号，在双侧额叶表现为稍高信号", "T2") == (
        "pons hypointense, bilateral frontal lobe slightly hyperintense"
    )
    assert english_text("在左侧额叶表现为环形强化", "T1CE") == "left frontal lobe ring enhancement"
    assert english_text(NORMAL_TEXT, "T2") == "normal"

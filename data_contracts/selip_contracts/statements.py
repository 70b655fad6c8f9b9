"""The canonical Chinese statement of a finding, 在{side}{site}表现为{appearance}, and its exact inverse.

A sequence's text is its statements joined by ，; a normal study has one fixed text. The text of a whole study names
each sequence before its statements: T1：在左侧额叶表现为低信号；T2：在左侧额叶表现为高信号.
"""

import re
from collections.abc import Iterable, Mapping

from selip_contracts.findings import Finding, Study
from selip_contracts.vocabulary import (
    ENGLISH,
    ENHANCEMENTS,
    MODALITIES,
    SIDES,
    SIGNALS,
    SITES,
    UNLISTED,
    Enhancement,
    Modality,
    Side,
    Signal,
)

NORMAL_TEXT = (
    "头颅形态、大小未见异常。脑实质未见异常信号影，所见脑室形态及脑沟裂池未见异常扩张或变窄，中线结构未见移位。"
)
MORPHOLOGY_PATTERN = "[一-龥]+[状样形性]"
"""A statement can carry a morphology of this form; the view `statements` uses the same pattern."""

_JOIN = "，"
_JOIN_SEQUENCES = "；"
_AFTER_SEQUENCE = "："
_MORPHOLOGY = re.compile(MORPHOLOGY_PATTERN)
_STATEMENT = re.compile(r"在(?P<side>左侧|右侧|双侧)?(?P<site>.+?)表现为(?P<appearance>.+)")
_SIGNAL_WORDS: dict[str, Signal | Enhancement] = {f"{signal}信号": signal for signal in SIGNALS}
_ENHANCEMENT_WORDS: dict[str, Signal | Enhancement] = {word: word for word in ENHANCEMENTS}
ParsedStatement = tuple[Side | None, str, Signal | Enhancement, str | None]


def state(finding: Finding) -> str:
    """The statement of a present finding; a morphology that could not be read back exactly is left out."""
    assert finding.signal is not None, "only a present finding is stated"
    word = finding.signal if finding.modality == "T1CE" else f"{finding.signal}信号"
    return f"在{finding.side or ''}{finding.site}表现为{stated_morphology(finding) or ''}{word}"


def stated_morphology(finding: Finding) -> str | None:
    """The finding's morphology where a statement can carry it; 环形 before 强化 would read as 环形强化."""
    morphology = finding.morphology
    if morphology is None or not _MORPHOLOGY.fullmatch(morphology):
        return None
    return None if finding.signal == "强化" and morphology.endswith("环形") else morphology


def parse_statement(text: str, modality: Modality) -> ParsedStatement:
    """(side, site, signal, morphology) of a statement on that sequence; ValueError where it is none."""
    match = _STATEMENT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is not the statement of a finding")
    if match["site"] not in SITES:
        raise ValueError(f"{match['site']} in {text} is not a site of the vocabulary")
    words = _ENHANCEMENT_WORDS if modality == "T1CE" else _SIGNAL_WORDS
    appearance = match["appearance"]
    word = max((word for word in words if appearance.endswith(word)), key=len, default=None)
    if word is None:
        raise ValueError(f"{appearance} is not an appearance on {modality}")
    morphology = appearance.removesuffix(word) or None
    if morphology is not None and not _MORPHOLOGY.fullmatch(morphology):
        raise ValueError(f"{morphology} in {text} is not a morphology")
    side = next((side for side in SIDES if side == match["side"]), None)
    return side, match["site"], words[word], morphology


def sequence_text(findings: Iterable[Finding]) -> str:
    """The text of one sequence: each distinct statement once, in the findings' order, joined by ，.

    Findings at places that the vocabulary lacks are left out: their site says nothing to a model.
    """
    return _JOIN.join(dict.fromkeys(state(finding) for finding in findings if finding.site != UNLISTED))


def study_text(study: Study, modality: Modality) -> str | None:
    """The study's text of a sequence: its findings, or the normal text of a normal study, or None: nothing said."""
    return NORMAL_TEXT if study.normal else sequence_text(study.on(modality)) or None


def parse_sequence_text(text: str, modality: Modality) -> tuple[ParsedStatement, ...]:
    """The statements of a sequence's text, none for the normal text; ValueError where a part is no statement."""
    return tuple(parse_statement(part, modality) for part in written_statements(text))


def written_statements(text: str) -> list[str]:
    """The parts of a sequence's text as they are written, unchecked, none for the normal text."""
    return [] if text == NORMAL_TEXT else text.split(_JOIN)


def whole_study_text(texts: Mapping[Modality, str]) -> str:
    """The text of a study, of the texts of its sequences: the normal text where all are normal."""
    if set(texts.values()) == {NORMAL_TEXT}:
        return NORMAL_TEXT
    return _JOIN_SEQUENCES.join(f"{name}{_AFTER_SEQUENCE}{texts[name]}" for name in MODALITIES if name in texts)


def statements_with_sequence(text: str, modality: Modality) -> list[tuple[str, Modality]]:
    """The statements of a text as they are written, unchecked, each with its sequence; none of a normal text.

    In the text of a whole study they are of the named sequences, in any other of `modality`.
    """
    found: list[tuple[str, Modality]] = []
    for part in text.split(_JOIN_SEQUENCES):
        before, colon, own = part.partition(_AFTER_SEQUENCE)
        named = next((name for name in MODALITIES if colon and name == before), None)
        statements = written_statements(part if named is None else own)
        found += [(statement, named or modality) for statement in statements]
    return found


def english_text(text: str, modality: Modality) -> str:
    """A sequence's text in English, without morphologies. ValueError where a part is no statement."""
    if text == NORMAL_TEXT:
        return "normal"
    statements = []
    for side, site, signal, _ in parse_sequence_text(text, modality):
        words = (ENGLISH[side] if side else "", SITES[site].english, ENGLISH[signal])
        statements.append(" ".join(filter(None, words)))
    return ", ".join(statements)

"""Answers to the report task: the right one written, and any one read sentence by sentence."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, NamedTuple, cast

from annotated_types import MinLen
from pydantic import Field, TypeAdapter

from selip_contracts.findings import Strict
from selip_contracts.vocabulary import MODALITIES, Enhancement, Modality, Side, Signal, unlisted
from selip_extract.language.laterality import lateralised_sites
from selip_extract.language.question import LocatedStatement, Question, Statement
from selip_extract.language.tokens import Token
from selip_extract.llm.report_task import PLACES, place_name, places

Spans = tuple[tuple[int, int], ...]
"""Offsets [start, end) in the text of an answer."""

_LESION = re.compile(r"\{[^{}]*\}")
_SENTENCE = re.compile(r'"(\d+)"\s*:\s*\[')
_PAIR = re.compile(r'"([A-Z0-9]+)"\s*:\s*(?:"[^"]*"|null)')
_STRING = re.compile(r'"([^"]*)"')
_SIDE_BEFORE = re.compile("(双侧|左侧|右侧)?(.+)", re.DOTALL)


class SentenceAnswer(NamedTuple):
    """What an answer says of one sentence; `refused`: also of places that are not in the report.

    `spans` are the characters of the answer that decide on the sentence: what it says of it, or says next instead; None
    for all of it.
    """

    question: Question
    statements: dict[Statement, Spans]
    spans: Spans | None
    refused: bool = False


class _Lesion(Strict):
    places: Annotated[list[str], MinLen(1), Field(alias=PLACES)]
    T1: Signal | None = None
    T2: Signal | None = None
    FLAIR: Signal | None = None
    DWI: Signal | None = None
    ADC: Signal | None = None
    T1CE: Enhancement | None = None
    SWI: Signal | None = None


_ANSWER = TypeAdapter(dict[str, list[_Lesion]])


def right_report_answer(asked: Sequence[Question], statements: Sequence[Iterable[LocatedStatement]]) -> str:
    """The answer where each sentence makes these statements: lesions in the order of the text."""
    answer = {
        str(number): _lesions(list(said))
        for number, (_, said) in enumerate(zip(asked, statements, strict=True), start=1)
        if said
    }
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def _lesions(statements: list[LocatedStatement]) -> list[dict[str, object]]:
    """The statements of one sentence, those of the same places next to each other as one lesion."""
    events: dict[tuple[int, Modality, object], dict[str, int]] = {}
    for statement, site_at, signal_at in statements:
        event = events.setdefault((signal_at, statement.modality, statement.value), {})
        event.setdefault(place_name(statement.side, statement.site), site_at)
    lesions: list[tuple[tuple[str, ...], dict[Modality, object]]] = []
    for (_, modality, value), at in sorted(events.items(), key=lambda event: event[0][0]):
        named = tuple(sorted(at, key=lambda name: at[name]))
        if lesions and lesions[-1][0] == named and modality not in lesions[-1][1]:
            lesions[-1][1][modality] = value
        else:
            lesions.append((named, {modality: value}))
    return [{PLACES: list(named), **{m: values[m] for m in MODALITIES if m in values}} for named, values in lesions]


def read_report_answer(text: str, asked: Sequence[Question], reply: str) -> list[SentenceAnswer]:
    """What the reply says of each sentence of the report `text`; ValueError where it is no such JSON."""
    start, end = reply.find("{"), reply.rfind("}") + 1
    by_sentence = _ANSWER.validate_json(reply[start:end] if start >= 0 else reply)
    keys = {match[1]: match.start() for match in _SENTENCE.finditer(reply, start, end)}
    spans = [match.span() for match in _LESION.finditer(reply, start, end)] if by_sentence else []
    if keys.keys() != by_sentence.keys() or len(spans) != sum(map(len, by_sentence.values())):
        raise ValueError("the answer has a sentence twice")
    if not keys.keys() <= {str(number) for number in range(1, len(asked) + 1)}:
        raise ValueError("the answer has a sentence that the report lacks")
    written = iter(spans)
    found = {
        number: _sentence(text, asked[int(number) - 1], lesions, reply, [next(written) for _ in lesions], keys[number])
        for number, lesions in by_sentence.items()
    }
    numbers = sorted((int(number), at) for number, at in keys.items())
    return [
        found.get(str(number)) or SentenceAnswer(question, {}, (_instead(number, numbers, len(reply)),))
        for number, question in enumerate(asked, start=1)
    ]


def _instead(number: int, keys: Sequence[tuple[int, int]], length: int) -> tuple[int, int]:
    """The characters that stand where the sentence would: the number of the next one, or the end."""
    at = next((at for other, at in keys if other > number), length - 1)
    return at, min(at + 3, length)


def _sentence(
    text: str,
    question: Question,
    lesions: Sequence[_Lesion],
    reply: str,
    spans: Sequence[tuple[int, int]],
    key_at: int,
) -> SentenceAnswer:
    whole = (key_at, max((end for _, end in spans), default=key_at))
    statements: dict[Statement, Spans] = {}
    refused = False
    for lesion, (start, end) in zip(lesions, spans, strict=True):
        values = {match[1]: match.span() for match in _PAIR.finditer(reply, start, end)}
        written = {match[1]: match.span() for match in _STRING.finditer(reply, start, end)}
        for name in dict.fromkeys(lesion.places):
            question, sites = _sites(text, question, name)
            refused |= not sites
            for side, site in sites:
                for modality in MODALITIES:
                    if modality in lesion.model_fields_set:
                        statement = Statement(side, site, modality, getattr(lesion, modality))
                        statements.setdefault(statement, (written.get(name, whole), values.get(modality, whole)))
    return SentenceAnswer(question, statements, (whole,), refused)


def _sites(text: str, question: Question, name: str) -> tuple[Question, list[tuple[Side | None, str]]]:
    """The sides and sites that an answer calls so, none where it quotes no words of the report.

    Words that the lexer does not hold for a site are one: the question with them as such.
    """
    if (known := places(question).get(name)) is not None:
        return question, [known]
    said = _SIDE_BEFORE.fullmatch(name)
    start = -1 if said is None else text.find(said[2], question.sentence[0].start, question.sentence[-1].end)
    if said is None or start < 0:
        return question, []
    side, end = cast(Side | None, said[1]), start + len(said[2])
    quoted = [s for s in lateralised_sites(question.sentence) if start <= s.token.start and s.token.end <= end]
    if quoted:
        return question, [(s.side, s.site) for s in quoted if side in (None, s.side)]
    new = Token("site", unlisted(said[2]), start, end)
    kept = [token for token in question.sentence if token.end <= start or end <= token.start]
    sentence = tuple(sorted((*kept, new), key=lambda token: token.start))
    extended = replace(question, sentence=sentence, sites=(*question.sites, new.value))
    return (extended, [(side, new.value)]) if (side, new.value) in places(extended).values() else (question, [])

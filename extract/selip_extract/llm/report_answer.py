"""Answers to the report task: the right one written, and any one read sentence by sentence."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, NamedTuple, Self

from annotated_types import MinLen
from pydantic import BeforeValidator, Field, TypeAdapter, model_validator

from selip_contracts.findings import Strict
from selip_contracts.vocabulary import MODALITIES, Enhancement, Modality, Side, Signal, unlisted
from selip_extract.language.laterality import lateralised_sites
from selip_extract.language.question import LocatedStatement, Question, Statement
from selip_extract.language.tokens import Token
from selip_extract.llm.report_task import PLACE_KEYS, SEQUENCE_KEYS, place_name, places

Spans = tuple[tuple[int, int], ...]
"""Offsets [start, end) in the text of an answer."""

_LESION = re.compile(r"\{[^{}]*\}")
_SENTENCE = re.compile(r'"(\d+)"\s*:\s*[\[{]')
_NAMED = re.compile(r'"([^"]*)"\s*:\s*\[([^\]]*)\]')
_PAIR = re.compile(r'"([^"]*)"\s*:\s*(?:"[^"]*"|null)')
_STRING = re.compile(r'"([^"]*)"')
_Places = Annotated[list[str], MinLen(1)]


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
    """`named` has the places by side, `stated` the signals that the answer writes."""

    left: _Places | None = Field(None, alias="左侧")
    right: _Places | None = Field(None, alias="右侧")
    both: _Places | None = Field(None, alias="双侧")
    without_side: _Places | None = Field(None, alias="部位")
    T1: Signal | None = None
    T2: Signal | None = None
    FLAIR: Signal | None = None
    DWI: Signal | None = None
    ADC: Signal | None = None
    T1CE: Enhancement | None = Field(None, alias="增强")
    SWI: Signal | None = None

    @model_validator(mode="after")
    def _has_places(self) -> Self:
        if not self.named:
            raise ValueError("a lesion has no place")
        return self

    @property
    def named(self) -> dict[str, list[str]]:
        """The names of the places by the keys of their sides."""
        written = self.model_dump(by_alias=True)
        return {key: written[key] for key in PLACE_KEYS if written[key]}

    @property
    def stated(self) -> dict[Modality, Signal | Enhancement | None]:
        """The signals that the answer writes."""
        return {m: getattr(self, m) for m in MODALITIES if m in self.model_fields_set}


def _listed(said: object) -> object:
    return [said] if isinstance(said, dict) else said


_ANSWER = TypeAdapter(dict[str, Annotated[list[_Lesion], MinLen(1), BeforeValidator(_listed)]])


def right_report_answer(asked: Sequence[Question], statements: Sequence[Iterable[LocatedStatement]]) -> str:
    """The answer where each sentence makes these statements: lesions in the order of the text."""
    lesions = {
        str(number): _lesions(list(said))
        for number, (_, said) in enumerate(zip(asked, statements, strict=True), start=1)
        if said
    }
    answer = {number: several if len(several) > 1 else several[0] for number, several in lesions.items()}
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def _lesions(statements: list[LocatedStatement]) -> list[dict[str, object]]:
    """The statements of one sentence, those of the same places next to each other as one lesion."""
    events: dict[tuple[int, Modality, object], dict[tuple[Side | None, str], int]] = {}
    for statement, site_at, signal_at in statements:
        event = events.setdefault((signal_at, statement.modality, statement.value), {})
        event.setdefault((statement.side, place_name(statement.site)), site_at)
    lesions: list[tuple[dict[str, list[str]], dict[Modality, object]]] = []
    for (_, modality, value), at in sorted(events.items(), key=lambda event: event[0][0]):
        named = _by_key(sorted(at, key=lambda place: at[place]))
        if lesions and lesions[-1][0] == named and modality not in lesions[-1][1]:
            lesions[-1][1][modality] = value
        else:
            lesions.append((named, {modality: value}))
    return [
        {**named, **{key: values[m] for m, key in SEQUENCE_KEYS.items() if m in values}} for named, values in lesions
    ]


def _by_key(named: Sequence[tuple[Side | None, str]]) -> dict[str, list[str]]:
    """The names of places by the keys of their sides, in the order of an answer."""
    by_key = {key: [name for side, name in named if side == of] for key, of in PLACE_KEYS.items()}
    return {key: names for key, names in by_key.items() if names}


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
        written = {match[1]: _written(match) for match in _NAMED.finditer(reply, start, end)}
        for key, names in lesion.named.items():
            for name in dict.fromkeys(names):
                question, sites = _sites(text, question, PLACE_KEYS[key], name)
                refused |= not sites
                for side, site in sites:
                    for modality, value in lesion.stated.items():
                        value_at = values.get(SEQUENCE_KEYS[modality], whole)
                        place_at = written.get(key, {}).get(name, (whole,))
                        statements.setdefault(Statement(side, site, modality, value), (*place_at, value_at))
    return SentenceAnswer(question, statements, (whole,), refused)


def _written(places: re.Match[str]) -> dict[str, Spans]:
    """Where the places of one side stand in an answer: each with the key of the side."""
    key = (places.start(), places.end(1) + 1)
    return {match[1]: (key, match.span()) for match in _STRING.finditer(places.string, *places.span(2))}


def _sites(
    text: str, question: Question, side: Side | None, name: str
) -> tuple[Question, list[tuple[Side | None, str]]]:
    """The sides and sites that an answer calls so, none where it quotes no words of the report.

    Words that the lexer does not hold for a site are one: the question with them as such.
    """
    if (known := places(question).get(side, {}).get(name)) is not None:
        return question, [(side, known)]
    start = text.find(name, question.sentence[0].start, question.sentence[-1].end) if name else -1
    if start < 0:
        return question, []
    end = start + len(name)
    quoted = [s for s in lateralised_sites(question.sentence) if start <= s.token.start and s.token.end <= end]
    if quoted:
        return question, [(s.side, s.site) for s in quoted if side in (None, s.side)]
    new = Token("site", unlisted(name), start, end)
    kept = [token for token in question.sentence if token.end <= start or end <= token.start]
    sentence = tuple(sorted((*kept, new), key=lambda token: token.start))
    extended = replace(question, sentence=sentence, sites=(*question.sites, new.value))
    return (extended, [(side, new.value)]) if new.value in places(extended).get(side, {}).values() else (question, [])

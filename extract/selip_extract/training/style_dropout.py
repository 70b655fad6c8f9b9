"""Style and vocabulary dropout: tagged pseudo-reports in words that the generator does not write.

A place is told by its context when its name is none that anybody knows, and a value by its words when the verbs, marks
and sentences around it change.
"""

import random
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Annotated, cast

from pydantic import BaseModel, ConfigDict, Field

from selip_contracts.vocabulary import MODALITIES, SITES, Change, Modality
from selip_extract.language.lexicon import lexicon
from selip_extract.pseudo_reports.sample_study import Share
from selip_extract.tagger.characters import common_characters, normal_form
from selip_extract.tagger.statements import LINKS, ROLES, STATED, Stated
from selip_extract.training.tagged_report import Edit, TaggedReport, edited, free_of_spans, inside_spans
from selip_shared.toml_files import read_toml

_Phrases = Annotated[tuple[str, ...], Field(min_length=1)]
_HELD_OUT_OF_TEN = 1
_NO_SIDE = 1 + LINKS.index(None)
_TWO_CHANGES_SHARE = 0.1
_BREAK = re.compile(r"(?<=[。；\n])")
_CLAUSE_END = re.compile(r"[，。；,;]")
_HANZI = re.compile("[\u4e00-\u9fff]")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Shares(_Strict):
    sites: Share
    values: Share
    sequences: Share
    words: Share
    insertions: Share
    marks: Share
    noise: Share
    sentences: Share
    prefixes: Share
    nothing_stated: Share


class _Places(_Strict):
    endings: _Phrases
    middles: _Phrases


class _Insertions(_Strict):
    before_values: _Phrases
    after_sites: _Phrases
    clauses: _Phrases


class _Styles(_Strict):
    shares: _Shares
    places: _Places
    words: dict[str, _Phrases]
    insertions: _Insertions
    sentences: dict[str, _Phrases]
    prefixes: dict[str, _Phrases]
    sequences: dict[Modality, _Phrases]
    marks: tuple[dict[str, str], ...]


@cache
def _styles() -> _Styles:
    return read_toml(files("selip_extract.training").joinpath("style_dropout.toml"), _Styles)


def is_held_out(phrase: str) -> bool:
    """Whether the phrase is kept out of training: about one in ten, the same ones always."""
    return zlib.crc32(phrase.encode()) % 10 < _HELD_OUT_OF_TEN


def seen_phrases(phrases: Sequence[str], held_out: bool) -> tuple[str, ...]:
    """The phrases of training, or those kept out of it; all where none is kept out."""
    return tuple(p for p in phrases if is_held_out(p) == held_out) or tuple(phrases)


class StyleDropout:
    """Changes tagged reports; with `held_out` only by phrases that are kept out of training."""

    def __init__(self, held_out: bool = False) -> None:
        styles = _styles()
        self.held_out = held_out
        self.shares = styles.shares

        def seen(phrases: Sequence[str]) -> tuple[str, ...]:
            return seen_phrases(phrases, held_out)

        self.groups = {word: seen(group) for group in styles.words.values() for word in group if word}
        self.group_pattern = re.compile("|".join(sorted(map(re.escape, self.groups), key=len, reverse=True)))
        self.endings, self.middles = seen(styles.places.endings), seen(styles.places.middles)
        self.before_values = seen(styles.insertions.before_values)
        self.after_sites = seen(styles.insertions.after_sites)
        self.clauses = seen(styles.insertions.clauses)
        self.sentences = seen(styles.sentences["anywhere"])
        self.elsewhere = seen(styles.sentences["elsewhere"])
        self.prefixes = seen(styles.prefixes["any"])
        self.values = {stated: seen(forms) for stated, forms in _value_forms().items()}
        self.sequences = {m: seen(sequence_names(m)) for m in MODALITIES}
        self.negations = seen(_negations())
        self.marks = styles.marks
        self.real_sites = tuple(f for s in SITES.values() for f in s.surface_forms if len(f) > 1)
        self.hanzi = [c for c in common_characters() if _HANZI.match(c)]

    def __call__(self, rng: random.Random, report: TaggedReport) -> TaggedReport:
        """The report, changed by what `rng` draws."""
        steps: tuple[tuple[float, Callable[[random.Random, TaggedReport], Iterator[Edit]]], ...] = (
            (self.shares.values, self._other_values),
            (self.shares.sequences, self._other_sequences),
            (self.shares.sites, self._made_up_sites),
            (self.shares.words, self._other_words),
            (self.shares.insertions, self._insertions),
            (self.shares.sentences, self._sentences),
            (self.shares.prefixes, self._prefix),
            (self.shares.marks, self._other_marks),
            (self.shares.noise, self._noise),
        )
        for share, step in steps:
            if rng.random() < share:
                report = edited(report, step(rng, report))
        return report

    def nothing_stated(self, rng: random.Random) -> TaggedReport:
        """A text that states no finding: of another body part, of a clinic, or random characters."""
        pieces = []
        for _ in range(rng.randint(1, 6)):
            draw = rng.random()
            if draw < 0.5:
                pieces.append(_filled(rng, rng.choice(self.elsewhere)))
            elif draw < 0.8:
                pieces.append(self._sentence(rng))
            else:
                pieces.append("".join(rng.choices(self.hanzi, k=rng.randint(1, 25))))
        return TaggedReport(rng.choice(("。", "，", "\n", " ")).join(pieces), {role: [] for role in ROLES}, [], [], {})

    # --- words inside of spans

    def _made_up_sites(self, rng: random.Random, report: TaggedReport) -> Iterator[Edit]:
        share = rng.choice((0.3, 0.6, 1.0))
        names: dict[str, str | None] = {}
        sites = report.spans["site"]
        starts, ends = {start for start, _ in sites}, {end for _, end in sites}
        # a midline site takes no side from the sites before it; nobody can tell that of a place that he does not know
        unsided = {site for (site, _), link in report.links.items() if link == _NO_SIDE and report.spans["side"]}
        for i, (start, end) in enumerate(sites):
            word = report.text[start:end]
            if i in unsided or end - start == 1 or start in ends or end in starts or "\n" in word:
                continue
            if word not in names:
                names[word] = self.made_up_site(rng) if rng.random() < share else None
            if (name := names[word]) is not None:
                yield Edit(start, end, name)

    def made_up_site(self, rng: random.Random) -> str:
        """A place by a name of nobody's, seldom a real one."""
        draw = rng.random()
        if draw < 0.15:
            return rng.choice(self.real_sites)
        if draw < 0.55:
            first = rng.choice(self.real_sites)
            name = first[: rng.choice((1, 1, 2, 2, 3))] + (rng.choice(self.middles) if rng.random() < 0.3 else "")
        elif draw < 0.85:
            name = "".join(rng.choice(rng.choice(self.real_sites)) for _ in range(rng.choice((1, 2, 2, 3))))
        else:
            name = "".join(rng.choices(self.hanzi, k=rng.choice((1, 2, 2, 3, 4))))
            if len(name) > 1 and rng.random() < 0.4:
                return name
        return name + rng.choice(self.endings)

    def _other_values(self, rng: random.Random, report: TaggedReport) -> Iterator[Edit]:
        share = rng.choice((0.3, 0.6))
        negations = set(report.spans["negation"])
        sequences = set(report.spans["sequence"])
        for span, numbers in zip(report.spans["value"], report.stated, strict=True):
            if span in negations or span in sequences or rng.random() > share:
                continue
            values = {STATED[n].value for n in numbers}
            kinds = {STATED[n].modality is None for n in numbers}
            if len(values) == 1 and (value := values.pop()) is not None and len(kinds) == 1:
                forms = self.values.get((kinds.pop(), value))
                word = normal_form(report.text[slice(*span)])
                if forms and word in _forms_of((STATED[next(iter(numbers))].modality is None, value)):
                    yield Edit(*span, rng.choice(forms))
        for span in negations - set(report.spans["value"]):
            if rng.random() < share and normal_form(report.text[slice(*span)]) in _negations():
                yield Edit(*span, rng.choice(self.negations))

    def _other_sequences(self, rng: random.Random, report: TaggedReport) -> Iterator[Edit]:
        share = rng.choice((0.4, 0.9))
        names: dict[str, str] = {}
        values = set(report.spans["value"])
        for span in report.spans["sequence"]:
            word = normal_form(report.text[slice(*span)])
            modality = sequence_named(word)
            if modality is None or span in values or rng.random() > share:
                continue
            yield Edit(*span, names.setdefault(word, rng.choice(self.sequences[modality])))

    # --- words around spans

    def _other_words(self, rng: random.Random, report: TaggedReport) -> Iterator[Edit]:
        free = free_of_spans(report)
        share = rng.choice((0.2, 0.5))
        for match in self.group_pattern.finditer(report.text):
            if rng.random() < share and all(free[match.start() : match.end()]):
                group = self.groups[match[0]]
                yield Edit(*match.span(), rng.choice(group))

    def _insertions(self, rng: random.Random, report: TaggedReport) -> Iterator[Edit]:
        share = rng.choice((0.05, 0.15, 0.3))
        inside = inside_spans(span for found in report.spans.values() for span in found)
        sites = report.spans["site"]
        begins = {start for start, _ in sites}
        for start, _ in report.spans["value"]:
            if rng.random() < share and start not in inside:
                yield Edit(start, start, _filled(rng, rng.choice(self.before_values)))
        for _, end in sites:
            if rng.random() < share and end not in inside and end not in begins:
                yield Edit(end, end, _filled(rng, rng.choice(self.after_sites)))
        for match in _CLAUSE_END.finditer(report.text):
            if rng.random() < share / 2 and match.start() not in inside:
                yield Edit(match.start(), match.start(), self._with_sites(rng, rng.choice(self.clauses)))

    def _sentences(self, rng: random.Random, report: TaggedReport) -> Iterator[Edit]:
        inside = inside_spans(span for found in report.spans.values() for span in found)
        places = [m.start() for m in _BREAK.finditer(report.text) if m.start() not in inside]
        ended = report.text.endswith(("。", "；", "\n"))
        if not ended and len(report.text) not in places:
            places.append(len(report.text))
        for at in rng.sample(places, min(len(places), rng.choice((1, 1, 2, 3)))):
            stop = rng.choices(("。", "；", "，", "\n", " "), (80, 10, 3, 5, 2))[0]
            lead = "。" if at == len(report.text) and not ended else ""
            yield Edit(at, at, lead + self._sentence(rng) + stop)

    def _sentence(self, rng: random.Random) -> str:
        sentence = rng.choice(self.sentences)
        side = rng.choice(("左侧", "右侧", "双侧", "左", "右", "两侧", ""))
        return self._with_sites(rng, sentence.replace("{side}", side))

    def _with_sites(self, rng: random.Random, phrase: str) -> str:
        while "{site}" in phrase:
            site = self.made_up_site(rng) if rng.random() < 0.5 else rng.choice(self.real_sites)
            phrase = phrase.replace("{site}", site, 1)
        return _filled(rng, phrase)

    def _prefix(self, rng: random.Random, report: TaggedReport) -> Iterator[Edit]:  # noqa: ARG002
        yield Edit(0, 0, _filled(rng, rng.choice(self.prefixes)))

    def _other_marks(self, rng: random.Random, report: TaggedReport) -> Iterator[Edit]:
        free = free_of_spans(report)
        mark_share = rng.choice((0.1, 0.3, 0.8))
        new = rng.choice(self.marks)
        for at, character in enumerate(report.text):
            if character in new and free[at] and rng.random() < mark_share:
                yield Edit(at, at + 1, new[character])

    def _noise(self, rng: random.Random, report: TaggedReport) -> Iterator[Edit]:
        free = free_of_spans(report)
        share = rng.choice((0.005, 0.02, 0.05))
        for at in range(len(report.text)):
            if rng.random() < share:
                draw = rng.random()
                if draw < 0.5 or not free[at]:
                    if free[at] or rng.random() < 0.3:
                        yield Edit(at, at + 1, rng.choice(self.hanzi))
                elif draw < 0.75:
                    yield Edit(at, at + 1, "")
                elif draw < 0.9:
                    yield Edit(at, at + 1, report.text[at] * 2)
                else:
                    yield Edit(at, at + 1, report.text[at] + "\n")


def with_two_changes(rng: random.Random, report: TaggedReport) -> TaggedReport:
    """The report, some of its general changes replaced by a word for two (受压变窄)."""
    stated = list(report.stated)
    edits = []
    for i, (span, numbers) in enumerate(zip(report.spans["value"], report.stated, strict=True)):
        forms = [form for number in numbers for form in _double_changes().get(STATED[number], ())]
        if len(numbers) == 1 and forms and rng.random() < _TWO_CHANGES_SHARE:
            word, stated[i] = rng.choice(forms)
            edits.append(Edit(*span, word))
    return edited(replace(report, stated=stated), edits)


def _filled(rng: random.Random, phrase: str) -> str:
    while "{number}" in phrase:
        number = rng.choice((str(rng.randint(1, 99)), str(rng.randint(1, 9)), f"{rng.uniform(0.2, 6):.1f}"))
        phrase = phrase.replace("{number}", number, 1)
    return phrase


# --- forms of the lexicon

_ValueKey = tuple[bool, object]


@cache
def _value_forms() -> Mapping[_ValueKey, tuple[str, ...]]:
    """By whether it is a general change and by its value, the words of each value that stand for one value."""
    found: dict[_ValueKey, list[str]] = {}
    for word, meaning in lexicon().words.items():
        if meaning.kind in ("signal", "enhancement", "change") and "|" not in meaning.value and len(word) > 1:
            found.setdefault((meaning.kind == "change", meaning.value), []).append(word)
    return {key: tuple(forms) for key, forms in found.items()}


@cache
def _forms_of(key: _ValueKey) -> frozenset[str]:
    return frozenset(_value_forms().get(key, ()))


@cache
def _double_changes() -> Mapping[Stated, tuple[tuple[str, set[int]], ...]]:
    """By change the words that state it and another, with the numbers of both statements."""
    found: dict[Stated, list[tuple[str, set[int]]]] = {}
    for word, meaning in lexicon().words.items():
        if meaning.kind == "change" and "|" in meaning.value:
            changes = [Stated(None, cast(Change, change)) for change in meaning.value.split("|")]
            for change in changes:
                found.setdefault(change, []).append((word, {STATED.index(c) for c in changes}))
    return {change: tuple(forms) for change, forms in found.items()}


@cache
def _negations() -> tuple[str, ...]:
    return tuple(word for word, meaning in lexicon().words.items() if meaning.kind == "negation")


@cache
def _sequence_forms() -> Mapping[Modality, tuple[str, ...]]:
    found: dict[Modality, list[str]] = {m: [] for m in MODALITIES}
    for word, meaning in (lexicon().words | lexicon().names).items():  # type: ignore[operator]
        if meaning.kind == "sequence" and meaning.value in found:
            found[cast(Modality, meaning.value)].append(word)
    return {m: tuple(forms) for m, forms in found.items()}


def sequence_names(modality: Modality) -> tuple[str, ...]:
    """All names of the sequence, those of pseudo-reports and those of the lexicon."""
    return (*_styles().sequences[modality], *_sequence_forms()[modality])


def sequence_named(name: str) -> Modality | None:
    """The sequence of a name in the normal form; None where it is none of one."""
    return _sequence_of().get(name)


@cache
def _sequence_of() -> Mapping[str, Modality]:
    """The sequence of each name that the pseudo-reports and this file write."""
    written = {normal_form(name): m for m, names in _styles().sequences.items() for name in names}
    return written | {name: m for m, names in _sequence_forms().items() for name in names}

"""Variations of a report that keep its writing: the other side, the opposite signal, other sequences, other sites.

A variation counts only where the rules read in it exactly what it is made to state.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from selip_contracts.vocabulary import (
    SITES,
    Change,
    Enhancement,
    Laterality,
    Modality,
    Signal,
    cached_until_sites_change,
)
from selip_extract.language.lexicon import lexicon
from selip_extract.tagger.characters import normal_form
from selip_extract.tagger.statements import LINKS, STATED, Stated
from selip_extract.training.annotated.labelling import read_by_rules
from selip_extract.training.style_dropout import seen_phrases, sequence_named, sequence_names
from selip_extract.training.tagged_report import Edit, TaggedReport, edited, free_of_spans

Variation = Callable[[random.Random, TaggedReport], TaggedReport]
Value = Signal | Enhancement | Change | None

_SIDE = re.compile("(?<!左)右(?!左)|(?<!右)左(?!右)")
_OTHER_SIDE = {"左": "右", "右": "左"}
_MIRRORED = {1 + LINKS.index("左侧"): 1 + LINKS.index("右侧"), 1 + LINKS.index("右侧"): 1 + LINKS.index("左侧")}
_OPPOSITES = {
    "增高": "减低", "升高": "降低", "减低": "增高", "降低": "升高", "高": "低", "低": "高", "长": "短", "短": "长",
    "亮": "暗", "暗": "亮", "↑": "↓", "↓": "↑",
}  # fmt: skip
_OPPOSITE = re.compile("|".join(_OPPOSITES))
_OPPOSITE_SIGNALS: Mapping[Value, Value] = {"高": "低", "低": "高", "稍高": "稍低", "稍低": "稍高"}
_RESTRICTED = re.compile("受限|弥散|扩散")
_EXCHANGED: tuple[Modality, ...] = ("T1", "T2", "FLAIR", "DWI", "ADC", "SWI")
_NAMED_BY_VALUES: tuple[tuple[re.Pattern[str], frozenset[Modality]], ...] = (
    (re.compile("T[12]"), frozenset(("T1", "T2"))),
    (_RESTRICTED, frozenset(("DWI", "ADC"))),
)
_SITE_SHARES = (0.4, 0.8)


def varied(rng: random.Random, report: TaggedReport) -> TaggedReport:
    """The report after the variations that `rng` draws."""
    for share, vary in _VARIATIONS:
        if rng.random() < share:
            variant = vary(rng, report)
            if variant.text != report.text and _is_read(variant):
                report = variant
    return report


def _is_read(report: TaggedReport) -> bool:
    read = read_by_rules(report.text)[1]
    return read is not None and _content(read) == _content(report)


def _content(report: TaggedReport) -> set[tuple[object, ...]]:
    sites, values = report.spans["site"], report.spans["value"]
    return {(sites[s], values[v], link, frozenset(report.stated[v])) for (s, v), link in report.links.items()}


def mirrored(_rng: random.Random, report: TaggedReport) -> TaggedReport:
    """The report with left and right exchanged."""
    text = _SIDE.sub(lambda side: _OTHER_SIDE[side[0]], report.text)
    return replace(report, text=text, links={pair: _MIRRORED.get(link, link) for pair, link in report.links.items()})


def inverted(_rng: random.Random, report: TaggedReport) -> TaggedReport:
    """The report with the opposite of its signals: 高 for 低, 短T1 for 长T1."""
    stated, edits = list(report.stated), []
    for i, (span, numbers) in enumerate(zip(report.spans["value"], report.stated, strict=True)):
        word, said = report.text[slice(*span)], [STATED[number] for number in numbers]
        if _RESTRICTED.search(word) or any(s.modality in (None, "T1CE") for s in said):
            continue
        opposite = _OPPOSITE.sub(lambda found: _OPPOSITES[found[0]], word)
        if opposite != word:
            edits.append(Edit(*span, opposite))
            stated[i] = {STATED.index(Stated(s.modality, _OPPOSITE_SIGNALS.get(s.value, s.value))) for s in said}
    return edited(replace(report, stated=stated), edits)


def with_exchanged_sequences(rng: random.Random, report: TaggedReport) -> TaggedReport:
    """The report with its sequences exchanged for each other, but for those that a value names (长T1, 弥散受限)."""
    values = "".join(report.text[slice(*span)] for span in report.spans["value"])
    kept = {m for pattern, named in _NAMED_BY_VALUES if pattern.search(values) for m in named}
    free = [m for m in _EXCHANGED if m not in kept]
    other = dict(zip(free, rng.sample(free, len(free)), strict=True))
    names: dict[str, str] = {}
    edits = []
    for span in report.spans["sequence"]:
        name = normal_form(report.text[slice(*span)])
        modality = sequence_named(name)
        if modality in other:
            new = rng.choice(seen_phrases(sequence_names(other[modality]), held_out=False))
            edits.append(Edit(*span, names.setdefault(name, new)))
    stated = [
        {STATED.index(Stated(other.get(s.modality, s.modality), s.value)) for s in map(STATED.__getitem__, numbers)}  # type: ignore[arg-type]
        for numbers in report.stated
    ]
    return edited(replace(report, stated=stated), edits)


def with_other_sites(rng: random.Random, report: TaggedReport) -> TaggedReport:
    """The report with other sites of the vocabulary, paired ones for paired ones."""
    share = rng.choice(_SITE_SHARES)
    names: dict[str, str] = {}
    for word in dict.fromkeys(report.text[slice(*span)] for span in report.spans["site"]):
        laterality = _laterality(word)
        if laterality is not None and rng.random() < share:
            names[word] = rng.choice(_site_names()[laterality])
    edits = [Edit(*span, names[word]) for span in report.spans["site"] if (word := report.text[slice(*span)]) in names]
    free = free_of_spans(report)
    for word, name in names.items():
        found = re.finditer(re.escape(word), report.text)
        edits += [Edit(*match.span(), name) for match in found if all(free[slice(*match.span())])]
    return edited(report, edits)


_VARIATIONS: tuple[tuple[float, Variation], ...] = (
    (0.5, mirrored),
    (0.35, inverted),
    (0.35, with_exchanged_sequences),
    (0.4, with_other_sites),
)
"""By share of the reports."""


def _laterality(word: str) -> Laterality | None:
    meaning = lexicon().words.get(word) or lexicon().names.get(word)
    return SITES[meaning.value].laterality if meaning and meaning.value in SITES and len(word) > 1 else None


@cached_until_sites_change()
def _site_names() -> Mapping[Laterality, tuple[str, ...]]:
    found: dict[Laterality, list[str]] = {}
    for site in SITES.values():
        found.setdefault(site.laterality, []).extend(form for form in site.surface_forms if len(form) > 1)
    return {laterality: tuple(forms) for laterality, forms in found.items()}

"""Lesions written otherwise than in full sentences: as a telegram, as lines of a template, as dictated, as a table."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator

from selip_contracts.vocabulary import MODALITIES, SITES, UNLISTED, Modality, Side, Signal
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, Templates, each_of, load, placeholders
from selip_extract.pseudo_reports.sample_study import SampledLesion, SampledSite, Share
from selip_extract.pseudo_reports.writing.absences import put_absence, put_absent
from selip_extract.pseudo_reports.writing.collective import WrittenLesion
from selip_extract.pseudo_reports.writing.draft import CharSpan, Draft, Mention
from selip_extract.pseudo_reports.writing.sequence_relations import Signals
from selip_extract.pseudo_reports.writing.sequences import (
    ORDER,
    degree_word,
    signal_word,
    size_text,
    spoken_size,
    state_enhancement,
)
from selip_extract.pseudo_reports.writing.shapes import MORPHOLOGIES, shape_in
from selip_extract.pseudo_reports.writing.signals import put_signals
from selip_extract.pseudo_reports.writing.sites import put_sites, site_word
from selip_extract.pseudo_reports.writing.tables import put_lists_with_colons, put_table

_OfEachSequence = Annotated[dict[Modality, Phrases], AfterValidator(each_of(MODALITIES))]


class _Telegram(PhraseFile):
    sequences: _OfEachSequence
    nouns: Phrases
    after_site: Phrases
    joins: Phrases
    absent: Phrases
    stops: Phrases


class _Template(PhraseFile):
    lesion_leads: Annotated[Templates, AfterValidator(placeholders("number"))]
    fields: Annotated[dict[str, Phrases], AfterValidator(each_of(("site", "count", "shape", "size", "margin")))]
    sequences: _OfEachSequence
    colons: Phrases
    line_ends: Phrases
    nothing: Phrases


class _Dictation(PhraseFile):
    fillers: Phrases
    corrections: Phrases
    openings_of_one: Phrases
    openings: Phrases
    nouns: Phrases
    sizes: Phrases
    value_corrections: Phrases
    ends: Phrases


class _LayoutPhrases(PhraseFile):
    share: Share
    telegram: _Telegram
    template: _Template
    dictation: _Dictation


_PHRASES = load(_LayoutPhrases, "layouts")
LAYOUT_SHARE = _PHRASES.share
_PLAIN: tuple[Signal, ...] = ("高", "稍高", "等", "稍低", "低")
_OPPOSITE: dict[Side, Side] = {"左侧": "右侧", "右侧": "左侧"}
_LISTED = tuple(site for site in SITES if site != UNLISTED)


def put_layout(draft: Draft, lesions: Sequence[SampledLesion]) -> list[WrittenLesion]:
    """Write all the lesions in one of these ways, with the mark that ends them."""
    name = draft.rng.choice(tuple(_LAYOUTS))
    draft.families.add(name)
    return _LAYOUTS[name](draft, lesions)


def _put_telegram(draft: Draft, lesions: Sequence[SampledLesion]) -> list[WrittenLesion]:
    """左额叶片状灶，T1低，T2高，FLAIR高，DWI(-)."""
    rng, words = draft.rng, _PHRASES.telegram
    join = rng.choice(words.joins)
    stop = rng.choice(words.stops)
    written = []
    for lesion in lesions:
        draft.begin_lesion()
        start = len(draft.facts)
        mentions = put_sites(draft, lesion.sites, plain=True)
        if draft.chance(0.5):
            draft.put(lesion.morphology or rng.choice(MORPHOLOGIES))
            draft.words.morphology = shape_in(draft.parts[-1])
        draft.put_one(words.nouns)
        draft.words.lesion = "结节" if draft.parts[-1] == "结节" else None
        if lesion.size_mm and draft.chance(0.5):
            draft.put(size_text(rng, lesion.size_mm))
            draft.words.size_mm = tuple(map(float, lesion.size_mm))
        draft.put_one(words.after_site)
        said = [m for m in ORDER if m in lesion.signals or m in lesion.absent]
        for i, modality in enumerate(said):
            draft.put(join if i else "")
            sequence = draft.put_one(words.sequences[modality])
            if modality in lesion.absent:
                span = draft.put_one(words.absent)
                draft.state(mentions, modality, None, span, sequence, span)
            elif modality == "T1CE":
                value = lesion.signals[modality][0]
                state_enhancement(draft, mentions, value, sequence)
            else:
                value = lesion.signals[modality][0]
                # Directly before the name of a sequence 等 and 混杂 belong to the sequence: T1等T2.
                whole = value in ("等", "混杂") and not join
                span = draft.put(value + "信号" if whole else degree_word(rng, value))
                draft.state(mentions, modality, value, span, sequence)
        draft.put("。" if lesion is lesions[-1] else stop)
        written.append(WrittenLesion(mentions, draft.facts[start:]))
    return written


def _put_template(draft: Draft, lesions: Sequence[SampledLesion]) -> list[WrittenLesion]:
    """部位：左侧额叶, 大小：12×8mm, T1WI：低信号, each on a line of its own."""
    rng, words = draft.rng, _PHRASES.template
    colon, end, lead = rng.choice(words.colons), rng.choice(words.line_ends), rng.choice(words.lesion_leads)
    draft.begin_sentence()
    draft.put("\n" if draft.parts else "")
    written = []
    for number, lesion in enumerate(lesions, 1):
        draft.begin_lesion()
        start = len(draft.facts)
        if len(lesions) > 1:
            draft.put(lead.format(number=number))
        draft.put(rng.choice(words.fields["site"]) + colon)
        mentions = put_sites(draft, lesion.sites, plain=True)
        draft.put(end)
        _put_fields(draft, lesion, colon, end)
        for modality in ORDER:
            if modality not in lesion.signals and modality not in lesion.absent:
                continue
            sequence = draft.put_one(words.sequences[modality])
            draft.put(colon)
            _put_value_of_template(draft, mentions, lesion, modality, sequence)
            draft.put(end)
        written.append(WrittenLesion(mentions, draft.facts[start:]))
    return written


def _put_fields(draft: Draft, lesion: SampledLesion, colon: str, end: str) -> None:
    """The fields of a lesion beside its signals, each in some templates."""
    rng, fields = draft.rng, _PHRASES.template.fields
    if lesion.count and draft.chance(0.5):
        draft.put(rng.choice(fields["count"]) + colon + lesion.count + end)
        draft.words.count = lesion.count
    if lesion.morphology and draft.chance(0.5):
        draft.put(rng.choice(fields["shape"]) + colon)
        draft.put(lesion.morphology)
        draft.words.morphology = shape_in(lesion.morphology)
        draft.put(end)
    if lesion.size_mm and draft.chance(0.7):
        draft.put(rng.choice(fields["size"]) + colon + size_text(rng, lesion.size_mm) + end)
        draft.words.size_mm = tuple(map(float, lesion.size_mm))
    if lesion.margin and draft.chance(0.5):
        draft.put(rng.choice(fields["margin"]) + colon + lesion.margin + end)


def _put_value_of_template(
    draft: Draft, mentions: Sequence[Mention], lesion: SampledLesion, modality: Modality, sequence: CharSpan
) -> None:
    if modality in lesion.absent:
        if modality == "T1CE" or draft.chance(0.4):
            span = draft.put_one(_PHRASES.template.nothing)
            draft.state(mentions, modality, None, span, sequence, span)
        else:
            start = len(draft.facts)
            put_absence(draft, mentions, (modality,), sequence_named=True)
            draft.facts[start:] = [replace(fact, sequence_span=sequence) for fact in draft.facts[start:]]
        return
    value = lesion.signals[modality][0]
    if modality == "T1CE":
        state_enhancement(draft, mentions, value, sequence)
    else:
        span = draft.put(signal_word(draft.rng, value) if draft.chance(0.5) else degree_word(draft.rng, value))
        draft.state(mentions, modality, value, span, sequence)


def _put_dictation(draft: Draft, lesions: Sequence[SampledLesion]) -> list[WrittenLesion]:
    """嗯，右侧，不对，是左侧丘脑可以看到一个结节，大小大概零点八乘零点六厘米，…."""
    words = _PHRASES.dictation
    written = []
    for lesion in lesions:
        draft.begin_lesion()
        start = len(draft.facts)
        draft.put_maybe(0.4, words.fillers)
        _put_correction(draft, lesion.sites)
        mentions = put_sites(draft, lesion.sites, plain=True)
        if len(mentions) == 1 and mentions[0].site.side != "双侧":
            draft.put_one(words.openings_of_one)
            draft.words.count = "单发"
        else:
            draft.put_one(words.openings)
        draft.put_one(MORPHOLOGIES)
        draft.words.morphology = shape_in(draft.parts[-1])
        draft.put_one(words.nouns)
        draft.words.lesion = "结节" if draft.parts[-1] == "结节" else None
        draft.put("，")
        if lesion.size_mm and draft.chance(0.7):
            draft.put_one(words.sizes)
            draft.put(spoken_size(lesion.size_mm))
            draft.words.size_mm = tuple(map(float, lesion.size_mm))
            draft.put("，")
        signals = dict(lesion.signals)
        _put_corrected_value(draft, mentions, signals)
        put_signals(draft, mentions, signals)
        if lesion.absent:
            put_absent(draft, mentions, lesion.absent)
        draft.strip_separators()
        draft.put("。")
        written.append(WrittenLesion(mentions, draft.facts[start:]))
    draft.put_maybe(0.4, words.ends)
    return written


def _put_correction(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """A side, or a side and a site, that the speaker takes back: 右侧，不对，是."""
    rng = draft.rng
    side = sites[0].side
    if side not in _OPPOSITE or any(s.side != side for s in sites) or not draft.chance(0.6):
        return
    if draft.chance(0.6):
        draft.put(_OPPOSITE[side])
    else:
        draft.put(side + site_word(rng, rng.choice([s for s in _LISTED if s not in {x.site for x in sites}])))
    draft.put_one(_PHRASES.dictation.corrections)


def _put_corrected_value(draft: Draft, mentions: Sequence[Mention], signals: Signals) -> None:
    """T2WI呈高信号，不对，低信号: the second is true."""
    plain = [m for m in signals if m != "T1CE" and len(signals[m]) == 1]
    if not plain or not draft.chance(0.15):
        return
    rng = draft.rng
    modality = rng.choice(plain)
    (value,) = signals.pop(modality)
    sequence = draft.put(modality)
    draft.put("呈" + rng.choice([v for v in _PLAIN if v != value]) + "信号")
    draft.put_one(_PHRASES.dictation.value_corrections)
    draft.state(mentions, modality, value, draft.put(value + "信号"), sequence)
    draft.put("，")


_LAYOUTS: dict[str, Callable[[Draft, Sequence[SampledLesion]], list[WrittenLesion]]] = {
    "telegram": _put_telegram,
    "template": _put_template,
    "dictation": _put_dictation,
    "table": put_table,
    "lists with colons": put_lists_with_colons,
}

"""One lesion as a radiologist writes it: an introduction of its sites, then its signal on each sequence."""

import random
from collections.abc import Mapping, Sequence
from typing import Annotated, get_args

from pydantic import AfterValidator

from selip_contracts.findings import Count
from selip_contracts.vocabulary import Change, Modality
from selip_extract.pseudo_reports.lesion_archetypes import SignalValue
from selip_extract.pseudo_reports.phrases import Names, PhraseFile, Phrases, Templates, each_of, load, placeholders
from selip_extract.pseudo_reports.sample_study import CHANGES_AT, SampledLesion, Share
from selip_extract.pseudo_reports.writing.absences import put_absent
from selip_extract.pseudo_reports.writing.draft import CharSpan, Draft, Mention
from selip_extract.pseudo_reports.writing.sequence_relations import Signals
from selip_extract.pseudo_reports.writing.sequences import (
    ORDER,
    degree_word,
    put_sequence,
    put_sequences,
    put_size,
    signal_word,
)
from selip_extract.pseudo_reports.writing.shapes import MORPHOLOGIES, put_shape, shape_in
from selip_extract.pseudo_reports.writing.signals import (
    put_earlier_signal,
    put_idiom_words,
    put_one_each,
    put_restriction,
    put_restriction_lead,
    put_signals,
)
from selip_extract.pseudo_reports.writing.sites import put_sites


class _LesionPhrases(PhraseFile):
    openings: Phrases
    nouns: Phrases
    subjects: Phrases
    colon_subjects: Phrases
    idiom_openings: Phrases
    idiom_nouns: Phrases
    idiom_verbs: Phrases
    signal_first_openings: Phrases
    signal_first_locations: Phrases
    level_pauses: Phrases
    level_nouns: Phrases
    named_nouns: Phrases
    named_verbs: Phrases
    change_joins: Phrases
    heading_nouns: Phrases
    headings_before_sites: Annotated[Templates, AfterValidator(placeholders("noun"))]
    headings_around_sites: Annotated[Templates, AfterValidator(placeholders("noun", "site"))]
    heading_ends: Phrases
    site_last_verbs: Phrases
    site_last_locations: Phrases
    sequence_first_verbs: Phrases
    sequence_first_openings: Phrases
    direct_verbs: Phrases
    outlines: Phrases
    margin_leads: Phrases
    unspecific: Names
    doubt_share: float
    bracketed_share: Share
    doubtful_openings: Phrases
    effects: Phrases
    numbers: Annotated[Templates, AfterValidator(placeholders("number"))]
    counts: Annotated[dict[Count, Phrases], AfterValidator(each_of(get_args(Count)))]
    changes: dict[Change, Phrases]


_PHRASES = load(_LesionPhrases, "lesion")
_NUMERALS = "零一两三四五六七八九十"
_OPENINGS_OR_NONE = (*_PHRASES.openings, "")


def put_lesion(draft: Draft, lesion: SampledLesion, signals: Signals, absent: Sequence[Modality]) -> list[Mention]:
    """Write the lesion in one sentence, without its full stop; the mentions of its sites."""
    signals = dict(signals)
    draft.begin_lesion()
    mentions = _put_introduction(draft, lesion, signals)
    _put_attributes(draft, lesion)
    if signals and draft.chance(0.03):
        put_earlier_signal(draft)
    if len(mentions) > 1 and draft.chance(0.08):
        put_one_each(draft, mentions, signals)
    put_signals(draft, mentions, signals)
    if absent:
        put_absent(draft, mentions, absent)
    draft.strip_separators()
    return mentions


def _put_introduction(draft: Draft, lesion: SampledLesion, signals: Signals) -> list[Mention]:
    """The lesion's sites and, in many frames, its first signals, which are taken out of `signals`."""
    rng = draft.rng
    first = [m for m in signals if m != "T1CE" and len(signals[m]) == 1]
    frames = ["noun"] * 10 + ["subject"] * 4 + ["colon"] * 2 + ["heading"]
    if "T1" in first and "T2" in first:
        frames += ["idiom"] * 14 + ["signal first", "levels", "named"] * 2
    if first:
        frames += ["sequence"] * 4 + ["direct"] * 6 + ["site last"] * 2
    changes = [change for change in _PHRASES.changes if all(change in CHANGES_AT.get(s.site, ()) for s in lesion.sites)]
    if first and changes:
        frames += ["changed"] * 4
    frame = rng.choice(frames)
    if signals.get("DWI") == ("高",) and signals.get("ADC") == ("低",) and draft.chance(0.5):
        return _put_restricted_sites(draft, lesion, signals)
    if frame in _FRAMES_OF_T1_AND_T2:
        return _FRAMES_OF_T1_AND_T2[frame](draft, lesion, signals)
    if frame in _FRAMES_OF_ONE_SEQUENCE:
        return _FRAMES_OF_ONE_SEQUENCE[frame](draft, lesion, signals, rng.choice(first))
    if frame == "changed":
        return _put_changed(draft, lesion, rng.choice(changes))
    if frame == "heading":
        return _put_heading(draft, lesion)
    mentions = put_sites(draft, lesion.sites)
    if frame == "subject":
        if draft.chance(0.5):
            _put_noun(draft, mentions, _PHRASES.subjects)
    elif frame == "colon":
        draft.put_maybe(0.4, _PHRASES.colon_subjects)
        draft.put("：")
    else:
        draft.put_one(_PHRASES.openings)
        _put_description(draft, lesion)
        _put_noun(draft, mentions, (lesion.noun,) if lesion.noun and draft.chance(0.4) else _PHRASES.nouns)
        draft.separate()
    return mentions


def _put_description(draft: Draft, lesion: SampledLesion) -> None:
    rng = draft.rng
    if lesion.count == "多发" and draft.chance(0.3):
        draft.words.count, draft.words.number = lesion.count, rng.randint(2, 15)
        draft.put(rng.choice(_PHRASES.numbers).format(number=_number_word(rng, draft.words.number)))
    elif lesion.count and draft.chance(0.6):
        # All are drawn, so that what follows does not depend on the count.
        words = {count: rng.choice(phrases) for count, phrases in _PHRASES.counts.items()}
        draft.put(words[lesion.count])
        draft.words.count = lesion.count
    draft.put(lesion.morphology if lesion.morphology and draft.chance(0.5) else rng.choice(MORPHOLOGIES))
    draft.words.morphology = shape_in(draft.parts[-1])


def _number_word(rng: random.Random, number: int) -> str:
    """A number of lesions in digits or, up to ten, in Chinese: 3, 三, 两."""
    return _NUMERALS[number] if number < len(_NUMERALS) and rng.random() < 0.5 else str(number)


def _put_noun(draft: Draft, mentions: Sequence[Mention], nouns: Sequence[str]) -> None:
    """Write a noun for the lesion; 异常信号 and 病灶 say nothing of what it is."""
    noun = draft.rng.choice(nouns)
    draft.put_naming(mentions, noun)
    said = noun.rstrip("，").removeprefix("原")
    draft.words.lesion = None if said in _PHRASES.unspecific else said
    draft.words.add(morphology=shape_in(noun))


def _put_heading(draft: Draft, lesion: SampledLesion) -> list[Mention]:
    """肿块：右侧额叶；T1WI…, 【左侧丘脑出血灶】T1WI…: the noun before the sites, or together with them a heading."""
    draft.families.add("noun as a heading")
    draft.begin_sentence()
    noun = draft.rng.choice(_PHRASES.heading_nouns)
    around = draft.chance(0.5)
    template = draft.rng.choice(_PHRASES.headings_around_sites if around else _PHRASES.headings_before_sites)
    before, _, after = template.partition("{site}" if around else "\0")
    head = before.format(noun=noun)
    start, _ = draft.put(head)
    mentions = put_sites(draft, lesion.sites, plain=True)
    behind, _ = draft.put(after.format(noun=noun))
    if noun == "占位":
        at = behind + after.index("{noun}") if around else start + head.index(noun)
        draft.state(mentions, None, "占位", (at, at + len(noun)))
    draft.words.lesion = noun
    if not around:
        draft.put_one(_PHRASES.heading_ends)
    return mentions


def _put_size(draft: Draft, lesion: SampledLesion) -> None:
    put_size(draft, lesion.size_mm)
    draft.words.size_mm = tuple(map(float, lesion.size_mm))
    draft.separate()


def _put_attributes(draft: Draft, lesion: SampledLesion) -> None:
    rng = draft.rng
    if lesion.size_mm and draft.chance(0.5):
        _put_size(draft, lesion)
    if draft.chance(0.25):
        if lesion.margin:
            draft.words.margin = rng.choice(_PHRASES.margin_leads) + lesion.margin
            draft.put(draft.words.margin)
        else:
            draft.put_one(_PHRASES.outlines)
        draft.separate()
    if draft.chance(0.15):
        draft.put_one(_PHRASES.effects)
        draft.separate()


def _take_t1_and_t2(draft: Draft, signals: Signals) -> list[tuple[Modality, SignalValue]]:
    """The signals on T1 and T2, which are taken out of `signals`; seldom T2 first."""
    pair: list[tuple[Modality, SignalValue]] = [(m, signals.pop(m)[0]) for m in ("T1", "T2")]
    return pair[::-1] if draft.chance(0.05) else pair


def _put_idiom(draft: Draft, lesion: SampledLesion, signals: Signals) -> list[Mention]:
    mentions = put_sites(draft, lesion.sites)
    uncertain = draft.chance(_PHRASES.doubt_share)
    if uncertain:
        draft.families.add("doubt")
        draft.put_one(_PHRASES.doubtful_openings)
        _put_description(draft, lesion)
    elif draft.chance(0.3):
        draft.put_one(_PHRASES.idiom_openings)
        _put_description(draft, lesion)
        _put_noun(draft, mentions, _PHRASES.idiom_nouns)
        draft.separate()
        if lesion.size_mm and draft.chance(0.3):
            _put_size(draft, lesion)
        draft.put_one(_PHRASES.idiom_verbs)
    else:
        draft.put_one(_OPENINGS_OR_NONE)
        _put_description(draft, lesion)
    put_idiom_words(draft, mentions, _take_t1_and_t2(draft, signals), uncertain)
    draft.separate()
    return mentions


def _put_signal_first(draft: Draft, lesion: SampledLesion, signals: Signals) -> list[Mention]:
    """The signal stands before its sites: 可见片状长T1长T2信号，位于左侧额叶."""
    draft.put_one(_PHRASES.signal_first_openings)
    _put_description(draft, lesion)
    facts = len(draft.facts)
    put_idiom_words(draft, (Mention(lesion.sites[0], (0, 0), None),), _take_t1_and_t2(draft, signals))
    written = draft.facts[facts:]
    del draft.facts[facts:]
    draft.put_one(_PHRASES.signal_first_locations)
    mentions = put_sites(draft, lesion.sites)
    for fact in written:
        draft.state(mentions, fact.modality, fact.value, fact.value_span, fact.sequence_span)
    draft.separate()
    return mentions


def _put_levels(draft: Draft, lesion: SampledLesion, signals: Signals) -> list[Mention]:
    """左侧额叶见片状T1低T2高信号."""
    rng = draft.rng
    mentions = put_sites(draft, lesion.sites)
    draft.put_one(_OPENINGS_OR_NONE)
    _put_description(draft, lesion)
    for modality, value in _take_t1_and_t2(draft, signals):
        sequence_span = draft.put(modality)
        span = draft.put(f"{value}信号" if value in ("等", "混杂") else degree_word(rng, value))
        draft.put_maybe(0.2, _PHRASES.level_pauses)
        draft.state(mentions, modality, value, span, sequence_span)
    draft.put_one(_PHRASES.level_nouns)
    draft.separate()
    return mentions


def _put_named(draft: Draft, lesion: SampledLesion, signals: Signals) -> list[Mention]:
    """左侧额叶结节，大小约…，呈长T1长T2信号."""
    mentions = put_sites(draft, lesion.sites)
    _put_noun(draft, mentions, _PHRASES.named_nouns)
    draft.separate()
    if lesion.size_mm and draft.chance(0.4):
        _put_size(draft, lesion)
    draft.put_one(_PHRASES.named_verbs)
    put_idiom_words(draft, mentions, _take_t1_and_t2(draft, signals))
    draft.separate()
    return mentions


def _put_changed(draft: Draft, lesion: SampledLesion, change: Change) -> list[Mention]:
    """双侧上颌窦黏膜增厚，内见T2高信号: a change of the sites leads to their signals."""
    mentions = put_sites(draft, lesion.sites)
    span = draft.put_one(_PHRASES.changes[change])
    draft.state(mentions, None, change, span)
    draft.put_one(_PHRASES.change_joins)
    return mentions


def _put_restricted_sites(draft: Draft, lesion: SampledLesion, signals: Signals) -> list[Mention]:
    """DWI和ADC示双侧额叶、海马扩散受限: one word states both sequences of all sites."""
    put_restriction_lead(draft, 0.7)
    mentions = put_sites(draft, lesion.sites)
    put_restriction(draft, mentions)
    del signals["DWI"], signals["ADC"]
    draft.separate()
    return mentions


def _put_site_last(draft: Draft, lesion: SampledLesion, signals: Signals, modality: Modality) -> list[Mention]:
    """FLAIR呈稍高信号的小灶位于左侧桥臂."""
    rng = draft.rng
    value = signals.pop(modality)[0]
    sequence = put_sequence(draft, modality)
    draft.put_one(_PHRASES.site_last_verbs)
    draft.words.morphology = put_shape(draft, 0.4)
    span = draft.put(signal_word(rng, value))
    draft.put_one(_PHRASES.site_last_locations)
    mentions = put_sites(draft, lesion.sites)
    draft.state(mentions, modality, value, span, sequence)
    draft.separate()
    return mentions


def _alike(draft: Draft, signals: Signals, modality: Modality, share: float) -> list[Modality]:
    """`modality` and the sequences with the same value that are written together with it."""
    value = signals[modality]
    return [
        m
        for m in sorted(signals, key=ORDER.index)
        if m == modality or (m != "T1CE" and modality != "T1CE" and signals[m] == value and draft.chance(share))
    ]


def _put_shared_signal(
    draft: Draft, mentions: Sequence[Mention], signals: Signals, spans: Mapping[Modality, CharSpan]
) -> None:
    """Write the signal that the sequences named at `spans` share, and take it out of `signals`."""
    value = signals[next(iter(spans))][0]
    span = draft.put(signal_word(draft.rng, value))
    for modality, sequence in spans.items():
        del signals[modality]
        draft.state(mentions, modality, value, span, sequence)
    draft.separate()


def _put_sequence_first(draft: Draft, lesion: SampledLesion, signals: Signals, modality: Modality) -> list[Mention]:
    """DWI示左侧额叶斑片状高信号."""
    together = _alike(draft, signals, modality, 0.5)
    spans = put_sequences(draft, together)
    draft.put_one(_PHRASES.sequence_first_verbs)
    mentions = put_sites(draft, lesion.sites)
    draft.put_one(_PHRASES.sequence_first_openings)
    _put_description(draft, lesion)
    _put_shared_signal(draft, mentions, signals, spans)
    return mentions


def _put_direct(draft: Draft, lesion: SampledLesion, signals: Signals, modality: Modality) -> list[Mention]:
    """右侧乳突小房内见少许T2WI高信号."""
    together = _alike(draft, signals, modality, 0.5)
    mentions = put_sites(draft, lesion.sites)
    draft.put_one(_OPENINGS_OR_NONE)
    if draft.chance(0.7):
        _put_description(draft, lesion)
    if draft.chance(_PHRASES.bracketed_share):
        _put_sequences_in_brackets(draft, mentions, signals, together)
        return mentions
    spans = put_sequences(draft, together)
    if draft.chance(0.1):
        draft.put_one(_PHRASES.direct_verbs)
    _put_shared_signal(draft, mentions, signals, spans)
    return mentions


def _put_sequences_in_brackets(
    draft: Draft, mentions: Sequence[Mention], signals: Signals, modalities: Sequence[Modality]
) -> None:
    """双侧丘脑见高信号（T2WI、FLAIR）."""
    draft.families.add("sequences in brackets")
    value = signals[modalities[0]][0]
    span = draft.put(signal_word(draft.rng, value))
    draft.put("（")
    spans = put_sequences(draft, modalities)
    draft.put("）")
    for modality, sequence in spans.items():
        del signals[modality]
        draft.state(mentions, modality, value, span, sequence)
    draft.separate()


_FRAMES_OF_T1_AND_T2 = {
    "idiom": _put_idiom,
    "signal first": _put_signal_first,
    "levels": _put_levels,
    "named": _put_named,
}
_FRAMES_OF_ONE_SEQUENCE = {"sequence": _put_sequence_first, "direct": _put_direct, "site last": _put_site_last}

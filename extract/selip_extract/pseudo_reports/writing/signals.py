"""The clauses of a lesion: its signal on each sequence."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import AfterValidator

from selip_contracts.vocabulary import Modality, Signal
from selip_extract.pseudo_reports.lesion_archetypes import SignalValue, SignalValues
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, Templates, each_of, load, placeholders
from selip_extract.pseudo_reports.sample_study import Share
from selip_extract.pseudo_reports.writing.draft import Draft, LesionWords, Mention
from selip_extract.pseudo_reports.writing.sequence_relations import Signals, put_relation, put_respectively
from selip_extract.pseudo_reports.writing.sequences import (
    ORDER,
    put_sequence,
    put_sequences,
    relaxation_word,
    signal_word,
    state_enhancement,
)
from selip_extract.pseudo_reports.writing.shapes import put_shape, shape_in


class _TwoValuesPhrases(PhraseFile):
    first: Phrases
    second: Annotated[Templates, AfterValidator(placeholders("mark", "verb"))]


class _SignalPhrases(PhraseFile):
    doubt_share: float
    doubts: Phrases
    doubts_behind: Phrases
    subjects: Phrases
    likewise: Phrases
    verbs: Phrases
    restriction_verbs: Phrases
    restriction: Phrases
    dwi_and_adc_show: Phrases
    restriction_on_dwi_and_adc: Phrases
    idiom_joins: Phrases
    idiom_pauses: Phrases
    idiom_nouns: Phrases
    times_behind_share: Share
    times_behind_pauses: Phrases
    times_behind_nouns: Phrases
    idiom_centres: Phrases
    idiom_rims: Phrases
    on_sequence: Phrases
    in_turn: Phrases
    earlier_studies: Phrases
    earlier_verbs: Phrases
    now: Phrases
    earlier_oedema_studies: Phrases
    oedema_resolved: Phrases
    oedema_resolved_since_report: Phrases
    both_likewise: Phrases
    changed_from: Phrases
    changed_to: Phrases
    two_degrees_verbs: Phrases
    two_degrees_joins: Phrases
    second_verbs: Phrases
    oedema_verbs: Phrases
    enhancement_leads: Phrases
    enhancement_subjects: Phrases
    enhancement_subjects_with_this: Phrases
    enhancement_verbs: Phrases
    second_enhancement_leads: Phrases
    two_values: Annotated[
        dict[str, _TwoValuesPhrases],
        AfterValidator(each_of(("rim", "centre", "parts", "sizes", "inside", "ring", "around"))),
    ]


_PHRASES = load(_SignalPhrases, "signals")
_PLAIN: tuple[Signal, ...] = ("高", "稍高", "等", "稍低", "低")


def _doubt(draft: Draft) -> Literal["before", "behind"] | None:
    """Whether, and where, a word of doubt is written."""
    if not draft.chance(_PHRASES.doubt_share):
        return None
    draft.families.add("doubt")
    return draft.rng.choice(("before", "behind"))


def put_idiom_words(
    draft: Draft,
    mentions: Sequence[Mention],
    signals: Sequence[tuple[Modality, SignalValue]],
    uncertain: bool = False,
    morphology: str | None = None,
) -> None:
    """长T1长T2信号, with its variants."""
    rng = draft.rng
    (m1, s1), (m2, s2) = signals
    long1, long2 = relaxation_word(rng, m1, s1), relaxation_word(rng, m2, s2)
    if m1 == "T1" and draft.chance(_PHRASES.times_behind_share):
        for sequence, time, modality, value in (("T1", long1, m1, s1), ("T2", long2, m2, s2)):
            if sequence == "T2":
                draft.put_one(_PHRASES.times_behind_pauses)
            named = draft.put(sequence)
            span = draft.put(time)
            draft.state(mentions, modality, value, span, named, uncertain=uncertain, morphology=morphology)
        draft.put_one(_PHRASES.times_behind_nouns)
        return
    if long1 == long2 and m1 == "T1" and draft.chance(0.25):
        span = draft.put(f"{long1}T1" + rng.choice(_PHRASES.idiom_joins) + "T2")
        spans = (span, span)
    else:
        one = draft.put(long1 + m1)
        draft.put_maybe(0.3, _PHRASES.idiom_pauses)
        spans = (one, draft.put(long2 + m2))
    draft.put_one(_PHRASES.idiom_nouns)
    for (modality, value), span in zip(signals, spans, strict=True):
        draft.state(mentions, modality, value, span, span, uncertain=uncertain, morphology=morphology)


def put_earlier_signal(draft: Draft) -> None:
    """What an earlier study showed, which states nothing now: 原DWI高信号，现…."""
    rng = draft.rng
    modality: Modality = rng.choice(("T1", "T2", "FLAIR", "DWI", "ADC"))
    if draft.chance(0.2):
        before = draft.put_one(_PHRASES.earlier_oedema_studies)
        put_sequences(draft, ("FLAIR", "T2"))
        draft.put(signal_word(rng, rng.choice(_PLAIN)))
        quoted = before[1] - before[0] > len("前片")
        draft.put_one(_PHRASES.oedema_resolved_since_report if quoted else _PHRASES.oedema_resolved)
        return
    draft.put_one(_PHRASES.earlier_studies)
    put_sequences(draft, (modality,))
    draft.put_one(_PHRASES.earlier_verbs)
    draft.put(signal_word(rng, rng.choice(_PLAIN)))
    draft.put_one(_PHRASES.now)


def put_one_each(draft: Draft, mentions: Sequence[Mention], signals: Signals) -> None:
    """T1WI依次呈等、低、稍低信号: each site has its own."""
    rng = draft.rng
    sequences: tuple[Modality, ...] = ("T1", "T2", "FLAIR", "DWI")
    free = [m for m in sequences if m not in signals]
    if not free:
        return
    modality = rng.choice(free)
    sequence = put_sequences(draft, (modality,))[modality]
    draft.put_maybe(0.3, _PHRASES.on_sequence)
    draft.put_one(_PHRASES.in_turn)
    whole = rng.random() < 0.3
    for i, mention in enumerate(mentions):
        if i:
            draft.put("、")
        value = rng.choice(_PLAIN)
        span = draft.put(value + ("信号" if whole or i == len(mentions) - 1 else ""))
        draft.state((mention,), modality, value, span, sequence)
    draft.separate()


def put_signals(draft: Draft, mentions: Sequence[Mention], signals: Signals) -> None:
    """Write the `signals` of the `mentions`, sequence by sequence; `signals` is empty then."""
    rng = draft.rng
    order = sorted(signals, key=ORDER.index)
    order = [m for m in order if m != "T1CE"]
    if draft.chance(0.25):
        rng.shuffle(order)
    order = put_relation(draft, mentions, signals, order)
    while order:
        modality = order.pop(0)
        values = signals[modality]
        other = order[0] if order else None
        if (
            modality == "DWI"
            and values == ("高",)
            and signals.get("ADC") == ("低",)
            and "ADC" in order
            and draft.chance(0.35)
        ):
            order.remove("ADC")
            put_restriction_lead(draft, 0.15)
            put_restriction(draft, mentions)
        elif len(values) == 2:
            alike = [modality, *(m for m in order if signals[m] == values and draft.chance(0.5))]
            if (
                modality == "T1"
                and other == "T2"
                and len(signals["T2"]) == 2
                and "混杂" not in (*values, *signals["T2"])
                and draft.chance(0.5)
            ):
                order.remove("T2")
                _put_two_idioms(draft, mentions, signals)
            else:
                order = [m for m in order if m not in alike]
                _put_two_values(draft, mentions, alike, values)
        elif other and len(signals[other]) == 1 and signals[other] != values and draft.chance(0.06):
            order.pop(0)
            put_respectively(draft, mentions, {modality: values[0], other: signals[other][0]})
        else:
            alike = [modality, *(m for m in order if signals[m] == values and draft.chance(0.65))]
            order = [m for m in order if m not in alike]
            put_value(draft, mentions, alike, values[0])
        draft.separate()
    if "T1CE" in signals:
        put_enhancement(draft, mentions, signals["T1CE"])
        draft.separate()
    signals.clear()


def put_value(
    draft: Draft,
    mentions: Sequence[Mention],
    modalities: Sequence[Modality],
    value: SignalValue,
    uncertain: bool = False,
) -> None:
    """T2WI及FLAIR均呈高信号."""
    rng = draft.rng
    draft.put_maybe(0.06, _PHRASES.subjects)
    spans = put_sequences(draft, modalities)
    if list(modalities) == ["DWI"] and value == "高" and draft.chance(0.12):
        draft.put_one(_PHRASES.restriction_verbs)
        span = draft.put_one(_PHRASES.restriction)
        draft.state(mentions, "DWI", "高", span, spans["DWI"], uncertain=uncertain)
        return
    doubt = _doubt(draft)
    draft.put_maybe(0.15, _PHRASES.likewise)
    draft.put_one(_PHRASES.doubts if doubt == "before" else _PHRASES.verbs)
    morphology = put_shape(draft, 0.1)
    span = draft.put(signal_word(rng, value))
    if doubt == "behind":
        draft.put_one(_PHRASES.doubts_behind)
    for m in modalities:
        draft.state(mentions, m, value, span, spans[m], uncertain=uncertain or bool(doubt), morphology=morphology)


def put_enhancement(
    draft: Draft, mentions: Sequence[Mention], values: SignalValues, sequence_named: bool = False
) -> None:
    """增强后病灶呈环形强化; `sequence_named`: the sequence stands in the text already."""
    sequence = None
    if not sequence_named:
        sequence = put_sequence(draft, "T1CE")
        draft.put_maybe(0.1, _PHRASES.enhancement_leads)
        with_this = draft.chance(0.2)
        if draft.chance(0.3):
            draft.put_one(_PHRASES.enhancement_subjects_with_this if with_this else _PHRASES.enhancement_subjects)
            for mention in mentions:
                mention.words.add(lesion=draft.parts[-1] if draft.parts[-1] in ("肿块", "结节") else None)
    doubt = _doubt(draft) if len(values) == 1 else None
    draft.put_one(_PHRASES.doubts if doubt == "before" else _PHRASES.enhancement_verbs)
    state_enhancement(draft, mentions, values[0], sequence, uncertain=bool(doubt))
    if doubt == "behind":
        draft.put_one(_PHRASES.doubts_behind)
    if len(values) > 1:
        draft.put_one(_PHRASES.second_enhancement_leads)
        state_enhancement(draft, mentions, values[1], sequence)


def put_restriction_lead(draft: Draft, share: float) -> None:
    """DWI及ADC图示, in this share."""
    draft.put_maybe(share, _PHRASES.dwi_and_adc_show)


def put_restriction(draft: Draft, mentions: Sequence[Mention]) -> None:
    """弥散受限: high on DWI and low on ADC."""
    span = draft.put_one(_PHRASES.restriction_on_dwi_and_adc)
    draft.state(mentions, "DWI", "高", span)
    draft.state(mentions, "ADC", "低", span)


def _put_two_values(
    draft: Draft, mentions: Sequence[Mention], modalities: Sequence[Modality], values: SignalValues
) -> None:
    """Two signals on the same sequences: centre and rim, parts, or 等、高信号."""
    rng = draft.rng
    first, second = values
    styles = ["rim"] * 4 + ["centre"] * 2 + ["parts"] * 2 + ["sizes", "inside", "ring"]
    if len(modalities) == 1:
        styles += ["around"]
    if first in _PLAIN and second in _PLAIN:
        styles += ["both"] * 2
    style = rng.choice(styles)
    spans = second_spans = put_sequences(draft, modalities)
    second_mentions, second_shape = mentions, None
    draft.put_maybe(0.1, _PHRASES.both_likewise)
    mark = rng.choice(("、", "，", "，", "，" if draft.joined else "；"))
    if draft.chance(0.04):
        draft.put(rng.choice(_PHRASES.changed_from) + signal_word(rng, rng.choice(_PLAIN)))
        draft.put_one(_PHRASES.changed_to)
    if style == "both":
        draft.put_one(_PHRASES.two_degrees_verbs)
        one = draft.put(first)
        draft.put_one(_PHRASES.two_degrees_joins)
        two = draft.put(second + "信号")
    else:
        phrases, verb = _PHRASES.two_values[style], rng.choice(_PHRASES.oedema_verbs)
        draft.put_one(phrases.first)
        one = draft.put(signal_word(rng, first))
        draft.put(rng.choice(phrases.second).format(mark=mark, verb=verb))
        second_shape = shape_in(draft.parts[-1])
        if "水肿" in draft.parts[-1]:
            second_mentions = [replace(m, words=LesionWords(lesion="水肿")) for m in mentions]
        if style in ("around", "ring") and draft.chance(0.6):
            second_spans = put_sequences(draft, modalities[:1])
            draft.put_maybe(0.4, _PHRASES.second_verbs)
        two = draft.put(signal_word(rng, second))
    for m in spans:
        draft.state(mentions, m, first, one, spans[m])
    for m in second_spans:
        draft.state(second_mentions, m, second, two, second_spans[m], morphology=second_shape)


def _put_two_idioms(draft: Draft, mentions: Sequence[Mention], signals: Signals) -> None:
    """中心呈长T1长T2信号，壁呈等T1短T2信号."""
    (a1, b1), (a2, b2) = signals["T1"], signals["T2"]
    draft.put_one(_PHRASES.idiom_centres)
    put_idiom_words(draft, mentions, (("T1", a1), ("T2", a2)))
    draft.put_one(_PHRASES.idiom_rims)
    put_idiom_words(draft, mentions, (("T1", b1), ("T2", b2)), morphology=shape_in(draft.parts[-1]))

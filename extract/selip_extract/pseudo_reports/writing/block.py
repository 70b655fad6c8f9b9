"""Several lesions as a radiologist writes them: one after another, compared, and referred back to."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from selip_contracts.vocabulary import MODALITIES, SITES, Modality, Side
from selip_extract.pseudo_reports.lesion_archetypes import SignalValue
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, known_sites, load
from selip_extract.pseudo_reports.sample_study import SampledLesion, SampledSite
from selip_extract.pseudo_reports.writing.absences import put_absent
from selip_extract.pseudo_reports.writing.collective import (
    ABSENT,
    WrittenLesion,
    put_collective,
    put_predicate,
    put_reference,
    put_sequence_lead,
    put_subset,
    some_signal,
)
from selip_extract.pseudo_reports.writing.draft import Draft, LesionWords, Mention
from selip_extract.pseudo_reports.writing.layouts import LAYOUT_SHARE, put_layout
from selip_extract.pseudo_reports.writing.lesion import put_lesion
from selip_extract.pseudo_reports.writing.references.ways import REFERENCE_SHARE, put_references
from selip_extract.pseudo_reports.writing.sequence_relations import Signals
from selip_extract.pseudo_reports.writing.sequences import put_sequence, signal_word, state_enhancement
from selip_extract.pseudo_reports.writing.shapes import note_description, put_shape, shape_in
from selip_extract.pseudo_reports.writing.signals import put_enhancement, put_signals
from selip_extract.pseudo_reports.writing.sites import put_sites


class _BlockPhrases(PhraseFile):
    further: Phrases
    separators: Phrases
    pressed_sites: Annotated[Phrases, AfterValidator(known_sites)]
    pressed: Phrases
    mass_effects: Phrases
    again_openings: Phrases
    similar_signals: Phrases
    again_morphologies: Phrases
    again_nouns: Phrases
    same_signals: Phrases
    each_side_openings: Phrases
    each_side_nouns: Phrases
    sides_in_turn_share: float
    both_sides: Phrases
    in_turn: Phrases
    side_separators: Phrases
    side_subjects: Phrases
    pair_joins: Phrases
    pair_openings: Phrases
    pair_nouns: Phrases
    former_leads: Phrases
    site_leads: Phrases
    pair_separators: Phrases
    pair_ends: Phrases
    pair_remarks: Phrases
    both: Phrases
    sequence_leads: Phrases
    listing_separators: Phrases
    listing_verbs: Phrases


_PHRASES = load(_BlockPhrases, "block")
_COLLECTIVE: tuple[Modality, ...] = ("DWI", "T1CE", "ADC", "SWI", "FLAIR")


def put_block(
    draft: Draft, lesions: Sequence[SampledLesion], stop: str, before: Sequence[WrittenLesion] = ()
) -> list[WrittenLesion]:
    """Write the lesions as sentences, each ended by `stop`; the lesions written, those of `before` first."""
    deferred = [
        m for m in _COLLECTIVE if draft.chance(0.26) and sum(m in x.signals or m in x.absent for x in lesions) > 0
    ]
    if draft.chance(LAYOUT_SHARE):
        return [*before, *put_layout(draft, lesions)]
    if draft.chance(REFERENCE_SHARE) and (referred := put_references(draft, lesions)):
        _end(draft, "。")
        return [*before, *referred]
    if len(lesions) > 1 and draft.chance(0.1) and all(len(x.signals) > 1 for x in lesions):
        if draft.chance(0.2):
            return [*before, *_put_listed(draft, lesions, stop)]
        return [*before, *_put_by_sequence(draft, lesions, stop)]
    written = list(before)
    if len(lesions) > 1 and draft.chance(0.14):
        written += _put_two_together(draft, lesions[0], lesions[1])
        _end(draft, stop)
        lesions = lesions[2:]
    for lesion in lesions:
        own = {m: v for m, v in lesion.signals.items() if m not in deferred} or dict(lesion.signals)
        absent = [m for m in lesion.absent if m not in deferred and m not in own]
        alone = not written or draft.parts[-1] == "。"
        if written and draft.chance(0.18):
            draft.put_maybe(0.5, _PHRASES.further)
        if draft.chance(0.04) and any(s.side == "双侧" for s in lesion.sites):
            written.append(_put_each_side(draft, lesion, own))
        elif written and written[-1].is_uniform and draft.facts[-1] is written[-1].facts[-1] and draft.chance(0.1):
            written.append(_put_same_signal(draft, lesion, written[-1]))
        else:
            start = len(draft.facts)
            late = own.pop("T1CE", None) if len(own) > 1 and draft.chance(0.12) else None
            mentions = put_lesion(draft, lesion, own, absent)
            if late is not None:
                _put_mass_effect(draft)
                put_enhancement(draft, mentions, late)
            written.append(WrittenLesion(mentions, draft.facts[start:]))
            put_subset(draft, written[-1], alone)
        _end(draft, stop if draft.chance(0.85) else "；")
    for modality in deferred:
        remaining = [lesion for lesion in written if modality not in lesion.modalities]
        if remaining and draft.chance(0.9):
            if draft.parts[-1] != "。":
                _end(draft, "。")
            put_collective(draft, remaining, lesions, modality, written)
            _end(draft, stop if draft.chance(0.8) else "；")
    return written


def _end(draft: Draft, stop: str) -> None:
    """End the sentence with `stop`."""
    draft.strip_separators()
    draft.put(stop)


def _put_mass_effect(draft: Draft) -> None:
    """A clause about a neighbour, after which the description of the lesion continues: 左侧侧脑室受压，增强后…."""
    draft.put_one(_PHRASES.separators)
    mentions = put_sites(
        draft,
        [SampledSite(draft.rng.choice(("左侧", "右侧")), draft.rng.choice(_PHRASES.pressed_sites))],
        plain=True,
    )
    span = draft.put_one(_PHRASES.pressed)
    draft.state(mentions, None, "受压", span)
    draft.put("，")
    draft.put_maybe(0.4, _PHRASES.mass_effects)


def _put_same_signal(draft: Draft, lesion: SampledLesion, before: WrittenLesion) -> WrittenLesion:
    """右侧额叶亦见小片状异常信号，信号特点同上: the facts of the lesion before hold here too."""
    draft.begin_lesion()
    mentions = put_sites(draft, lesion.sites)
    draft.put_one(_PHRASES.again_openings)
    if draft.chance(0.2):
        span = draft.put_one(_PHRASES.similar_signals)
    else:
        draft.put_one(_PHRASES.again_morphologies)
        draft.words.morphology = shape_in(draft.parts[-1])
        draft.put_one(_PHRASES.again_nouns)
        draft.words.add(morphology=shape_in(draft.parts[-1]))
        draft.put("，")
        span = draft.put_one(_PHRASES.same_signals)
    start = len(draft.facts)
    first = before.facts[0].mention.site
    for fact in before.facts:
        if fact.mention.site == first and fact.modality:
            draft.state(mentions, fact.modality, fact.value, span)
    return WrittenLesion(mentions, draft.facts[start:])


def _put_each_side(draft: Draft, lesion: SampledLesion, signals: Signals) -> WrittenLesion:
    """双侧硬膜下见新月形异常信号，右侧T1WI呈高信号，左侧T1WI呈低信号."""
    rng = draft.rng
    draft.begin_lesion()
    both = put_sites(draft, [s for s in lesion.sites if s.side == "双侧"], plain=True)
    draft.put_one(_PHRASES.each_side_openings)
    draft.put_one(_PHRASES.each_side_nouns)
    note_description(draft, both)
    draft.put("，")
    start = len(draft.facts)
    if draft.chance(_PHRASES.sides_in_turn_share):
        _put_sides_in_turn(draft, both, signals)
        return WrittenLesion(both, draft.facts[start:])
    draft.joined = True
    sides: tuple[Side, ...] = rng.choice((("左侧", "右侧"), ("右侧", "左侧")))
    for side in sides:
        if side != sides[0]:
            draft.put_one(_PHRASES.side_separators)
        span = draft.put(side)
        draft.put_maybe(0.3, _PHRASES.side_subjects)
        own: Signals = {
            m: some_signal(draft, m) if side != sides[0] and draft.chance(0.7) else v for m, v in signals.items()
        }
        put_signals(draft, [Mention(SampledSite(side, m.site.site), m.site_span, span, m.words) for m in both], own)
        draft.strip_separators()
    draft.joined = False
    return WrittenLesion(both, draft.facts[start:])


def _put_sides_in_turn(draft: Draft, both: Sequence[Mention], signals: Signals) -> None:
    """T2WI左右分别呈高、稍高信号."""
    draft.families.add("left and right in turn")
    for modality, values in signals.items():
        sequence = put_sequence(draft, modality)
        sides = draft.put_one(_PHRASES.both_sides)
        draft.put_one(_PHRASES.in_turn)
        pair: tuple[tuple[Side, SignalValue], ...] = (("左侧", values[0]), ("右侧", some_signal(draft, modality)[0]))
        for side, value in pair:
            draft.put("、" * (side == "右侧"))
            named = [Mention(SampledSite(side, m.site.site), m.site_span, sides, m.words) for m in both]
            if modality == "T1CE":
                state_enhancement(draft, named, value, sequence)
            else:
                draft.state(named, modality, value, draft.put(value + "信号" * (side == "右侧")), sequence)
        draft.separate()
    draft.strip_separators()


def _written_since(draft: Draft, start: int, lesions: Sequence[SampledLesion]) -> list[WrittenLesion]:
    """The lesions of which the facts from index `start` on state something."""
    found: list[WrittenLesion] = []
    for lesion in lesions:
        facts = [fact for fact in draft.facts[start:] if fact.mention.site in lesion.sites]
        if facts:
            found.append(WrittenLesion(list({fact.mention.site: fact.mention for fact in facts}.values()), facts))
    return found


def _put_listed(draft: Draft, lesions: Sequence[SampledLesion], stop: str) -> list[WrittenLesion]:
    """T2WI高信号：双侧额叶、左侧放射冠; FLAIR等信号：脑桥."""
    start = len(draft.facts)
    for modality in MODALITIES:
        if modality == "T1CE":
            continue
        involved = [x for x in lesions if modality in x.signals and draft.chance(0.8)]
        for lesion in involved:
            value = lesion.signals[modality][0]
            sequence = put_sequence(draft, modality)
            span = draft.put(signal_word(draft.rng, value))
            draft.put("：")
            draft.begin_lesion()
            draft.state(put_sites(draft, lesion.sites, plain=True), modality, value, span, sequence)
            draft.put(stop)
    return _written_since(draft, start, lesions)


def _put_two_together(draft: Draft, first: SampledLesion, second: SampledLesion) -> list[WrittenLesion]:
    """左侧额叶及右侧丘脑见异常信号，前者呈…，后者呈…."""
    taken = {s.site for s in first.sites}
    others = tuple(s for s in second.sites if s.site not in taken)
    if not others:
        start = len(draft.facts)
        mentions = put_lesion(draft, first, dict(first.signals), first.absent)
        return [WrittenLesion(mentions, draft.facts[start:])]
    sites_one, sites_two = first.sites[:2], others[:2]
    draft.begin_lesion()
    one = put_sites(draft, sites_one, plain=True)
    draft.put_one(_PHRASES.pair_joins)
    draft.begin_lesion()
    two = put_sites(draft, _with_sides(sites_two), plain=True)
    draft.put_one(_PHRASES.pair_openings)
    draft.put_naming([*one, *two], draft.rng.choice(_PHRASES.pair_nouns))
    note_description(draft, [*one, *two])
    former = draft.chance(0.6) and len(one) == 1 == len(two)
    draft.put_one(_PHRASES.former_leads) if former else draft.put_one(_PHRASES.site_leads)
    written: list[WrittenLesion] = []
    for i, (lesion, mentions) in enumerate(((first, one), (second, two))):
        if i:
            draft.put_one(_PHRASES.pair_separators)
        if former:
            draft.put(("前者", "后者")[i])
            named = mentions
        else:
            named = put_reference(draft, mentions, [*one, *two])
        start = len(draft.facts)
        draft.joined = True
        put_signals(draft, named, dict(lesion.signals))
        put_absent(draft, named, lesion.absent)
        draft.joined = False
        draft.strip_separators()
        written.append(WrittenLesion(mentions, draft.facts[start:]))
    if draft.chance(0.4):
        draft.put_one(_PHRASES.pair_ends)
        _put_collective_pair(draft, written, former)
    return written


def _with_sides(sites: Sequence[SampledSite]) -> list[SampledSite]:
    """The sites with their sides written out, so that none carries over from the text before."""
    return [SampledSite("双侧", s.site) if SITES[s.site].laterality == "paired" and not s.side else s for s in sites]


def _put_collective_pair(draft: Draft, written: Sequence[WrittenLesion], former: bool) -> None:
    """增强后前者呈环形强化，后者未见强化; 两者DWI均呈高信号."""
    free = [m for m in MODALITIES if all(f.modality != m for t in written for f in t.facts)]
    if not free:
        draft.put_one(_PHRASES.pair_remarks)
        return
    modality = draft.rng.choice(free)
    values = (some_signal(draft, modality), some_signal(draft, modality), ABSENT)
    if former and draft.chance(0.7):
        leads = draft.chance(0.7)
        if leads:
            put_sequence_lead(draft, modality)
        for word, lesion, value in zip(
            draft.rng.choice((("前者", "后者"), ("前者", "后者"), ("前一病灶", "后一病灶"))),
            written,
            draft.rng.sample(values, 2),
            strict=True,
        ):
            if lesion is not written[0]:
                draft.put_one(_PHRASES.separators)
            draft.put(word)
            if not leads:
                put_sequence_lead(draft, modality)
            put_predicate(draft, lesion.mentions, modality, value, False)
        return
    draft.put_one(_PHRASES.both)
    put_sequence_lead(draft, modality)
    put_predicate(draft, [m for t in written for m in t.mentions], modality, draft.rng.choice(values), True)


def _put_by_sequence(draft: Draft, lesions: Sequence[SampledLesion], stop: str) -> list[WrittenLesion]:
    """T1WI示左侧额叶呈低信号，右侧丘脑呈稍低信号；T2WI…."""
    start = len(draft.facts)
    written: dict[int, list[Mention]] = {}
    words = [LesionWords() for _ in lesions]
    modalities = [m for m in MODALITIES if any(m in x.signals for x in lesions)]
    for modality in modalities:
        involved = [i for i, x in enumerate(lesions) if modality in x.signals]
        sequence = put_sequence(draft, modality)
        draft.put_one(_PHRASES.sequence_leads)
        for n, i in enumerate(involved):
            if n:
                draft.put_one(_PHRASES.listing_separators)
            lesion = lesions[i]
            if i in written and draft.chance(0.4):
                named = put_reference(
                    draft, written[i], [m for t in written.values() for m in t], noun=draft.chance(0.5)
                )
            else:
                draft.words = words[i]
                named = put_sites(draft, lesion.sites, plain=draft.chance(0.5))
            written.setdefault(i, named)
            if modality == "T1CE":
                put_enhancement(draft, named, lesion.signals[modality][:1], sequence_named=True)
            else:
                draft.put_one(_PHRASES.listing_verbs)
                morphology = put_shape(draft, 0.35)
                value = lesion.signals[modality][0]
                span = draft.put(signal_word(draft.rng, value))
                draft.state(named, modality, value, span, sequence, morphology=morphology)
        draft.put(stop if draft.chance(0.4) else "；")
    if draft.parts[-1] == "；":
        _end(draft, stop)
    return _written_since(draft, start, lesions)

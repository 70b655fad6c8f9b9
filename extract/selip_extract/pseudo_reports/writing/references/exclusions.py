"""One of several lesions that alone is meant: DWI仅左侧额叶病灶呈高信号; DWI呈高信号者仅右侧丘脑; 仅于T2WI呈高信号."""

from collections.abc import Sequence

from selip_contracts.vocabulary import Modality
from selip_extract.pseudo_reports.phrases import Phrases
from selip_extract.pseudo_reports.sample_study import SampledSite
from selip_extract.pseudo_reports.writing.collective import ABSENT, put_predicate, put_reference, some_signal
from selip_extract.pseudo_reports.writing.draft import Draft, Mention
from selip_extract.pseudo_reports.writing.references.parts import (
    put_described_sites,
    put_named_site,
    put_random_value,
    some_sequences,
)
from selip_extract.pseudo_reports.writing.references.wording import REFERENCES
from selip_extract.pseudo_reports.writing.sequences import put_sequence, signal_word
from selip_extract.pseudo_reports.writing.shapes import note_description
from selip_extract.pseudo_reports.writing.signals import put_enhancement

_PHRASES = REFERENCES.exclusions


def put_only_one(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """左侧额叶、右侧丘脑见结节，T2WI均呈高信号，DWI仅左侧额叶病灶呈高信号，余未见高信号."""
    rng = draft.rng
    first, second = some_sequences(draft, 2)
    mentions = put_described_sites(draft, sites, _PHRASES.openings)
    draft.put("，")
    put_sequence(draft, first)
    put_predicate(draft, mentions, first, some_signal(draft, first), True)
    draft.put(rng.choice(_PHRASES.separators))
    modality: Modality = "T1CE" if draft.chance(0.4) else second
    chosen = rng.choice(mentions)
    rng.choice((_put_only_before, _put_only_before, _put_only_last, _put_only_at))(draft, chosen, mentions, modality)
    if draft.chance(0.3):
        draft.put("，")
        draft.put_one(_PHRASES.others)
        put_predicate(draft, [m for m in mentions if m is not chosen], modality, ABSENT, draft.chance(0.4))


def _put_only_before(draft: Draft, chosen: Mention, mentions: Sequence[Mention], modality: Modality) -> None:
    """DWI仅左侧额叶病灶呈高信号; 仅左侧额叶者DWI呈高信号."""
    leads = draft.chance(0.6)
    if leads:
        put_sequence(draft, modality)
        draft.put_one(_PHRASES.sequence_leads)
    draft.put_one(_PHRASES.only)
    (named,) = put_reference(draft, [chosen], mentions, noun=False)
    draft.put_one(_PHRASES.nouns)
    if leads:
        put_predicate(draft, [named], modality, some_signal(draft, modality), False)
    else:
        put_random_value(draft, [named], modality)


def _put_only_last(draft: Draft, chosen: Mention, mentions: Sequence[Mention], modality: Modality) -> None:
    """DWI呈高信号者仅左侧额叶."""
    put_sequence(draft, modality)
    start = len(draft.facts)
    put_predicate(draft, [chosen], modality, some_signal(draft, modality), False)
    _put_site_behind(draft, chosen, mentions, start, _PHRASES.only_last)


def _put_only_at(draft: Draft, chosen: Mention, mentions: Sequence[Mention], modality: Modality) -> None:
    """DWI高信号仅见于左侧额叶."""
    value = some_signal(draft, modality)
    sequence = put_sequence(draft, modality)
    start = len(draft.facts)
    if modality == "T1CE":
        put_enhancement(draft, [chosen], value, sequence_named=True)
    else:
        draft.state([chosen], modality, value[0], draft.put(signal_word(draft.rng, value[0])), sequence)
    _put_site_behind(draft, chosen, mentions, start, _PHRASES.only_at)


def _put_site_behind(draft: Draft, chosen: Mention, mentions: Sequence[Mention], start: int, leads: Phrases) -> None:
    """The site of the facts since `start` stands behind them."""
    facts = draft.facts[start:]
    del draft.facts[start:]
    draft.put_one(leads)
    named = put_reference(draft, [chosen], mentions, noun=False)
    for fact in facts:
        draft.state(
            named,
            fact.modality,
            fact.value,
            fact.value_span,
            fact.sequence_span,
            uncertain=fact.uncertain,
            morphology=fact.morphology,
        )


def put_only_on_sequence(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """右侧顶叶病灶仅于DWI呈高信号，其余序列未见异常."""
    mention = put_named_site(draft, sites[0])
    draft.put_one(_PHRASES.nouns_of_one)
    note_description(draft, [mention])
    (modality,) = some_sequences(draft, 1)
    draft.put_one(_PHRASES.only_on)
    sequence = put_sequence(draft, modality)
    draft.put_one(_PHRASES.on_verbs)
    value = some_signal(draft, modality)[0]
    draft.state([mention], modality, value, draft.put(signal_word(draft.rng, value)), sequence)
    draft.put_maybe(0.4, _PHRASES.other_sequences)

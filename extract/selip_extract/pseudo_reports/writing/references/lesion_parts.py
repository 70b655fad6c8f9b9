"""Parts of a lesion that are told apart: 囊性部分呈长T1长T2信号，实性部分…; T1WI中心呈等信号、周边呈高信号."""

from collections.abc import Sequence

from selip_contracts.vocabulary import Modality, Signal
from selip_extract.pseudo_reports.sample_study import SampledSite
from selip_extract.pseudo_reports.writing.absences import put_absence
from selip_extract.pseudo_reports.writing.collective import some_signal
from selip_extract.pseudo_reports.writing.draft import Draft, Mention
from selip_extract.pseudo_reports.writing.references.parts import put_named_site, some_sequences
from selip_extract.pseudo_reports.writing.references.wording import REFERENCES
from selip_extract.pseudo_reports.writing.sequences import put_sequence, signal_word
from selip_extract.pseudo_reports.writing.shapes import note_description
from selip_extract.pseudo_reports.writing.signals import put_enhancement, put_idiom_words

_PHRASES = REFERENCES.lesion_parts
_ENHANCING_SHARE = 0.35


def put_parts_of_lesion(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """左侧额叶见囊实性肿块，囊性部分T1WI呈低信号，T2WI呈高信号，实性部分…，增强后实性部分明显强化."""
    rng = draft.rng
    draft.begin_lesion()
    mention = put_named_site(draft, sites[0])
    layered = draft.chance(_PHRASES.layered_share)
    draft.put_naming([mention], rng.choice(_PHRASES.layered_openings if layered else _PHRASES.openings))
    note_description(draft, [mention])
    draft.put("，")
    one, two = rng.choice(_PHRASES.layers if layered else _PHRASES.pairs)
    write = rng.choice((_put_by_part, _put_by_part, _put_by_sequence, _put_idioms))
    write(draft, mention, (one, two))
    if not layered and draft.chance(_ENHANCING_SHARE):
        _put_enhancement_of_a_part(draft, mention, (one, two))


def _put_by_part(draft: Draft, mention: Mention, names: tuple[str, str]) -> None:
    """囊性部分T1WI呈低信号，T2WI呈高信号，实性部分T1WI呈等信号，T2WI呈稍高信号."""
    modalities = some_sequences(draft, draft.rng.choice((1, 2, 2)))
    join = draft.rng.choice(_PHRASES.joins)
    for name in names:
        draft.put("" if name is names[0] else draft.rng.choice(_PHRASES.separators))
        draft.put(name)
        for i, modality in enumerate(modalities):
            draft.put(join if i else "")
            _put_one(draft, mention, modality)


def _put_by_sequence(draft: Draft, mention: Mention, names: tuple[str, str]) -> None:
    """T1WI中心呈等信号、周边呈高信号，T2WI中心呈低信号、周边呈高信号."""
    join = draft.rng.choice(_PHRASES.joins)
    for i, modality in enumerate(some_sequences(draft, 2)):
        draft.put(draft.rng.choice(_PHRASES.separators) if i else "")
        sequence = put_sequence(draft, modality)
        draft.put_one(_PHRASES.sequence_leads)
        for name in names:
            draft.put((join if name is names[1] else "") + name)
            _put_value(draft, mention, modality, sequence)


def _put_idioms(draft: Draft, mention: Mention, names: tuple[str, str]) -> None:
    """囊性部分呈长T1长T2信号，实性部分呈等T1稍长T2信号."""
    for name in names:
        draft.put("" if name is names[0] else draft.rng.choice(_PHRASES.separators))
        draft.put(name)
        draft.put_one(_PHRASES.verbs)
        values: list[tuple[Modality, Signal]] = [(m, draft.rng.choice(_PHRASES.relaxing)) for m in ("T1", "T2")]
        put_idiom_words(draft, [mention], values)


def _put_enhancement_of_a_part(draft: Draft, mention: Mention, names: tuple[str, str]) -> None:
    """增强后实性部分明显强化，囊性部分未见强化: the lesion enhances."""
    draft.put(draft.rng.choice(_PHRASES.separators))
    put_sequence(draft, "T1CE")
    enhancing, other = names[::-1] if draft.chance(0.8) else names
    draft.put(enhancing)
    put_enhancement(draft, [mention], some_signal(draft, "T1CE"), sequence_named=True)
    if draft.chance(0.5):
        draft.put("，" + other)
        put_absence(draft, [mention], ("T1CE",), sequence_named=True)


def _put_one(draft: Draft, mention: Mention, modality: Modality) -> None:
    _put_value(draft, mention, modality, put_sequence(draft, modality))


def _put_value(draft: Draft, mention: Mention, modality: Modality, sequence: tuple[int, int]) -> None:
    value = some_signal(draft, modality)[0]
    draft.put_one(_PHRASES.verbs)
    draft.state([mention], modality, value, draft.put(signal_word(draft.rng, value)), sequence)

"""What is not seen: DWI未见高信号, 强化不明显, 弥散未见受限."""

from collections.abc import Sequence

from selip_contracts.vocabulary import Modality
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, load
from selip_extract.pseudo_reports.writing.draft import CharSpan, Draft, Mention
from selip_extract.pseudo_reports.writing.sequences import put_sequences


class _DeniedBehind(PhraseFile):
    signals: Phrases
    negators: Phrases


class _AbsencePhrases(PhraseFile):
    on_sequence: Phrases
    absence_leads: Phrases
    negations: Phrases
    no_enhancement: Phrases
    absent_restriction: Phrases
    absent_signals: Phrases
    diffusion: Phrases
    diffusion_negations: Phrases
    no_restriction_negations: Phrases
    no_restriction: Phrases
    dwi_and_adc: Phrases
    dwi_and_adc_negations: Phrases
    no_diffusion_abnormality: Phrases
    absent_signals_on: dict[Modality, Phrases]
    negation_share: float
    denied_behind: dict[Modality, _DeniedBehind]
    changes_of_signal: dict[Modality, _DeniedBehind]


_PHRASES = load(_AbsencePhrases, "absences")


def put_absent(draft: Draft, mentions: Sequence[Mention], modalities: Sequence[Modality]) -> None:
    """State for each of the sequences that nothing is seen on it."""
    rest = list(modalities)
    if "DWI" in rest and "ADC" in rest and draft.chance(0.5):
        rest = [m for m in rest if m not in ("DWI", "ADC")]
        _put_no_restriction(draft, mentions)
        draft.separate()
    high = [m for m in rest if m in ("T2", "FLAIR", "DWI")]
    if len(high) > 1 and draft.chance(0.6):
        put_absence(draft, mentions, high)
        draft.separate()
        rest = [m for m in rest if m not in high]
    for modality in rest:
        put_absence(draft, mentions, (modality,))
        draft.separate()


def put_absence(
    draft: Draft, mentions: Sequence[Mention], modalities: Sequence[Modality], sequence_named: bool = False
) -> None:
    """DWI未见高信号; `sequence_named`: the sequence stands in the text already."""
    spans = {} if sequence_named else put_sequences(draft, modalities)
    if not sequence_named:
        draft.put_maybe(0.15, _PHRASES.absence_leads)
    modality = modalities[0]
    if modality in _PHRASES.denied_behind and draft.chance(_PHRASES.negation_share):
        draft.families.add("negation")
        negation, span = _put_denial(draft, modality)
    elif modality == "T1CE" and draft.chance(0.15):
        span = negation = draft.put_one(_PHRASES.no_enhancement)
    elif modality == "DWI" and len(modalities) == 1 and draft.chance(0.25):
        negation = draft.put_one(_PHRASES.negations)
        span = draft.put_one(_PHRASES.absent_restriction)
    else:
        negation = draft.put_one(_PHRASES.negations)
        span = draft.put_one(_PHRASES.absent_signals_on.get(modality, _PHRASES.absent_signals))
    for m in modalities:
        draft.state(mentions, m, None, span, spans.get(m), negation)


def _put_denial(draft: Draft, modality: Modality) -> tuple[CharSpan, CharSpan]:
    """高信号不明显; 信号未增高: the negator and the signal that it denies."""
    if modality in _PHRASES.changes_of_signal and draft.chance(0.5):
        words = _PHRASES.changes_of_signal[modality]
        draft.put("信号")
        negation = draft.put_one(words.negators)
        return negation, draft.put_one(words.signals)
    words = _PHRASES.denied_behind[modality]
    span = draft.put_one(words.signals)
    return draft.put_one(words.negators), span


def _put_no_restriction(draft: Draft, mentions: Sequence[Mention]) -> None:
    """DWI及ADC图未见弥散受限."""
    if draft.chance(0.6):
        draft.put_one(_PHRASES.diffusion)
        negation = draft.put_one(_PHRASES.diffusion_negations)
        span = draft.put("受限")
    elif draft.chance(0.5):
        negation = draft.put_one(_PHRASES.no_restriction_negations)
        span = draft.put_one(_PHRASES.no_restriction)
    else:
        draft.put_one(_PHRASES.dwi_and_adc)
        draft.put_maybe(0.2, _PHRASES.on_sequence)
        negation = draft.put_one(_PHRASES.dwi_and_adc_negations)
        span = draft.put_one(_PHRASES.no_diffusion_abnormality)
    draft.state(mentions, "DWI", None, span, None, negation)
    draft.state(mentions, "ADC", None, span, None, negation)

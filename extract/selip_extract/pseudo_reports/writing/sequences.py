"""Names of sequences, words for signals and enhancement, and sizes."""

import random
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, cast

from pydantic import AfterValidator

from selip_contracts.vocabulary import ENHANCEMENTS, MODALITIES, SIGNALS, Enhancement, Modality, Signal
from selip_extract.pseudo_reports.lesion_archetypes import SignalValue
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, Templates, each_of, load, placeholders
from selip_extract.pseudo_reports.sample_study import Share
from selip_extract.pseudo_reports.writing.draft import CharSpan, Draft, Mention
from selip_extract.pseudo_reports.writing.shapes import shape_in

_OfEachSignal = Annotated[dict[Signal, Phrases], AfterValidator(each_of(SIGNALS))]
_Growth = Annotated[Templates, AfterValidator(placeholders("before", "now"))]


class _SequencePhrases(PhraseFile):
    t2_and_flair: Phrases
    last_joins: Phrases
    signal_nouns: Phrases
    size_leads: Phrases
    grown_share: Share
    grown: Annotated[dict[str, _Growth], AfterValidator(each_of(("increased", "decreased")))]
    size_signs: Phrases
    size_units: Annotated[dict[Literal["mm", "cm"], Phrases], AfterValidator(each_of(("mm", "cm")))]
    size_axes: Phrases
    slice_share: Share
    slices: Annotated[Templates, AfterValidator(placeholders("region"))]
    regions: Phrases
    plane_share: Share
    planes: Phrases
    sequences: Annotated[dict[Modality, Phrases], AfterValidator(each_of(MODALITIES))]
    degrees: _OfEachSignal
    changed_signals: _OfEachSignal
    enhancements: Annotated[dict[Enhancement, Phrases], AfterValidator(each_of(ENHANCEMENTS))]
    relaxation: Annotated[dict[Modality, _OfEachSignal], AfterValidator(each_of(("T1", "T2")))]


_PHRASES = load(_SequencePhrases, "sequences")
_FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９．")
_CLAUSE_ENDS = frozenset("，；。")
_DIGITS = "零一二三四五六七八九"
# The order in which a report describes the sequences.
ORDER: tuple[Modality, ...] = tuple(_PHRASES.sequences)


def signal_word(rng: random.Random, signal: SignalValue) -> str:
    """A signal as it follows its sequence (高信号, 稍高信号影, 信号减低 …); KeyError for an enhancement."""
    if rng.random() < 0.06:
        return rng.choice(_PHRASES.changed_signals[cast(Signal, signal)])
    return degree_word(rng, signal) + rng.choice(_PHRASES.signal_nouns)


def degree_word(rng: random.Random, signal: SignalValue) -> str:
    """A signal without the word 信号 (高, 稍高 …); KeyError for an enhancement."""
    return rng.choice(_PHRASES.degrees[cast(Signal, signal)])


def relaxation_word(rng: random.Random, modality: Modality, signal: SignalValue) -> str:
    """A signal as a relaxation time (长, 短 …); KeyError for an enhancement or for another sequence than T1 and T2."""
    return rng.choice(_PHRASES.relaxation[modality][cast(Signal, signal)])


def put_enhancement_word(draft: Draft, enhancement: SignalValue) -> CharSpan:
    """Write an enhancement; KeyError for a signal."""
    return draft.put_one(_PHRASES.enhancements[cast(Enhancement, enhancement)])


def state_enhancement(
    draft: Draft,
    mentions: Sequence[Mention],
    enhancement: SignalValue,
    sequence_span: CharSpan | None,
    uncertain: bool = False,
) -> None:
    """Write and state an enhancement: 结节状强化 has a shape, 环形强化 is a signal alone; KeyError for a signal."""
    span = put_enhancement_word(draft, enhancement)
    shape = None if enhancement == "环形强化" else shape_in(draft.parts[-1])
    draft.state(mentions, "T1CE", enhancement, span, sequence_span, uncertain=uncertain, morphology=shape)


def put_sequence(draft: Draft, modality: Modality) -> CharSpan:
    """Write the name of one sequence."""
    return draft.put_one(_PHRASES.sequences[modality])


def put_sequences(draft: Draft, modalities: Sequence[Modality]) -> dict[Modality, CharSpan]:
    """Write a list of sequences, seldom with the slice or the plane before them; the characters of each."""
    if draft.parts and draft.parts[-1] in _CLAUSE_ENDS and draft.chance(_PHRASES.slice_share):
        draft.put(draft.rng.choice(_PHRASES.slices).format(region=draft.rng.choice(_PHRASES.regions)))
    elif draft.parts and draft.parts[-1] in _CLAUSE_ENDS and draft.chance(_PHRASES.plane_share):
        draft.put_one(_PHRASES.planes)
    if list(modalities) == ["T2", "FLAIR"] and draft.chance(0.35):
        return dict.fromkeys(modalities, draft.put_one(_PHRASES.t2_and_flair))
    spans: dict[Modality, CharSpan] = {}
    for i, modality in enumerate(modalities):
        if i == len(modalities) - 1 and i:
            draft.put_one(_PHRASES.last_joins)
        elif i:
            draft.put("、")
        spans[modality] = put_sequence(draft, modality)
    return spans


def put_size(draft: Draft, size_mm: Iterable[int]) -> None:
    """Write a size that is given in mm, in mm or cm."""
    rng, sizes = draft.rng, list(size_mm)
    if len(sizes) > 1 and rng.random() < 0.08:
        axes = rng.sample(_PHRASES.size_axes, len(sizes))
        draft.put("，".join(f"{axis}约{size_text(rng, [mm])}" for axis, mm in zip(axes, sizes, strict=True)))
    elif draft.chance(_PHRASES.grown_share):
        draft.families.add("grown size")
        before = [max(1, round(mm * rng.choice((0.7, 0.8, 1.2, 1.4)))) for mm in sizes]
        grown = "increased" if before[0] < sizes[0] else "decreased"
        words = rng.choice(_PHRASES.grown[grown])
        draft.put(words.format(before=size_text(rng, before), now=size_text(rng, sizes)))
    else:
        draft.put(rng.choice(_PHRASES.size_leads) + size_text(rng, sizes))


def size_text(rng: random.Random, size_mm: Iterable[int]) -> str:
    """A size that is given in mm, in mm or cm: 1.2×0.8cm."""
    sizes = list(size_mm)
    sign = rng.choice(_PHRASES.size_signs)
    in_cm = rng.random() < 0.5
    unit = rng.choice(_PHRASES.size_units["cm" if in_cm else "mm"])
    numbers = [f"{mm / 10:g}" if in_cm else str(mm) for mm in sizes]
    text = sign.join(numbers) + unit if rng.random() < 0.5 else sign.join(n + unit for n in numbers)
    return text.translate(_FULL_WIDTH) if rng.random() < 0.04 else text


def spoken_size(size_mm: Iterable[int]) -> str:
    """A size that is given in mm, in cm as it is spoken: 零点八乘零点六厘米."""
    return "乘".join(_spoken_number(mm) for mm in size_mm) + "厘米"


def _spoken_number(tenths: int) -> str:
    whole, tenth = divmod(tenths, 10)
    tens, ones = divmod(whole, 10)
    words = ("十" if tens == 1 else _DIGITS[tens] + "十" if tens else "") + (_DIGITS[ones] if ones or not tens else "")
    return words + ("点" + _DIGITS[tenth] if tenth else "")

"""Several sequences in one statement: T1WI、T2WI分别呈低、高信号; FLAIR同T2WI; 除T1WI呈低信号外，其余序列均呈高信号."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from selip_contracts.vocabulary import Modality
from selip_extract.pseudo_reports.lesion_archetypes import SignalValue, SignalValues
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, Templates, load, placeholders
from selip_extract.pseudo_reports.sample_study import Share
from selip_extract.pseudo_reports.writing.draft import CharSpan, Draft, Mention
from selip_extract.pseudo_reports.writing.sequences import degree_word, put_sequence, put_sequences, signal_word

Signals = dict[Modality, SignalValues]
Values = dict[Modality, SignalValue]


class _SequenceRelationPhrases(PhraseFile):
    share: Share
    respectively: Phrases
    respectively_joins: Phrases
    verbs: Phrases
    as_another: Annotated[Templates, AfterValidator(placeholders("sequence"))]
    exception_openings: Phrases
    exception_ends: Phrases
    listed_ends: Phrases
    all_of_the_rest: Phrases


_PHRASES = load(_SequenceRelationPhrases, "sequence_relations")


def put_relation(
    draft: Draft, mentions: Sequence[Mention], signals: Signals, order: Sequence[Modality]
) -> list[Modality]:
    """Seldom, state some of the sequences of `order` by their relation; those that are left to state."""
    single = [m for m in order if len(signals[m]) == 1]
    if len(single) < 2 or not draft.chance(_PHRASES.share):
        return list(order)
    write = draft.rng.choice((_put_in_turn, _put_as_another, _put_excepted))
    written = write(draft, mentions, {m: signals[m][0] for m in single})
    if written:
        draft.separate()
    return [m for m in order if m not in written]


def put_respectively(draft: Draft, mentions: Sequence[Mention], values: Values) -> None:
    """T1WI、T2WI分别呈低、高信号."""
    rng = draft.rng
    sequences = put_sequences(draft, list(values))
    draft.put_one(_PHRASES.respectively)
    join, whole = rng.choice(_PHRASES.respectively_joins), draft.chance(0.15)
    for i, (modality, value) in enumerate(values.items()):
        last = i == len(values) - 1
        draft.put("" if not i else join if last else "、")
        word = value if value in ("等", "混杂") else degree_word(rng, value)
        draft.state(mentions, modality, value, draft.put(word + "信号" * (last or whole)), sequences[modality])


def _put_in_turn(draft: Draft, mentions: Sequence[Mention], values: Values) -> list[Modality]:
    """T1WI、T2WI、FLAIR依次呈低、高、高信号."""
    if len(values) < 3:
        return []
    draft.families.add("sequences in turn")
    put_respectively(draft, mentions, values)
    return list(values)


def _put_as_another(draft: Draft, mentions: Sequence[Mention], values: Values) -> list[Modality]:
    """T2WI呈高信号，FLAIR同T2WI."""
    one, other = next(((a, b) for a in values for b in values if a < b and values[a] == values[b]), (None, None))
    if one is None or other is None:
        return []
    draft.families.add("as another sequence")
    if draft.chance(0.8) or one in ("T1", "T2"):
        one, other = other, one
    sequence = put_sequence(draft, one)
    draft.put_one(_PHRASES.verbs)
    draft.state(mentions, one, values[one], draft.put(signal_word(draft.rng, values[one])), sequence)
    draft.put("，")
    sequence = put_sequence(draft, other)
    start = draft.length
    lead, end = draft.rng.choice(_PHRASES.as_another).split("{sequence}")
    draft.put(lead)
    put_sequence(draft, one)
    draft.put(end)
    draft.state(mentions, other, values[other], (start, draft.length), sequence)
    return [one, other]


def _put_excepted(draft: Draft, mentions: Sequence[Mention], values: Values) -> list[Modality]:
    """除T1WI呈低信号外，T2WI、FLAIR均呈高信号; T1WI、T2WI、FLAIR除T1WI呈低信号外均呈高信号."""
    alike: dict[SignalValue, list[Modality]] = {}
    for modality, value in values.items():
        alike.setdefault(value, []).append(modality)
    rest = max(alike.values(), key=len)
    excepted = next((m for m in values if m not in rest), None)
    if excepted is None or len(rest) < 2:
        return []
    draft.families.add("excepted sequence")
    listed = draft.chance(0.5)
    spans: dict[Modality, CharSpan] = {}
    if listed:
        spans = put_sequences(draft, [m for m in values if m in (excepted, *rest)])
        draft.put_one(_PHRASES.listed_ends)
    draft.put_one(_PHRASES.exception_openings)
    sequence = put_sequence(draft, excepted)
    draft.put_one(_PHRASES.verbs)
    draft.state(mentions, excepted, values[excepted], draft.put(signal_word(draft.rng, values[excepted])), sequence)
    draft.put_one(_PHRASES.exception_ends)
    if listed:
        draft.put_one(_PHRASES.all_of_the_rest)
    else:
        spans = put_sequences(draft, rest)
    draft.put("均")
    draft.put_one(_PHRASES.verbs)
    value = values[rest[0]]
    span = draft.put(signal_word(draft.rng, value))
    for modality in rest:
        draft.state(mentions, modality, value, span, spans[modality])
    return [excepted, *rest]

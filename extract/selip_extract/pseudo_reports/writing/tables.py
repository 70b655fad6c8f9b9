"""Lesions as a table in the text, a row for each lesion or each sequence; or as lists with colons."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from selip_contracts.vocabulary import MODALITIES, SIGNALS, SITES, Modality
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, each_of, load
from selip_extract.pseudo_reports.sample_study import SampledLesion, SampledSite, Share
from selip_extract.pseudo_reports.writing.collective import WrittenLesion
from selip_extract.pseudo_reports.writing.draft import CharSpan, Draft, Fact, LesionWords, Mention
from selip_extract.pseudo_reports.writing.sequences import (
    ORDER,
    degree_word,
    put_sequence,
    signal_word,
    size_text,
    state_enhancement,
)
from selip_extract.pseudo_reports.writing.sites import put_sites, site_word


class _TablePhrases(PhraseFile):
    bars: Phrases
    site_heads: Phrases
    size_heads: Phrases
    sequences: Annotated[dict[Modality, Phrases], AfterValidator(each_of(MODALITIES))]
    empty: Phrases
    absent: Phrases
    no_enhancement: Phrases
    by_sequence_share: Share
    size_share: Share
    of_sides_share: Share
    both_sides: Phrases
    list_ends: Phrases
    list_separators: Phrases


_PHRASES = load(_TablePhrases, "tables")


def put_table(draft: Draft, lesions: Sequence[SampledLesion]) -> list[WrittenLesion]:
    """Write the lesions as a table, on lines of its own."""
    draft.begin_sentence()
    draft.put("\n" if draft.parts else "")
    bar = draft.rng.choice(_PHRASES.bars)
    said = [m for m in ORDER if any(m in x.signals or m in x.absent for x in lesions)]
    if draft.chance(_PHRASES.of_sides_share):
        return _put_both_sides(draft, lesions, said, bar)
    if draft.chance(_PHRASES.by_sequence_share):
        return _put_rows_of_sequences(draft, lesions, said, bar)
    return _put_rows_of_lesions(draft, lesions, said, bar)


def _put_rows_of_lesions(
    draft: Draft, lesions: Sequence[SampledLesion], said: Sequence[Modality], bar: str
) -> list[WrittenLesion]:
    """部位 | T1WI | T2WI, and below 左侧额叶 | 低 | 高."""
    sizes = draft.chance(_PHRASES.size_share)
    draft.put_one(_PHRASES.site_heads)
    if sizes:
        draft.put(bar)
        draft.put_one(_PHRASES.size_heads)
    spans = {}
    for modality in said:
        draft.put(bar)
        spans[modality] = draft.put_one(_PHRASES.sequences[modality])
    draft.put("\n")
    empty = draft.rng.choice(_PHRASES.empty)
    written = []
    for lesion in lesions:
        draft.begin_lesion()
        start = len(draft.facts)
        mentions = put_sites(draft, lesion.sites, plain=True)
        if sizes:
            draft.put(bar + (size_text(draft.rng, lesion.size_mm) if lesion.size_mm else empty))
            draft.words.size_mm = tuple(map(float, lesion.size_mm))
        for modality in said:
            draft.put(bar)
            _put_cell(draft, mentions, lesion, modality, spans[modality], empty)
        draft.put("\n")
        written.append(WrittenLesion(mentions, draft.facts[start:]))
    return written


def _put_both_sides(
    draft: Draft, lesions: Sequence[SampledLesion], said: Sequence[Modality], bar: str
) -> list[WrittenLesion]:
    """部位 | T1WI | T2WI, and below 丘脑（左/右） | 低/等 | 高/稍高: the left and the right of a site in turn."""
    draft.families.add("table of both sides")
    rng = draft.rng
    draft.put_one(_PHRASES.site_heads)
    modalities = [m for m in ORDER if m in said and m != "T1CE"]
    modalities = modalities if len(modalities) > 1 else ["T1", "T2"]
    spans = {}
    for modality in modalities:
        draft.put(bar)
        spans[modality] = draft.put_one(_PHRASES.sequences[modality])
    draft.put("\n")
    paired = {s.site: None for x in lesions for s in x.sites if SITES[s.site].laterality == "paired"} or {"丘脑": None}
    order = rng.choice(_PHRASES.both_sides)
    first, second = order[0], order[1]
    written = []
    for site in paired:
        site_span = draft.put(site_word(rng, site))
        left, _, right = (draft.put(part) for part in ("（" + first, "/", second + "）"))
        sides = ((left[0] + 1, left[1]), (right[0], right[1] - 1))
        mentions = [
            Mention(SampledSite("左侧" if word in "左侧" else "右侧", site), site_span, span, LesionWords())
            for word, span in zip((first, second), sides, strict=True)
        ]
        start = len(draft.facts)
        for modality in modalities:
            draft.put(bar)
            for i, mention in enumerate(mentions):
                draft.put("/" if i else "")
                value = rng.choice(SIGNALS[:-1])
                draft.state([mention], modality, value, draft.put(value), spans[modality])
        draft.put("\n")
        written += [WrittenLesion([m], [f for f in draft.facts[start:] if f.mention is m]) for m in mentions]
    return written


def _put_rows_of_sequences(
    draft: Draft, lesions: Sequence[SampledLesion], said: Sequence[Modality], bar: str
) -> list[WrittenLesion]:
    """序列 | 左侧额叶 | 右侧丘脑, and below T1WI | 低 | 等."""
    draft.put("序列")
    columns: list[list[Mention]] = []
    for lesion in lesions:
        draft.put(bar)
        draft.begin_lesion()
        columns.append(put_sites(draft, lesion.sites, plain=True))
    draft.put("\n")
    empty = draft.rng.choice(_PHRASES.empty)
    facts: list[list[Fact]] = [[] for _ in lesions]
    for modality in said:
        span = draft.put_one(_PHRASES.sequences[modality])
        for column, (mentions, lesion) in enumerate(zip(columns, lesions, strict=True)):
            draft.put(bar)
            start = len(draft.facts)
            _put_cell(draft, mentions, lesion, modality, span, empty)
            facts[column] += draft.facts[start:]
        draft.put("\n")
    return [WrittenLesion(mentions, stated) for mentions, stated in zip(columns, facts, strict=True)]


def _put_cell(
    draft: Draft,
    mentions: Sequence[Mention],
    lesion: SampledLesion,
    modality: Modality,
    sequence: CharSpan,
    empty: str,
) -> None:
    """低, 高信号, 环形强化, 未见强化, or what an empty cell holds."""
    if modality in lesion.absent:
        span = draft.put_one(_PHRASES.no_enhancement if modality == "T1CE" else _PHRASES.absent)
        draft.state(mentions, modality, None, span, sequence, span)
    elif modality not in lesion.signals:
        draft.put(empty)
    elif modality == "T1CE":
        value = lesion.signals[modality][0]
        state_enhancement(draft, mentions, value, sequence)
    else:
        value = lesion.signals[modality][0]
        word = signal_word(draft.rng, value) if draft.chance(0.4) else degree_word(draft.rng, value)
        draft.state(mentions, modality, value, draft.put(word), sequence)


def put_lists_with_colons(draft: Draft, lesions: Sequence[SampledLesion]) -> list[WrittenLesion]:
    """T1WI：左侧额叶：低信号；右侧丘脑：等信号。T2WI：…: a list for each sequence."""
    draft.begin_sentence()
    rng = draft.rng
    separator, end = rng.choice(_PHRASES.list_separators), rng.choice(_PHRASES.list_ends)
    facts: list[list[Fact]] = [[] for _ in lesions]
    named: list[list[Mention]] = [[] for _ in lesions]
    for modality in ORDER:
        listed = [i for i, lesion in enumerate(lesions) if modality in lesion.signals]
        if not listed:
            continue
        sequence = put_sequence(draft, modality)
        draft.put("：")
        for i in listed:
            draft.put(separator if i != listed[0] else "")
            draft.begin_lesion()
            named[i] = put_sites(draft, lesions[i].sites, plain=True)
            draft.put("：")
            start = len(draft.facts)
            _put_cell(draft, named[i], lesions[i], modality, sequence, "")
            facts[i] += draft.facts[start:]
        draft.put(end)
    return [WrittenLesion(mentions, stated) for mentions, stated in zip(named, facts, strict=True) if mentions]

"""Lesions that have labels: ①右侧壳核…，②左侧顶叶…; ①右侧额叶②左侧顶叶各见一结节，①②号…."""

from collections.abc import Sequence

from selip_contracts.vocabulary import Modality
from selip_extract.pseudo_reports.sample_study import SampledSite
from selip_extract.pseudo_reports.writing.collective import ABSENT, put_predicate, some_signal
from selip_extract.pseudo_reports.writing.draft import Draft, Mention
from selip_extract.pseudo_reports.writing.references.parts import (
    put_named_site,
    put_random_value,
    some_sequences,
)
from selip_extract.pseudo_reports.writing.references.wording import REFERENCES
from selip_extract.pseudo_reports.writing.sequences import put_sequence, signal_word
from selip_extract.pseudo_reports.writing.shapes import note_description

_PHRASES = REFERENCES.labels


def put_labelled(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """①右侧壳核见长T2信号，②左侧顶叶见等T1信号。DWI：①呈低信号，②呈等信号."""
    rng = draft.rng
    labels, join = rng.choice(_PHRASES.names), rng.choice(_PHRASES.joins)
    first, second = some_sequences(draft, 2)
    mentions: list[Mention] = []
    for label, site in zip(labels, sites, strict=False):
        if mentions:
            draft.put_one(_PHRASES.separators)
        draft.put(label + join)
        mentions.append(put_named_site(draft, site))
        if join == "位于":
            draft.put("，")
            put_random_value(draft, mentions[-1:], first)
        else:
            draft.put_one(_PHRASES.verbs)
            sequence = put_sequence(draft, first)
            value = some_signal(draft, first)[0]
            draft.state(mentions[-1:], first, value, draft.put(signal_word(rng, value)), sequence)
    draft.put("。")
    put_sequence(draft, second)
    draft.put(rng.choice(("：", "示", "上")))
    for i, mention in enumerate(mentions):
        draft.put("，" if i else "")
        draft.put(labels[i])
        put_predicate(draft, [mention], second, some_signal(draft, second), False)


def put_label_list(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """①右侧额叶②左侧顶叶③左侧小脑半球各见一结节，①②号T1WI呈低信号，③号呈等信号，增强后①呈环形强化，②③未见强化."""
    rng = draft.rng
    labels = rng.choice(_PHRASES.names)[: len(sites)]
    mentions = _put_labelled_sites(draft, labels, sites)
    draft.put_one(_PHRASES.list_openings)
    if "一" in draft.parts[-1]:
        for mention in mentions:
            mention.words.count = "单发"
    draft.put_one(_PHRASES.list_nouns)
    note_description(draft, mentions)
    end = rng.choice(_PHRASES.ends)
    for modality in some_sequences(draft, rng.choice((1, 2))):
        draft.put("，")
        _put_split(draft, labels, mentions, modality, end)
    if draft.chance(0.5):
        draft.put(rng.choice(("；", "，", "。")))
        _put_split(draft, labels, mentions, "T1CE", end)


def put_bracketed(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """病灶A（左侧额叶）T1WI呈低信号，病灶B（脑桥）…; 左侧额叶结节（A）T1WI呈低信号，…. 增强后A、B强化."""
    rng = draft.rng
    labels = rng.choice(_PHRASES.names)[: len(sites)]
    before, behind = rng.choice(_PHRASES.bracketed).split("{site}")
    (first,) = some_sequences(draft, 1)
    draft.put_one(_PHRASES.bracketed_leads)
    mentions: list[Mention] = []
    for label, site in zip(labels, sites, strict=True):
        draft.put(rng.choice(_PHRASES.separators) if mentions else "")
        draft.put(before.format(label=label))
        mentions.append(put_named_site(draft, site))
        draft.put(behind.format(label=label))
        mentions[-1].words.lesion = "结节" if "结节" in before + behind else None
        put_random_value(draft, mentions[-1:], first)
    draft.put(rng.choice(("。", "；")))
    _put_split(draft, labels, mentions, "T1CE", rng.choice(_PHRASES.ends))


def _put_labelled_sites(draft: Draft, labels: Sequence[str], sites: Sequence[SampledSite]) -> list[Mention]:
    """The sites, each with its label before it, behind it, or in brackets behind it."""
    rng = draft.rng
    form = rng.choice(("{label}{site}", "{label}{site}", "{label}{site}", "{site}{label}", "{site}（{label}）"))
    before, behind = form.split("{site}")
    separator = rng.choice(_PHRASES.list_separators)
    mentions = []
    for i, (label, site) in enumerate(zip(labels, sites, strict=True)):
        draft.put((separator if i else "") + before.format(label=label))
        mentions.append(put_named_site(draft, site))
        draft.put(behind.format(label=label))
    return mentions


def _together(labels: Sequence[str], join: str, noun_once: bool) -> str:
    """病灶1、病灶3, or 病灶1、3 with the noun once."""
    if noun_once and join and labels[0][:2] in ("病灶", "结节"):
        labels = [labels[0], *(label[2:] for label in labels[1:])]
    return join.join(labels)


def _put_split(draft: Draft, labels: Sequence[str], mentions: Sequence[Mention], modality: Modality, end: str) -> None:
    """①②号T1WI呈低信号，③号呈等信号: one sequence, its value for some of the labels and for the others."""
    rng = draft.rng
    some = sorted(rng.sample(range(len(labels)), rng.randint(1, len(labels) - 1)))
    others = [i for i in range(len(labels)) if i not in some]
    join = rng.choice(_PHRASES.together)
    leads = modality == "T1CE" or draft.chance(0.5)
    for group in (some, others):
        draft.put("" if group is some else "，")
        if leads and group is some:
            put_sequence(draft, modality)
            draft.put_one(_PHRASES.sequence_leads)
        draft.put(_together([labels[i] for i in group], join, draft.chance(0.4)))
        draft.put(rng.choice(_PHRASES.group_nouns) if len(group) == 2 and draft.chance(0.3) else end)
        if not leads:
            put_sequence(draft, modality)
        named = [mentions[i] for i in group]
        values = ABSENT if modality == "T1CE" and draft.chance(0.3) else some_signal(draft, modality)
        put_predicate(draft, named, modality, values, len(group) > 1)

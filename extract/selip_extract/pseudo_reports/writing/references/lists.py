"""Sites in a list of their own: 多发高信号灶：左侧额叶2枚；脑桥1枚; 信号同前：脑桥; 第1处：…; 病灶（脑桥（点状））."""

from collections.abc import Sequence

from selip_contracts.vocabulary import Modality, Signal
from selip_extract.pseudo_reports.sample_study import SampledSite
from selip_extract.pseudo_reports.writing.collective import put_predicate, some_signal
from selip_extract.pseudo_reports.writing.draft import Draft, Mention
from selip_extract.pseudo_reports.writing.references.parts import (
    put_described_sites,
    put_named_site,
    put_random_value,
    put_site_list,
    some_sequences,
)
from selip_extract.pseudo_reports.writing.references.wording import REFERENCES
from selip_extract.pseudo_reports.writing.sequences import put_enhancement_word, put_sequence, signal_word, size_text
from selip_extract.pseudo_reports.writing.shapes import note_description

_PHRASES = REFERENCES.lists
_HIGH_OR_LOW: tuple[Signal, Signal] = ("高", "低")


def put_listed_by_value(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """脑内见多发T2WI高信号灶：左侧额叶3枚；右侧顶叶1枚，约5mm；脑桥1枚. The value stands before its sites."""
    rng = draft.rng
    modality: Modality = "T1CE" if draft.chance(0.25) else some_sequences(draft, 1)[0]
    draft.put_one(_PHRASES.openings)
    sequence = None if modality == "T1CE" else put_sequence(draft, modality)
    (value,) = some_signal(draft, modality)
    span = put_enhancement_word(draft, value) if modality == "T1CE" else draft.put(signal_word(rng, value))
    noun = draft.put_one(_PHRASES.nouns)
    draft.put("：")
    separator, counter = rng.choice(_PHRASES.separators), rng.choice(_PHRASES.counters)
    for i, site in enumerate(sites):
        draft.put(separator if i else "")
        mention = put_named_site(draft, site)
        number = rng.randint(1, 6)
        draft.put(f"{number}{counter}")
        mention.words.number, mention.words.count = number, "单发" if number == 1 else "多发"
        mention.words.lesion = "结节" if draft.text[slice(*noun)] == "结节" else None
        if number == 1 and draft.chance(0.3):
            size = rng.randint(3, 15)
            draft.put("，约" + size_text(rng, (size,)))
            mention.words.size_mm = (float(size),)
        draft.state([mention], modality, value, span, sequence)


def put_same_list(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """左侧额叶见结节，T1WI低信号，T2WI高信号。信号同前：右侧顶叶、脑桥."""
    first = put_named_site(draft, sites[0])
    draft.put_one(_PHRASES.first_openings)
    note_description(draft, [first])
    start = len(draft.facts)
    for modality in some_sequences(draft, 2):
        draft.put("，")
        put_random_value(draft, [first], modality)
    stated = draft.facts[start:]
    draft.put("。")
    same = draft.put_one(_PHRASES.same)
    draft.put("：")
    mentions = put_site_list(draft, sites[1:])
    for fact in stated:
        if fact.modality is not None:
            draft.state(mentions, fact.modality, fact.value, same, uncertain=fact.uncertain)


def put_by_value(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """左侧额叶、右侧颞叶及脑桥见片状T2高信号，DWI左侧额叶呈高信号，右侧颞叶、脑桥呈低信号。上述DWI高信号灶ADC均呈低信号."""
    rng = draft.rng
    split, further = some_sequences(draft, 2)
    mentions = put_described_sites(draft, sites, _PHRASES.group_openings)
    draft.put("，")
    named_as = put_sequence(draft, split)
    name = draft.text[slice(*named_as)]
    chosen = sorted(rng.sample(range(len(mentions)), rng.randint(1, len(mentions) - 1)))
    groups = [[mentions[i] for i in chosen], [m for i, m in enumerate(mentions) if i not in chosen]]
    values = rng.sample(_HIGH_OR_LOW, 2)
    for group, value in zip(groups, values, strict=True):
        draft.put("，" if group is groups[1] else "")
        again = put_site_list(draft, [m.site for m in group])
        draft.put_one(_PHRASES.all_or_one if len(group) > 1 else _PHRASES.verbs)
        draft.state(again, split, value, draft.put(f"{value}信号"), named_as)
    draft.put_one(_PHRASES.ends)
    which = rng.randrange(2)
    draft.put(rng.choice(_PHRASES.pointing) + name + values[which] + "信号")
    draft.put_one(_PHRASES.nouns_by_value)
    modality: Modality = "T1CE" if draft.chance(0.3) else further
    put_sequence(draft, modality)
    put_predicate(draft, groups[which], modality, some_signal(draft, modality), len(groups[which]) > 1)


def put_numbered(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """第1处：左侧额叶，T1WI低信号；第2处：脑桥，…；第3处：…。第1处及第3处DWI呈高信号."""
    rng = draft.rng
    first, second = some_sequences(draft, 2)
    digits, counter = rng.choice(_PHRASES.digits), rng.choice(_PHRASES.number_counters)
    join, separator = rng.choice(_PHRASES.number_joins), rng.choice(("；", "。"))
    mentions: list[Mention] = []
    for i, site in enumerate(sites[:3]):
        draft.put((separator if i else "") + f"第{digits[i]}{counter}{join}")
        mentions.append(put_named_site(draft, site))
        draft.put("，")
        put_random_value(draft, mentions[-1:], first)
    draft.put("。")
    chosen = sorted(rng.sample(range(len(mentions)), rng.choice((1, 2))))
    names = [f"第{digits[i]}{counter}" for i in chosen]
    if len(chosen) > 1 and draft.chance(0.4):
        names = [f"第{digits[chosen[0]]}、{digits[chosen[1]]}{counter}"]
    draft.put(rng.choice(("及", "、")).join(names))
    put_sequence(draft, second)
    put_predicate(draft, [mentions[i] for i in chosen], second, some_signal(draft, second), len(chosen) > 1)


def put_nested_brackets(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """病灶（左侧额叶（皮层下，点状）、脑桥（约3mm））呈T2WI高信号."""
    rng = draft.rng
    draft.put(rng.choice(_PHRASES.bracket_leads) + "（")
    mentions: list[Mention] = []
    for site in sites:
        draft.put(rng.choice(("、", "、", "；")) if mentions else "")
        mentions.append(put_named_site(draft, site))
        if draft.chance(0.7):
            size = rng.randint(3, 15)
            shape = rng.choice(_PHRASES.bracketed_shapes)
            aside = rng.choice(_PHRASES.asides)
            draft.put("（" + aside.format(shape=shape, size=size_text(rng, (size,))) + "）")
            mentions[-1].words.morphology = shape if "{shape}" in aside else None
            mentions[-1].words.size_mm = (float(size),) if "{size}" in aside else ()
    draft.put("）")
    for i, modality in enumerate(some_sequences(draft, rng.choice((1, 2)))):
        draft.put("，" if i else "")
        put_random_value(draft, mentions, modality)

"""What is told from another: T1等信号（前稿误写为高信号）; 均匀强化而非环形强化; 除右侧颞叶外，…; …（脑桥除外）."""

from collections.abc import Sequence

from selip_contracts.vocabulary import ENHANCEMENTS, SITES, Modality, Side, Signal
from selip_extract.pseudo_reports.sample_study import SampledSite
from selip_extract.pseudo_reports.writing.draft import Draft
from selip_extract.pseudo_reports.writing.references.parts import (
    put_described_sites,
    put_named_site,
    put_random_value,
    some_sequences,
)
from selip_extract.pseudo_reports.writing.references.wording import REFERENCES
from selip_extract.pseudo_reports.writing.sequences import put_sequence
from selip_extract.pseudo_reports.writing.shapes import note_description
from selip_extract.pseudo_reports.writing.sites import site_word

_PHRASES = REFERENCES.corrections
_VALUES: tuple[Signal, ...] = ("高", "稍高", "等", "稍低", "低")


def put_corrected_value(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """左侧额叶见结节，T1WI等信号（此处前稿误写为高信号），增强后均匀强化而非环形强化."""
    rng = draft.rng
    mention = put_named_site(draft, sites[0])
    draft.put_one(_PHRASES.openings)
    note_description(draft, [mention])
    modality, further = some_sequences(draft, 2)
    both = rng.random()
    if both < 0.7:
        sequence = put_sequence(draft, modality)
        draft.put_one(_PHRASES.verbs)
        right, wrong = rng.sample(_VALUES, 2)
        draft.state([mention], modality, right, draft.put(f"{right}信号"), sequence)
        draft.put(rng.choice(_PHRASES.mistaken).format(value=f"{wrong}信号"))
        draft.put("，")
    if both > 0.4:
        sequence = put_sequence(draft, "T1CE")
        draft.put_one(_PHRASES.enhancement_verbs)
        pattern, other = rng.sample([e for e in ENHANCEMENTS if e != "强化"], 2)
        draft.state([mention], "T1CE", pattern, draft.put(pattern), sequence)
        draft.put(rng.choice(_PHRASES.rather_than).format(value=other))
        draft.put("，")
    put_random_value(draft, [mention], further)


def put_exception_before(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """除右侧额叶外，左侧额叶、脑桥见斑片状异常信号，T2WI呈高信号: the excepted site has nothing."""
    rng = draft.rng
    left_out = next(site for site in sites if SITES[site.site].laterality == "paired")
    sides: tuple[Side, Side] = rng.choice((("左侧", "右侧"), ("右侧", "左侧")))
    draft.put(f"除{sides[0]}{site_word(rng, left_out.site)}")
    draft.put_one(_PHRASES.excepted)
    others = [SampledSite(sides[1], left_out.site), *(site for site in sites if site is not left_out)]
    mentions = put_described_sites(draft, others, _PHRASES.group_openings)
    modalities: list[Modality] = some_sequences(draft, rng.choice((1, 2)))
    for modality in modalities:
        draft.put("，")
        put_random_value(draft, mentions, modality)


def put_exception_behind(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """左侧额叶、右侧顶叶、脑桥见异常信号，T2WI呈高信号（脑桥除外）: the sequence is stated of the other sites."""
    rng = draft.rng
    mentions = put_described_sites(draft, sites, _PHRASES.group_openings)
    first, second = some_sequences(draft, 2)
    if draft.chance(0.5):
        draft.put("，")
        put_random_value(draft, mentions, first)
    draft.put("，")
    left_out = rng.choice(mentions).site
    put_random_value(draft, [m for m in mentions if m.site != left_out], second)
    name = (left_out.side or "") + site_word(rng, left_out.site)
    draft.put(rng.choice(_PHRASES.bracketed).format(site=name))

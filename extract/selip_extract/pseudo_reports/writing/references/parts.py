"""The words that references are made of: sites that are lesions of their own, and a sequence with a random value."""

from collections.abc import Sequence

from selip_contracts.vocabulary import Modality
from selip_extract.pseudo_reports.phrases import Phrases
from selip_extract.pseudo_reports.sample_study import SampledSite
from selip_extract.pseudo_reports.writing.collective import some_signal
from selip_extract.pseudo_reports.writing.draft import Draft, LesionWords, Mention
from selip_extract.pseudo_reports.writing.shapes import note_description
from selip_extract.pseudo_reports.writing.signals import put_enhancement, put_value
from selip_extract.pseudo_reports.writing.sites import site_word

_PLAIN: tuple[Modality, ...] = ("T1", "T2", "FLAIR", "DWI", "ADC", "SWI")


def some_sequences(draft: Draft, number: int) -> list[Modality]:
    """So many different sequences without contrast."""
    return draft.rng.sample(_PLAIN, number)


def put_named_site(draft: Draft, site: SampledSite) -> Mention:
    """Write one site with its side before it; it is a lesion of its own."""
    side_span = draft.put(site.side) if site.side else None
    return Mention(site, draft.put(site_word(draft.rng, site.site)), side_span, LesionWords())


def put_random_value(draft: Draft, mentions: Sequence[Mention], modality: Modality) -> None:
    """T2WI呈高信号."""
    value = some_signal(draft, modality)
    if modality == "T1CE":
        put_enhancement(draft, mentions, value)
    else:
        put_value(draft, mentions, (modality,), value[0])


def put_site_list(draft: Draft, sites: Sequence[SampledSite], last_join: str = "、") -> list[Mention]:
    """Write the sites as a list, each a lesion of its own."""
    mentions: list[Mention] = []
    for i, site in enumerate(sites):
        draft.put("" if not i else last_join if i == len(sites) - 1 else "、")
        mentions.append(put_named_site(draft, site))
    return mentions


def put_described_sites(draft: Draft, sites: Sequence[SampledSite], openings: Phrases) -> list[Mention]:
    """左侧额叶、右侧颞叶及脑桥见片状异常信号: a list of sites, and what is said of the lesions there."""
    mentions = put_site_list(draft, sites, draft.rng.choice(("及", "、", "和")))
    draft.put_one(openings)
    note_description(draft, mentions)
    return mentions

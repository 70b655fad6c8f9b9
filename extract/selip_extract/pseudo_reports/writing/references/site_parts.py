"""Parts of a site that are named by themselves: 胼胝体膝部、体部及压部见…，DWI体部呈高信号，压部呈等信号."""

from collections.abc import Sequence

from selip_contracts.vocabulary import SITES
from selip_extract.pseudo_reports.sample_study import SampledSite
from selip_extract.pseudo_reports.writing.collective import put_predicate, some_signal
from selip_extract.pseudo_reports.writing.draft import Draft, Mention
from selip_extract.pseudo_reports.writing.references.parts import put_random_value, some_sequences
from selip_extract.pseudo_reports.writing.references.wording import REFERENCES
from selip_extract.pseudo_reports.writing.sequences import put_sequence
from selip_extract.pseudo_reports.writing.shapes import note_description

_PHRASES = REFERENCES.site_parts


def put_parts_of_site(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """胼胝体膝部、体部及压部见异常信号，T2WI呈高信号，DWI体部呈高信号，压部呈等信号."""
    rng = draft.rng
    whole, parts = rng.choice(tuple(_PHRASES.wholes.items()))
    paired = SITES[whole].laterality == "paired"
    side = sites[0].side or "双侧" if paired else None
    side_span = draft.put(side) if side else None
    chosen = sorted(rng.sample(range(len(parts)), rng.randint(2, len(parts))))
    named = [parts[i] for i in chosen]
    start = draft.length
    draft.put(whole)
    mentions = []
    for part in named:
        draft.put("" if part == named[0] else rng.choice(_PHRASES.last_joins) if part == named[-1] else "、")
        begin, end = draft.put(part)
        span = (start if part == named[0] else begin, end)
        mentions.append(Mention(SampledSite(side, whole + part), span, side_span, draft.words))
    draft.put_one(_PHRASES.openings)
    note_description(draft, mentions)
    first, second = some_sequences(draft, 2)
    draft.put("，")
    put_random_value(draft, mentions, first)
    draft.put("，")
    put_sequence(draft, second)
    draft.put_one(_PHRASES.sequence_leads)
    for i, mention in enumerate(mentions[-rng.randint(1, len(mentions)) :]):
        draft.put("，" if i else "")
        site = mention.site.site
        again = Mention(mention.site, draft.put(site.removeprefix(whole)), side_span, mention.words)
        put_predicate(draft, [again], second, some_signal(draft, second), False)

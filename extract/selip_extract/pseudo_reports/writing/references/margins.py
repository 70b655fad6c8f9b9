"""The margins of several lesions told apart: 前者边界清楚，后者边界模糊; 除左侧额叶病灶外边界均清."""

from collections.abc import Sequence

from selip_extract.pseudo_reports.sample_study import SampledSite
from selip_extract.pseudo_reports.writing.collective import put_predicate, put_reference, some_signal
from selip_extract.pseudo_reports.writing.draft import Draft, Mention
from selip_extract.pseudo_reports.writing.references.parts import put_described_sites, some_sequences
from selip_extract.pseudo_reports.writing.references.wording import REFERENCES
from selip_extract.pseudo_reports.writing.sequences import put_sequence

_PHRASES = REFERENCES.margins


def put_margins(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """左侧额叶、右侧丘脑各见一结节，T2WI均呈高信号，前者边界清楚，后者边界模糊，二者DWI均呈等信号."""
    first, second = some_sequences(draft, 2)
    mentions = put_described_sites(draft, sites, _PHRASES.openings)
    draft.put("，")
    put_sequence(draft, first)
    put_predicate(draft, mentions, first, some_signal(draft, first), True)
    draft.put(draft.rng.choice(_PHRASES.separators))
    ways = [_put_all_but_one, _put_all] + [_put_each] * 2 * (len(mentions) == 2)
    way = draft.rng.choice(ways)
    way(draft, mentions)
    if way is not _put_all_but_one and draft.chance(0.5):
        draft.put("，")
        draft.put("二者" if way is _put_each else "")
        put_sequence(draft, second)
        put_predicate(draft, mentions, second, some_signal(draft, second), True)


def _put_each(draft: Draft, mentions: Sequence[Mention]) -> None:
    """前者边界清楚，后者边界模糊."""
    for i, (mention, name) in enumerate(zip(mentions, ("前者", "后者"), strict=True)):
        draft.put(("，" if i else "") + name)
        draft.put_maybe(0.2, _PHRASES.beside)
        draft.put_one(draft.rng.choice((_PHRASES.clear, _PHRASES.unclear)))
        mention.words.margin = draft.parts[-1]


def _put_all_but_one(draft: Draft, mentions: Sequence[Mention]) -> None:
    """除左侧额叶病灶外边界均清."""
    chosen = draft.rng.choice(mentions)
    draft.put("除")
    put_reference(draft, [chosen], mentions, noun=False)
    draft.put_one(_PHRASES.excepted)
    draft.put_one(_PHRASES.of_all)
    for mention in mentions:
        mention.words.margin = draft.parts[-1] if mention is not chosen else None


def _put_all(draft: Draft, mentions: Sequence[Mention]) -> None:
    """边界均清."""
    draft.put_one(_PHRASES.of_all)
    for mention in mentions:
        mention.words.margin = draft.parts[-1]

"""Both sides of a site told apart by their size: 双侧积液，左侧厚约8mm，…，右侧厚约5mm，…; 大者（左侧）约12mm."""

from collections.abc import Sequence

from selip_contracts.vocabulary import SITES, Side
from selip_extract.pseudo_reports.sample_study import SampledSite
from selip_extract.pseudo_reports.writing.draft import Draft, LesionWords, Mention
from selip_extract.pseudo_reports.writing.references.parts import put_random_value, some_sequences
from selip_extract.pseudo_reports.writing.references.wording import REFERENCES
from selip_extract.pseudo_reports.writing.sequences import size_text
from selip_extract.pseudo_reports.writing.shapes import shape_in
from selip_extract.pseudo_reports.writing.sites import site_word

_PHRASES = REFERENCES.sized_sides


def put_sized_sides(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """双侧硬膜下见新月形异常信号，左侧厚约8mm，T1WI呈高信号，右侧厚约5mm，T1WI呈低信号."""
    rng = draft.rng
    draft.put("双侧")
    site = next(site.site for site in sites if SITES[site.site].laterality == "paired")
    site_span = draft.put(site_word(rng, site))
    draft.put_one(_PHRASES.openings)
    shape = shape_in(draft.parts[-1])
    modalities = some_sequences(draft, rng.choice((1, 1, 2)))
    sides: tuple[Side, ...] = rng.choice((("左侧", "右侧"), ("右侧", "左侧")))
    form = rng.choice(_PHRASES.forms)
    for side in sides:
        draft.put(rng.choice(_PHRASES.separators) if side is not sides[0] else "，")
        mention = Mention(SampledSite(side, site), site_span, draft.put(side), LesionWords(morphology=shape))
        before, behind = form.split("{size}")
        size = rng.randint(3, 18)
        draft.put(before + size_text(rng, (size,)) + behind)
        mention.words.size_mm = (float(size),)
        for i, modality in enumerate(modalities):
            draft.put("，" if i else "")
            put_random_value(draft, [mention], modality)


def put_largest_of_both_sides(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """双侧额叶见多发结节，大者（左侧）约12×8mm，T2WI呈高信号，小者呈低信号: the smaller ones lie on either side."""
    rng = draft.rng
    both = draft.put("双侧")
    site = next(site.site for site in sites if SITES[site.site].laterality == "paired")
    site_span = draft.put(site_word(rng, site))
    draft.put_one(_PHRASES.many)
    noun = "结节" if "结节" in draft.parts[-1] else None
    draft.put("，")
    draft.put_one(_PHRASES.largest)
    side: Side = rng.choice(("左侧", "右侧"))
    _, end = draft.put(f"（{side}）")
    size = (rng.randint(12, 30), rng.randint(8, 12))
    words = LesionWords(count="多发", size_mm=tuple(map(float, size)), lesion=noun)
    draft.put("约" + size_text(rng, size) + "，")
    modality, further = some_sequences(draft, 2)
    put_random_value(draft, [Mention(SampledSite(side, site), site_span, (end - 3, end - 1), words)], modality)
    if draft.chance(0.6):
        draft.put_one(_PHRASES.separators)
        draft.put_one(_PHRASES.smaller)
        smaller = Mention(SampledSite("双侧", site), site_span, both, LesionWords(count="多发", lesion=noun))
        put_random_value(draft, [smaller], rng.choice((modality, further)))

"""What stands around the lesions and gives no finding: diseases without a signal, other exams, impressions, denials."""

from typing import Annotated

from pydantic import AfterValidator

from selip_contracts.vocabulary import SIDES, SITES, Change
from selip_extract.pseudo_reports.phrases import (
    PhraseFile,
    Phrases,
    SiteName,
    Templates,
    known_sites,
    load,
    placeholders,
)
from selip_extract.pseudo_reports.sample_study import SampledSite, Share
from selip_extract.pseudo_reports.writing.draft import Draft
from selip_extract.pseudo_reports.writing.sites import put_sites, site_word

_Sites = Annotated[Phrases, AfterValidator(known_sites)]
_AtSite = Annotated[Templates, AfterValidator(placeholders("side", "site"))]


class _Shares(PhraseFile):
    diseases: Share
    only_diseases: Share
    other_exams: Share
    ct_first: Share
    body_parts: Share
    impressions: Share
    denied_changes: Share
    vessel_exams: Share


class _Diseases(PhraseFile):
    sites: _Sites
    at_site: Annotated[Templates, AfterValidator(placeholders("side", "site", "disease"))]
    names: Phrases
    elsewhere: Annotated[Templates, AfterValidator(placeholders("side"))]


class _OtherExams(PhraseFile):
    sites: _Sites
    abnormal: _AtSite
    without_abnormality: Phrases
    ct_first: Annotated[Templates, AfterValidator(placeholders("side", "site", "date"))]
    back_to_mri: Phrases


class _VesselExams(PhraseFile):
    sites: _Sites
    leads: Phrases
    leads_to_veins: Phrases
    segments: Phrases
    ends: Phrases
    changes: dict[Change, Phrases]


class _Impressions(PhraseFile):
    changes: Annotated[Templates, AfterValidator(placeholders("side"))]
    leads: Phrases
    normal: Phrases
    ends: Phrases


class _DeniedChanges(PhraseFile):
    sites: _Sites
    changes: dict[SiteName, Phrases]
    before: Phrases
    behind: Phrases


class _Surroundings(PhraseFile):
    shares: _Shares
    diseases: _Diseases
    other_exams: _OtherExams
    body_parts: Phrases
    vessel_exams: _VesselExams
    impressions: _Impressions
    denied_changes: _DeniedChanges


_PHRASES = load(_Surroundings, "surroundings")


def put_disease(draft: Draft, has_lesions: bool) -> None:
    """右侧额叶见脑出血: a disease without a signal, in some reports."""
    shares = _PHRASES.shares
    if draft.chance(shares.diseases if has_lesions else shares.only_diseases):
        _note(draft, "disease without a signal")
        draft.put(_disease(draft))
        draft.end_statement()


def put_ct_first(draft: Draft, date: str) -> None:
    """CT平扫：右侧颞叶见低密度影。MRI平扫：, in some reports."""
    if draft.chance(_PHRASES.shares.ct_first):
        _note(draft, "other exam")
        words = _PHRASES.other_exams
        draft.put(draft.rng.choice(words.ct_first).format(**_where(draft, words.sites), date=date))
        draft.put_one(words.back_to_mri)


def put_other_exam(draft: Draft) -> None:
    """MRS：左侧颞叶NAA峰降低: a sentence about another exam, in some reports."""
    if not draft.chance(_PHRASES.shares.other_exams):
        return
    draft.begin_sentence()
    words = _PHRASES.other_exams
    if draft.chance(0.7):
        _note(draft, "other exam")
        draft.put(draft.rng.choice(words.abnormal).format(**_where(draft, words.sites)))
    else:
        draft.families.add("other exam")
        draft.put_one(words.without_abnormality)


def put_vessel_exam(draft: Draft) -> None:
    """MRA：右侧大脑中动脉狭窄，远端分支稀疏: a vessel that has changed is a general finding, in some reports."""
    if not draft.chance(_PHRASES.shares.vessel_exams):
        return
    draft.families.add("vessel exam")
    draft.begin_sentence()
    rng, words = draft.rng, _PHRASES.vessel_exams
    site = rng.choice(words.sites)
    draft.put_one(words.leads_to_veins if site == "静脉窦" else words.leads)
    side = rng.choice(SIDES) if SITES[site].laterality == "paired" else None
    mentions = put_sites(draft, [SampledSite(side, site)], plain=True)
    draft.put_one(words.segments)
    change = rng.choice(tuple(words.changes))
    draft.state(mentions, None, change, draft.put_one(words.changes[change]))
    draft.put_one(words.ends)


def put_body_part(draft: Draft) -> bool:
    """颈髓：C3水平见条状长T2信号: another part of the body, in some reports; whether it is written."""
    if not draft.chance(_PHRASES.shares.body_parts):
        return False
    draft.families.add("other body part")
    draft.begin_sentence()
    draft.put_one(_PHRASES.body_parts)
    return True


def put_impression(draft: Draft, has_lesions: bool) -> None:
    """影像诊断：左侧额叶胶质瘤: an impression in the same cell, in some reports."""
    if not draft.chance(_PHRASES.shares.impressions):
        return
    draft.begin_sentence()
    draft.families.add("impression")
    draft.put_one(_PHRASES.impressions.leads)
    if not has_lesions:
        draft.put_one(_PHRASES.impressions.normal)
        return
    draft.understood = False
    count = draft.rng.choice((1, 1, 2, 3))
    for number in range(count):
        draft.put("" if count == 1 else f"{number + 1}.")
        changed = draft.chance(0.2)
        draft.put(_change(draft) if changed else _disease(draft))
        draft.put("；" if number < count - 1 else draft.rng.choice(_PHRASES.impressions.ends))


def put_denied_changes(draft: Draft) -> None:
    """三脑室未扩大，脑沟增宽不明显: changes that are denied, in some reports."""
    if not draft.chance(_PHRASES.shares.denied_changes):
        return
    draft.families.add("denied change")
    words, rng = _PHRASES.denied_changes, draft.rng
    sites = rng.sample(words.sites, rng.choice((1, 1, 2, 3)))
    for site in sites:
        draft.put("" if site == sites[0] else "，")
        draft.put(rng.choice(("双侧", "")) if SITES[site].laterality == "paired" else "")
        draft.put(site_word(rng, site))
        change = rng.choice(words.changes[site])
        draft.put(rng.choice(words.before) + change if rng.random() < 0.75 else change + rng.choice(words.behind))
    draft.end_statement()


def _note(draft: Draft, family: str) -> None:
    """Record the family of a sentence that makes the study not normal."""
    draft.families.add(family)
    draft.understood = False


def _disease(draft: Draft) -> str:
    words = _PHRASES.diseases
    if draft.chance(0.3):
        return draft.rng.choice(words.elsewhere).format(side=draft.rng.choice(("左侧", "右侧")))
    template, name = draft.rng.choice(words.at_site), draft.rng.choice(words.names)
    return template.format(**_where(draft, words.sites), disease=name)


def _change(draft: Draft) -> str:
    return draft.rng.choice(_PHRASES.impressions.changes).format(side=draft.rng.choice(("左侧", "右侧")))


def _where(draft: Draft, sites: Phrases) -> dict[str, str]:
    return {"side": draft.rng.choice(("左侧", "右侧", "双侧")), "site": site_word(draft.rng, draft.rng.choice(sites))}

"""A pseudo-report: a random study written as findings text, together with the truth it states."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, cast

from pydantic import AfterValidator, Field

from selip_contracts.findings import AnnotatedReport, Evidence, Finding, GeneralFinding, Span, SpanRole, Study
from selip_contracts.vocabulary import CHANGES, SITES, UNLISTED, Change, Modality, Side, site_and_words
from selip_extract.language.study import assembled
from selip_extract.pseudo_reports.lesion_archetypes import SignalValue
from selip_extract.pseudo_reports.phrases import Dated, PhraseFile, Phrases, Templates, each_of, load, placeholders
from selip_extract.pseudo_reports.sample_study import GeneralChange, SampledSite, SampledStudy, sample_study
from selip_extract.pseudo_reports.writing.absences import put_absence
from selip_extract.pseudo_reports.writing.as_typed import as_typed
from selip_extract.pseudo_reports.writing.block import put_block
from selip_extract.pseudo_reports.writing.collective import WrittenLesion
from selip_extract.pseudo_reports.writing.draft import CharSpan, Draft, Fact, LesionWords, Mention
from selip_extract.pseudo_reports.writing.sequences import put_sequences
from selip_extract.pseudo_reports.writing.sites import put_sites, site_word
from selip_extract.pseudo_reports.writing.surroundings import (
    put_body_part,
    put_ct_first,
    put_denied_changes,
    put_disease,
    put_impression,
    put_other_exam,
    put_vessel_exam,
)

_WORDED_CHANGES = tuple(change for change in CHANGES if change != "其他")


class _ReportPhrases(PhraseFile):
    headings: Dated
    abnormal_headings: Phrases
    dates: Annotated[Templates, AfterValidator(placeholders("year", "month", "day"))]
    numbers: Annotated[Templates, AfterValidator(placeholders("number"))]
    normal_brain: Phrases
    normal_rest: Phrases
    elsewhere: Phrases
    normal_sides: Phrases
    normal_predicates: Phrases
    normal_ends: Phrases
    earlier_sides: Annotated[tuple[Side, ...], Field(min_length=1)]
    earlier_openings: Dated
    earlier_signals: Phrases
    earlier_ends: Phrases
    earlier_studies: Phrases
    earlier_outcomes: Phrases
    change_leads: Phrases
    change_degrees: Phrases
    change_separators: Phrases
    change_remarks: dict[Change, Phrases]
    clear_sites: Phrases
    clear_leads: Phrases
    brain_words: Phrases
    inside: Phrases
    clear_signals: Phrases
    changes: Annotated[dict[Change, Phrases], AfterValidator(each_of(_WORDED_CHANGES))]
    slips: dict[str, str]


_PHRASES = load(_ReportPhrases, "report")
_LISTED = tuple(s for s in SITES if s != UNLISTED)
_PAIRED = tuple(s for s in _LISTED if SITES[s].laterality == "paired")
_EARLIER_SEQUENCES: tuple[tuple[Modality, ...], ...] = (("T2", "FLAIR"), ("DWI",), ("T1",), ("FLAIR",))
_HALF_WIDTH = str.maketrans("，；：（）", ",;:()")
_SLIPS = str.maketrans(_PHRASES.slips)


@dataclass(frozen=True)
class WrittenReport:
    """A pseudo-report and the statements in it, in the order of the text.

    `understood`: false where it names a disease that gives no finding. `families`: the constructions in it, by name.
    """

    text: str
    facts: tuple[Fact, ...]
    understood: bool = True
    families: frozenset[str] = frozenset()

    @property
    def study(self) -> Study:
        """The distinct findings, negatives and changes with their evidence."""
        findings = (self._finding(f, f.modality) for f in self.facts if f.modality is not None)
        study = assembled(findings, (self._change(f) for f in self.facts if f.modality is None))
        # An annotated file says of a study with findings that it is not normal, and nothing further.
        understood = self.understood or bool(study.findings or study.general)
        return study.model_copy(update={"understood": understood})

    def annotated(self, report_id: str) -> AnnotatedReport:
        """The report in the annotated form."""
        return AnnotatedReport(report_id=report_id, findings_text=self.text, study=self.study)

    def _finding(self, fact: Fact, modality: Modality) -> Finding:
        site, site_text = site_and_words(fact.mention.site.site)
        present = fact.value is not None
        words = fact.mention.words if present else LesionWords()
        return Finding(
            modality=modality,
            side=fact.mention.site.side,
            site=site,
            site_text=site_text,
            signal=cast(SignalValue | None, fact.value),
            present=present,
            morphology=fact.morphology if present else None,
            count=words.count,
            number=1 if words.count == "单发" else words.number,
            size_mm=words.size_mm,
            margin=words.margin,
            lesion=words.lesion,
            certainty="可疑" if fact.uncertain else "肯定",
            evidence=self._evidence(fact),
        )

    def _change(self, fact: Fact) -> GeneralFinding:
        site, site_text = site_and_words(fact.mention.site.site)
        return GeneralFinding(
            side=fact.mention.site.side,
            site=site,
            site_text=site_text,
            change=cast(Change, fact.value),
            evidence=self._evidence(fact),
        )

    def _evidence(self, fact: Fact) -> Evidence:
        value: SpanRole = "change" if fact.modality is None else "signal"
        roles: tuple[tuple[SpanRole, CharSpan | None], ...] = (
            ("site", fact.mention.site_span),
            ("side", fact.mention.side_span),
            ("sequence", fact.sequence_span),
            (value, fact.value_span),
            ("negation", fact.negation_span),
        )
        spans = tuple(Span(role=role, start=span[0], end=span[1]) for role, span in roles if span)
        start, end = min(s.start for s in spans), max(s.end for s in spans)
        return Evidence(text=self.text[start:end], start=start, end=end, spans=spans)


def write_study(rng: random.Random) -> WrittenReport:
    """Draw a study from `rng` and write it."""
    return write_report(rng, sample_study(rng))


def write_report(rng: random.Random, study: SampledStudy) -> WrittenReport:
    """Write the study as one findings text."""
    draft = Draft(rng)
    draft.runs_on = rng.random() < 0.35
    stop = rng.choices(("。", "；", "，"), (84, 12, 4))[0]
    numbered = len(study.lesions) > 1 and rng.random() < 0.08
    _put_opening(draft, study)
    changes = _put_lesions(draft, study, stop, numbered)
    _put_closing(draft, changes, study)
    text = draft.text
    if rng.random() < 0.2:
        text = text.translate(_HALF_WIDTH)
    if rng.random() < 0.1:
        text = text.translate(_SLIPS)
    text, facts, changed = as_typed(rng, text, draft.facts)
    if any(site_and_words(fact.mention.site.site)[1] for fact in facts):
        draft.families.add("unlisted site")
    understood = draft.understood and "damaged text" not in changed
    return WrittenReport(text, facts, understood, frozenset(draft.families | changed))


def _put_opening(draft: Draft, study: SampledStudy) -> None:
    rng = draft.rng
    if rng.random() < 0.3:
        if draft.chance(0.05):
            draft.understood = False
            draft.put_one(_PHRASES.abnormal_headings)
        else:
            draft.put(rng.choice(_PHRASES.headings).format(date=_date(rng)))
    elif study.lesions:
        put_ct_first(draft, _date(rng))
    often = 4 if draft.runs_on else 1
    if (not study.lesions and not study.changes) or rng.random() < 0.1 * often:
        _put_normal(draft, _PHRASES.normal_brain)
    if (not study.lesions and rng.random() < 0.7) or rng.random() < 0.06:
        _put_clear(draft, study.modalities)
    if rng.random() < 0.12 * often:
        _put_normal(draft, _PHRASES.normal_rest)


def _put_closing(draft: Draft, changes: Sequence[GeneralChange], study: SampledStudy) -> None:
    """The general changes, and among them what states no finding; then other body parts, exams and the impression."""
    rng = draft.rng
    closing: list[Callable[[], None]] = [lambda: _put_changes(draft, changes)]
    closing += [lambda: _put_normal(draft, _PHRASES.normal_rest)] * rng.choice((0, 1, 1, 2, 3))
    if rng.random() < 0.2:
        closing.append(lambda: _put_clear(draft, study.modalities))
    if rng.random() < 0.25:
        closing.append(lambda: _put_normal_sites(draft))
    if rng.random() < 0.15:
        closing.append(lambda: _put_normal(draft, _PHRASES.normal_brain))
    closing += [lambda: put_disease(draft, bool(study.lesions)), lambda: put_denied_changes(draft)]
    rng.shuffle(closing)
    for close in closing:
        close()
    put_other_exam(draft)
    put_vessel_exam(draft)
    if rng.random() < 0.1:
        draft.begin_sentence()
        draft.put(rng.choice(_PHRASES.elsewhere) + "。")
    put_impression(draft, bool(study.lesions or study.changes))
    if rng.random() < 0.1:
        draft.strip_separators()


def _date(rng: random.Random) -> str:
    year, month, day = rng.randint(2015, 2026), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice(_PHRASES.dates).format(year=year, month=month, day=day)


def _put_lesions(draft: Draft, study: SampledStudy, stop: str, numbered: bool) -> list[GeneralChange]:
    """Write the lesions, with some changes before and among them; the remaining changes."""
    rng = draft.rng
    lesions, changes = list(study.lesions), list(study.changes)
    if not lesions:
        return changes
    if numbered:
        for i, lesion in enumerate(lesions, 1):
            draft.put(rng.choice(_PHRASES.numbers).format(number=i))
            put_block(draft, [lesion], "。")
        return changes
    written: list[WrittenLesion] = []
    while lesions:
        if changes and rng.random() < (0.7 if draft.runs_on else 0.3):
            _put_changes(draft, [changes.pop()])
        count = rng.choice((1, 2, 2, 3, 3, 4))
        if rng.random() < 0.12:
            _put_earlier(draft)
        written = put_block(draft, lesions[:count], stop, written)
        lesions = lesions[count:]
        if lesions and rng.random() < 0.2:
            _put_normal(draft, _PHRASES.normal_rest)
        elif lesions and stop == "。" and put_body_part(draft):
            written = []
    if stop == "，":
        draft.strip_separators()
        draft.end_statement()
    return changes


def _put_earlier(draft: Draft) -> None:
    """A sentence about an earlier study, which states nothing now."""
    rng = draft.rng
    if rng.random() < 0.4:
        draft.put(rng.choice(_PHRASES.earlier_openings).format(date=_date(rng)))
        for i in range(rng.choice((1, 1, 2))):
            draft.put("，" if i else "")
            put_sites(draft, [SampledSite(rng.choice(_PHRASES.earlier_sides), rng.choice(_PAIRED))], plain=True)
            put_sequences(draft, rng.choice(_EARLIER_SEQUENCES))
            draft.put_one(_PHRASES.earlier_signals)
        draft.put_one(_PHRASES.earlier_ends)
        return
    draft.put_one(_PHRASES.earlier_studies)
    draft.put(rng.choice(_PHRASES.earlier_sides) + site_word(rng, rng.choice(_PAIRED)))
    draft.put_one(_PHRASES.earlier_outcomes)
    draft.put("。")


def _put_normal(draft: Draft, sentences: Sequence[str]) -> None:
    draft.put(draft.rng.choice(sentences))
    draft.end_statement()


def _put_normal_sites(draft: Draft) -> None:
    """A list of sites with nothing to see."""
    rng = draft.rng
    sites = rng.sample(_LISTED, rng.choice((1, 2, 2, 3, 4, 5)))
    paired = [s for s in sites if SITES[s].laterality == "paired"]
    midline = [s for s in sites if SITES[s].laterality != "paired"]
    side = rng.choice(_PHRASES.normal_sides)
    words = [(side if i == 0 else "") + site_word(rng, s) for i, s in enumerate(paired)] + [
        site_word(rng, s) for s in midline
    ]
    draft.put("、".join(words))
    draft.put_one(
        _PHRASES.normal_predicates,
    )
    draft.put_one(_PHRASES.normal_ends)


def _put_changes(draft: Draft, changes: Sequence[GeneralChange]) -> None:
    rng = draft.rng
    rest = [c for c in changes if c.change in _PHRASES.changes]
    while rest:
        change = rest.pop(0)
        together = [change, *(c for c in rest if c.change == change.change and rng.random() < 0.6)]
        together = [
            c
            for i, c in enumerate(together)
            if SampledSite(c.side, c.site) not in [SampledSite(d.side, d.site) for d in together[:i]]
        ]
        rest = [c for c in rest if c not in together]
        draft.put_maybe(0.06, _PHRASES.change_leads)
        mentions = put_sites(draft, [SampledSite(c.side, c.site) for c in together], plain=True)
        draft.put_maybe(0.1, _PHRASES.change_degrees)
        span = draft.put_one(_PHRASES.changes[change.change])
        draft.state(mentions, None, change.change, span)
        if not rest and change.change in _PHRASES.change_remarks:
            draft.put_maybe(0.1, _PHRASES.change_remarks[change.change])
        draft.put_one(_PHRASES.change_separators) if rest else draft.end_statement()


def _put_clear(draft: Draft, modalities: Sequence[Modality]) -> None:
    """A sequence on which the brain as a whole, or one site, is explicitly clear."""
    rng = draft.rng
    subject = rng.choice(_PHRASES.clear_sites)
    if not subject:
        site = SampledSite("双侧", rng.choice(_PAIRED))
    else:
        site = SampledSite("双侧" if subject == "大脑半球" else None, subject)
    chosen = rng.sample(list(modalities), min(len(modalities), rng.choice((1, 1, 1, 2, 3))))
    spans = put_sequences(draft, chosen) if rng.random() < 0.55 else None
    if spans:
        draft.put_maybe(0.4, _PHRASES.clear_leads)
    if site.site == "脑实质":
        start = draft.put_one(_PHRASES.brain_words)
        mentions = [Mention(site, start, None)]
        if not draft.parts[-1].endswith("内"):
            draft.put_maybe(0.4, _PHRASES.inside)
        if not spans and rng.random() < 0.4:
            draft.put_one(_PHRASES.clear_signals)
    else:
        mentions = put_sites(draft, [site], plain=True)
    if spans:
        put_absence(draft, mentions, chosen, sequence_named=True)
    else:
        for i, modality in enumerate(chosen):
            if i:
                draft.put("，")
            put_absence(draft, mentions, (modality,))
    draft.end_statement()

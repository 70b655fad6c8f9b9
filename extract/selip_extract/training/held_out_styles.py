"""Annotated reports in styles that the tagger has not seen, on which its combination with the rules is learnt."""

from collections.abc import Iterator
from itertools import islice

from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding
from selip_contracts.vocabulary import site_and_words
from selip_extract.language.study import assembled
from selip_extract.tagger.characters import normal_form
from selip_extract.tagger.places import sites_named
from selip_extract.tagger.statements import LINKS, STATED
from selip_extract.training.style_dropout import StyleDropout
from selip_extract.training.tagged_report import TaggedReport
from selip_extract.training.tagger_batches import reports


def held_out_styles(count: int, seed: str, changed: bool = True) -> list[AnnotatedReport]:
    """So many reports, the same for the same seed; without `changed` as the generator writes them."""
    stream = reports(f"held-out styles/{seed}", StyleDropout(held_out=True), plain_share=float(not changed))
    return [annotated(report, f"{seed}-{i}") for i, report in enumerate(islice(stream, count))]


def annotated(report: TaggedReport, report_id: str) -> AnnotatedReport:
    """The report in the annotated form, without evidence."""
    stated = list(_stated(report))
    study = assembled(
        [s for s in stated if isinstance(s, Finding)], [s for s in stated if isinstance(s, GeneralFinding)]
    )
    return AnnotatedReport(report_id=report_id, findings_text=report.text, study=study)


def _stated(report: TaggedReport) -> Iterator[Finding | GeneralFinding]:
    text = normal_form(report.text)
    for (site_number, value_number), link in sorted(report.links.items(), key=lambda entry: entry[0][1]):
        for named in sites_named(text, report.spans["site"][site_number]):
            site, words = site_and_words(named)
            where = {"side": LINKS[link - 1], "site": site, "site_text": words}
            for number in sorted(report.stated[value_number]):
                modality, value = STATED[number]
                if modality is None:
                    yield GeneralFinding.model_validate(where | {"change": value})
                else:
                    signal = {"modality": modality, "signal": value, "present": value is not None}
                    yield Finding.model_validate(where | signal)

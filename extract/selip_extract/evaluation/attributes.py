"""The attributes of findings against annotated ones: the share that is right, however it is quoted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_extract.evaluation.score import Share, share
from selip_extract.evaluation.unlisted_sites import with_annotated_sites
from selip_extract.language.constructions.mending import simplified
from selip_extract.language.lesion_words import bare_shape, head_noun, is_clear


@dataclass(frozen=True)
class AttributeScore:
    """The share of each attribute among the findings that are right and whose annotation states it.

    Words are equal that say the same: 线状 and 线样, 边界清 and 界清晰, 梗死灶 and 急性梗死.
    """

    morphology_exact: Share
    count_exact: Share
    number_exact: Share
    size_mm_exact: Share
    margin_exact: Share
    lesion_exact: Share
    certainty_exact: Share


ATTRIBUTES = ("morphology", "count", "number", "size_mm", "margin", "lesion", "certainty")
_NORMAL_FORMS: Mapping[str, Callable[[str], object]] = {
    "morphology": bare_shape, "margin": is_clear, "lesion": head_noun,
}  # fmt: skip


def normal_form(name: str, value: object) -> object:
    """What the score compares of an attribute; traditional characters are those of the simplified form."""
    return _NORMAL_FORMS[name](simplified(value)) if name in _NORMAL_FORMS and isinstance(value, str) else value


def score_attributes(gold: Sequence[AnnotatedReport], extracted: Mapping[str, Study]) -> AttributeScore:
    """The attributes of the findings whose key is right.

    An annotation leaves the certainty 肯定 out: it is stated by every finding of a report that states any attribute.
    """
    found = list(_found(gold, extracted))
    return AttributeScore(
        **{
            f"{name}_exact": share(
                [
                    normal_form(name, getattr(got, name)) == normal_form(name, stated[name])
                    for stated, got in found
                    if name in stated
                ]
            )
            for name in ATTRIBUTES
        }
    )


def _found(
    gold: Sequence[AnnotatedReport], extracted: Mapping[str, Study]
) -> Iterator[tuple[dict[str, object], Finding]]:
    """For each annotated finding that was found the attributes that its annotation states, and the one found."""
    for report in gold:
        study = with_annotated_sites(extracted.get(report.report_id, Study()), report.study)
        by_key = {finding.key: finding for finding in reversed(study.findings)}
        stated = [_stated(finding) for finding in report.study.findings]
        for finding, attributes in zip(report.study.findings, stated, strict=True):
            if finding.key in by_key:
                certainty = {"certainty": finding.certainty} if any(stated) else {}
                yield attributes | certainty, by_key[finding.key]


def _stated(finding: Finding) -> dict[str, object]:
    fields = type(finding).model_fields
    return {name: getattr(finding, name) for name in ATTRIBUTES if getattr(finding, name) != fields[name].default}

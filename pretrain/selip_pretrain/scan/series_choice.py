"""Which volume of a study stands for each sequence; all others are excluded, with the reason."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from selip_contracts.vocabulary import Modality
from selip_pretrain.scan.report_linkage import Link
from selip_pretrain.scan.sequence_rules import Rule, SequenceRules
from selip_pretrain.scan.series import FoundSeries, describe
from selip_pretrain.scan.stored_images import ExcludedImageRow, ImageRow, Row

MANIFEST = "manifest"
"""The rule of a series whose sequence is in the manifest."""

BEST_B_VALUE = 1000
MIN_COVERAGE_MM = 100
"""A series that covers less along its slices shows a part of the head."""


class LinkedSeries(NamedTuple):
    """A series with the rule that recognised it and its link to a report."""

    series: FoundSeries
    rule: Rule | None
    link: Link

    @property
    def modality(self) -> Modality | None:
        """The sequence that it was recognised as; None where it is not used."""
        return None if self.rule is None else self.rule.modality


def recognised(series: FoundSeries, link: Link, rules: SequenceRules) -> Rule | None:
    """The rule that decides about a series, before all others what the manifest says of it."""
    if link.sequence is None:
        return rules.recognise(series.attributes)
    if link.sequence == "none":
        return Rule.model_construct(name=MANIFEST, exclude="other_sequence")
    return Rule.model_construct(name=MANIFEST, modality=link.sequence)


def is_candidate(linked: LinkedSeries) -> bool:
    """Whether a series may be used, so that its voxels are worth a check."""
    return linked.modality is not None and linked.series.fault is None


def choose(study: Iterable[LinkedSeries]) -> dict[str, Row]:
    """Rows of a study's series by image id: the best volume of each sequence, all others excluded.

    The best is the one that the manifest names, then is not weighted along one direction, then has the b-value nearest
    to 1000, then covers the head, then is original, then axial, then has the smallest voxels, then has the largest
    coverage. Series that are equal in all of these are chosen by acquisition, the first one.
    """
    rows: dict[str, Row] = {}
    sequences: defaultdict[Modality, list[LinkedSeries]] = defaultdict(list)
    study = list(study)
    patients = _patients(study)
    for linked in study:
        reason, detail = _exclusion(linked)
        if reason is None and len(patients) > 1:
            reason = "several_patients"
            detail = (
                f"{linked.link.study} has images of {len(patients)} patients: give --manifest with their patient_id"
            )
        if reason is not None:
            rows[linked.series.image_id] = _excluded_row(linked, reason, detail)
        elif linked.modality is not None:
            sequences[linked.modality].append(linked)
    for modality, candidates in sequences.items():
        best, *others = sorted(
            sorted(candidates, key=lambda c: (c.series.acquired, c.series.image_id)), key=_quality, reverse=True
        )
        rows[best.series.image_id] = _image_row(best, modality)
        for other in others:
            detail = f"{modality} of this study is {best.series.image_id}"
            rows[other.series.image_id] = _excluded_row(other, "second_series", detail)
    return rows


def _exclusion(linked: LinkedSeries) -> tuple[str | None, str | None]:
    """The reason and detail why a series is excluded; None for both where it is not."""
    series, rule, _ = linked
    if rule is not None and rule.exclude is not None:
        return rule.exclude, f"rule {rule.name}" + (f" ({rule.hint})" if rule.hint else "")
    if series.fault is not None:
        return series.fault
    if rule is None:
        return "unrecognised", describe(series.attributes)
    return None, None


def _patients(study: Iterable[LinkedSeries]) -> set[str]:
    """The patients that DICOM states for a study, leading zeros and case aside, where no manifest states them."""
    return {
        one.series.patient_id.strip().lstrip("0").casefold()
        for one in study
        if one.series.patient_id and one.link.patient_id in (one.series.patient_id, one.link.study)
    }


def _quality(linked: LinkedSeries) -> tuple[float | bool, ...]:
    """The sort key of `choose`: the best is the largest."""
    geometry, attributes = linked.series.geometry, linked.series.attributes
    assert geometry is not None
    # The thickest axis; of equal ones the last, along which slices are stacked.
    slice_axis = 2 - int(np.argmax(geometry.spacing_mm[::-1]))
    coverage = geometry.spacing_mm[slice_axis] * geometry.shape[slice_axis]
    distance = 0.0 if attributes.b_value is None else abs(attributes.b_value - BEST_B_VALUE)
    return (
        linked.link.sequence is not None,
        not attributes.directional,
        -distance,
        coverage >= MIN_COVERAGE_MM,
        # Of diffusion the trace is wanted, which is derived.
        "DERIVED" not in attributes.image_type or linked.modality in {"DWI", "ADC"},
        geometry.orientation[slice_axis] in "IS",
        # Of two digits: what differs by less is as fine.
        -float(f"{np.prod(geometry.spacing_mm):.2g}"),
        coverage,
    )


def _image_row(linked: LinkedSeries, modality: Modality) -> ImageRow:
    series, rule, link = linked
    assert series.geometry is not None
    assert series.content_hash is not None
    assert rule is not None
    return ImageRow(
        series.image_id,
        link.study,
        link.report_id,
        link.patient_id,
        modality,
        series.source,
        [str(path) for path in series.files],
        None if series.frames is None else list(series.frames),
        list(series.geometry.shape),
        list(series.geometry.spacing_mm),
        series.geometry.orientation,
        series.content_hash,
        series.description,
        rule.name,
    )


def _excluded_row(linked: LinkedSeries, reason: str, detail: str | None) -> ExcludedImageRow:
    return ExcludedImageRow(linked.series.image_id, linked.link.study, linked.series.description, reason, detail)

"""A pseudo-report as the tagger learns it: its spans, what its values state, and of which sites."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from selip_extract.pseudo_reports.writing.draft import CharSpan, Fact
from selip_extract.pseudo_reports.writing.report import WrittenReport
from selip_extract.tagger.characters import normal_form
from selip_extract.tagger.statements import LINKS, ROLES, STATED, Role, Stated

_STATED_NUMBER = {stated: i for i, stated in enumerate(STATED)}
_LINK_NUMBER = {side: i for i, side in enumerate(LINKS, start=1)}
_AS_BEFORE = re.compile("同|类似|相仿|相似|一致")
_LIKE_A_TISSUE = re.compile("实质|灰质|白质|脑脊液|皮质|皮层|肌|脂肪|[T强]")


class Edit(NamedTuple):
    """Characters [start, end) replaced by `new`."""

    start: int
    end: int
    new: str


@dataclass
class TaggedReport:
    """The text, and by role its spans in the order of the text.

    `stated[i]` are the numbers of the statements that the i-th value makes, `links[s, v]` is the number of the link of
    the s-th site and the v-th value; pairs that are not in it are not linked.
    """

    text: str
    spans: dict[Role, list[CharSpan]]
    stated: list[set[int]]
    doubted: list[bool]
    links: dict[tuple[int, int], int]
    families: frozenset[str] = field(default=frozenset())


def tagged(report: WrittenReport) -> TaggedReport | None:
    """The report as it is learnt; None where one value is stated of one site on two sides."""
    facts = [_by_first_words(fact, report) for fact in report.facts]
    spans: dict[Role, set[CharSpan]] = {role: set() for role in ROLES}
    for fact in facts:
        spans["site"].add(fact.mention.site_span)
        spans["value"].add(fact.value_span)
        for role, span in (
            ("side", fact.mention.side_span),
            ("sequence", fact.sequence_span),
            ("negation", fact.negation_span),
        ):
            if span is not None:
                spans[role].add(span)  # type: ignore[index]
    ordered = {role: sorted(found) for role, found in spans.items()}
    sites = {span: i for i, span in enumerate(ordered["site"])}
    values = {span: i for i, span in enumerate(ordered["value"])}
    stated: list[set[int]] = [set() for _ in values]
    doubted = [False for _ in values]
    links: dict[tuple[int, int], int] = {}
    for fact in facts:
        pair = sites[fact.mention.site_span], values[fact.value_span]
        link = _LINK_NUMBER[fact.mention.site.side]
        if links.setdefault(pair, link) != link:
            return None
        stated[pair[1]].add(_STATED_NUMBER[Stated(fact.modality, fact.value)])
        doubted[pair[1]] |= fact.uncertain
    return TaggedReport(report.text, ordered, stated, doubted, links, report.families)


def _by_first_words(fact: Fact, report: WrittenReport) -> Fact:
    """The fact; of one that only repeats (信号同上), with the words that stated it first."""
    words = normal_form(report.text[slice(*fact.value_span)])
    if not _AS_BEFORE.search(words) or _LIKE_A_TISSUE.search(words):
        return fact
    before = [
        other
        for other in report.facts
        if (other.modality, other.value) == (fact.modality, fact.value)
        and other.value_span < fact.value_span
        and other.value_span != fact.value_span
        and not _AS_BEFORE.search(normal_form(report.text[slice(*other.value_span)]))
    ]
    if not before:
        return fact
    first = max(before, key=lambda other: other.value_span)
    return Fact(
        fact.mention,
        fact.modality,
        fact.value,
        first.value_span,
        first.sequence_span,
        first.negation_span,
        fact.uncertain,
        fact.morphology,
    )


def edited(report: TaggedReport, edits: Iterable[Edit]) -> TaggedReport:
    """The report with its text edited and its spans moved; of edits that overlap the first is made.

    An edit may replace a span whole or lie in it whole; the span then ends where the new words end.
    """
    made: list[Edit] = []
    for edit in sorted(edits):
        if not made or (edit.start >= made[-1].end and (edit.start, edit.end) != made[-1][:2]):
            made.append(edit)
    if not made:
        return report
    ends = [edit.end for edit in made]
    shifts = [0, *accumulate(len(edit.new) - (edit.end - edit.start) for edit in made)]
    pieces: list[str] = []
    at = 0
    for edit in made:
        pieces += (report.text[at : edit.start], edit.new)
        at = edit.end
    pieces.append(report.text[at:])

    def moved(offset: int, is_end: bool) -> int:
        # an insertion at a span's end stays outside of it, one at its start too
        count = bisect_right(ends, offset)
        if is_end and count and made[count - 1].start == made[count - 1].end == offset:
            count -= 1
        return offset + shifts[count]

    spans: dict[Role, list[CharSpan]] = {
        role: [(moved(start, False), moved(end, True)) for start, end in found] for role, found in report.spans.items()
    }
    return TaggedReport("".join(pieces), spans, report.stated, report.doubted, report.links, report.families)


def free_of_spans(report: TaggedReport) -> list[bool]:
    """For each offset of the text, whether no span holds the character there."""
    free = [True] * (len(report.text) + 1)
    for start, end in (span for found in report.spans.values() for span in found):
        free[start:end] = [False] * (end - start)
    return free


def inside_spans(spans: Iterable[Sequence[int]]) -> frozenset[int]:
    """The offsets at which an insertion would cut a span in two."""
    return frozenset(at for start, end in spans for at in range(start + 1, end))

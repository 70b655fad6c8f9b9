"""Batches for the tagger: windows of pseudo-reports and annotated ones as numbers, the same for the same seed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from selip_extract.pseudo_reports.writing.report import write_study
from selip_extract.tagger.characters import PADDING, UNKNOWN, numbers_of
from selip_extract.tagger.pairs import Pair, Span, pairs
from selip_extract.tagger.statements import BEGIN, INSIDE, NOT_LINKED, ROLES, STATED
from selip_extract.tagger.windows import Window, windows
from selip_extract.training.annotated.variations import varied
from selip_extract.training.report_templates import write_template_report
from selip_extract.training.style_dropout import StyleDropout, with_two_changes
from selip_extract.training.tagged_report import TaggedReport, tagged

CHARACTERS_PER_BATCH = 2048
WINDOWS_PER_CHUNK = 1024
UNKNOWN_SHARE = 0.004

Batch = dict[str, Any]


@dataclass
class Example:
    """One window: the numbers of its characters, their tags by role, its spans, statements, pairs and links."""

    numbers: list[int]
    tags: list[list[int]]
    sites: list[Span]
    values: list[Span]
    stated: list[set[int]]
    pairs: list[Pair]
    links: list[int]


def examples_of(report: TaggedReport, characters: str) -> Iterator[Example]:
    """The windows of a report."""
    for window in windows(report.text):
        yield _example(report, window, characters)


def _example(report: TaggedReport, window: Window, characters: str) -> Example:
    start, end = window.start, window.end
    text = report.text[start:end]

    def here(spans: Sequence[Span]) -> dict[int, Span]:
        return {i: (a - start, b - start) for i, (a, b) in enumerate(spans) if start <= a and b <= end}

    tags = [[0] * len(ROLES) for _ in text]
    for role, name in enumerate(ROLES):
        for a, b in here(report.spans[name]).values():
            tags[a][role] = BEGIN
            for at in range(a + 1, b):
                tags[at][role] = INSIDE
    sites, values = here(report.spans["site"]), here(report.spans["value"])
    site_numbers, value_numbers = list(sites), list(values)
    site_spans, value_spans = list(sites.values()), list(values.values())
    found = [
        pair
        for pair in pairs(text, site_spans, value_spans)
        if window.reads(start + site_spans[pair.site][0], start + value_spans[pair.value][0])
    ]
    return Example(
        numbers_of(characters)(text),
        tags,
        site_spans,
        value_spans,
        [report.stated[v] | ({len(STATED)} if report.doubted[v] else set()) for v in value_numbers],
        found,
        [report.links.get((site_numbers[p.site], value_numbers[p.value]), NOT_LINKED) for p in found],
    )


TEMPLATE_SHARE = 0.6
ANNOTATED_SHARE = 0.5


def reports(
    seed: str, dropout: StyleDropout, plain_share: float, annotated: Sequence[TaggedReport] = ()
) -> Iterator[TaggedReport]:
    """Endless reports with their truth, changed by style dropout but for `plain_share` of them.

    Half of them are variations of the annotated reports, if there are any. Of the others a share is written by the
    templates, the rest by the generator; with a plain share of 1 all are.
    """
    number = 0
    while True:
        rng = random.Random(f"{seed}-{number}")
        number += 1
        if rng.random() < dropout.shares.nothing_stated * (1 - plain_share):
            yield dropout.nothing_stated(rng)
            continue
        if annotated and rng.random() < ANNOTATED_SHARE:
            report: TaggedReport | None = varied(rng, rng.choice(annotated))
        else:
            report = _pseudo_report(rng, dropout, plain_share)
        if report is not None:
            yield report if rng.random() < plain_share else dropout(rng, with_two_changes(rng, report))


def _pseudo_report(rng: random.Random, dropout: StyleDropout, plain_share: float) -> TaggedReport | None:
    from_template = rng.random() < TEMPLATE_SHARE * (plain_share < 1)
    return tagged(write_template_report(rng, dropout.held_out) if from_template else write_study(rng))


def batches(stream: Iterator[TaggedReport], characters: str) -> Iterator[Batch]:
    """Batches of about CHARACTERS_PER_BATCH characters, of windows of like length."""
    windows_ = (example for report in stream for example in examples_of(report, characters))
    while chunk := list(islice(windows_, WINDOWS_PER_CHUNK)):
        chunk.sort(key=lambda example: len(example.numbers))
        found = []
        while chunk:
            count = max(1, CHARACTERS_PER_BATCH // max(1, len(chunk[-1].numbers)))
            found.append(batch(chunk[-count:]))
            del chunk[-count:]
        order = torch.randperm(len(found), generator=torch.Generator().manual_seed(len(found)))
        for i in order.tolist():
            yield found[i]


def batch(examples: Sequence[Example]) -> Batch:
    """The arguments of the network's loss."""
    length = max(len(example.numbers) for example in examples)
    numbers = torch.full((len(examples), length), PADDING)
    tags = torch.zeros(len(examples), length, len(ROLES), dtype=torch.long)
    for i, example in enumerate(examples):
        numbers[i, : len(example.numbers)] = torch.tensor(example.numbers, dtype=torch.long)
        if example.tags:
            tags[i, : len(example.tags)] = torch.tensor(example.tags, dtype=torch.long)
    values = [s for example in examples for s in example.stated]
    stated = torch.zeros(len(values), len(STATED) + 1)
    for i, numbers_ in enumerate(values):
        stated[i, list(numbers_)] = 1
    rows, site_offset, value_offset = [], 0, 0
    for example in examples:
        rows += [p._replace(site=p.site + site_offset, value=p.value + value_offset) for p in example.pairs]
        site_offset += len(example.sites)
        value_offset += len(example.values)
    return {
        "numbers": numbers,
        "labels": tags,
        "site_spans": spans([example.sites for example in examples]),
        "value_spans": spans([example.values for example in examples]),
        "stated": stated,
        "site_value_pairs": torch.tensor(rows, dtype=torch.long).reshape(-1, len(Pair._fields)),
        "links": torch.tensor([link for example in examples for link in example.links], dtype=torch.long),
    }


def spans(by_window: Sequence[Sequence[Span]]) -> torch.Tensor:
    """(spans, 3): the window of each span, its first and its last character."""
    rows = [(window, start, end - 1) for window, found in enumerate(by_window) for start, end in found]
    return torch.tensor(rows, dtype=torch.long).reshape(-1, 3)


def with_unknown_characters(numbers: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The numbers, some of them UNKNOWN."""
    hidden = torch.rand(numbers.shape, generator=generator) < UNKNOWN_SHARE
    return numbers.masked_fill(hidden & (numbers != PADDING), UNKNOWN)

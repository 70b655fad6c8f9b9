"""How well an extractor reads each family of constructions that the generator writes.

`python -m tests.benchmarks.pseudo_families [EXTRACTOR [COUNT [SEED]]]` prints a table in Markdown: by family the number
of reports, the F1 of findings and of general findings, the share of reports whose findings are exactly right, the
studies called normal by mistake, and the normal ones not recognised. `ordinary` are the reports of no family.
"""

import random
import sys
from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import NamedTuple

from selip_contracts.findings import Study
from selip_extract.extractors.registry import ModelChoice, extractor_maker
from selip_extract.pseudo_reports.writing.report import write_study

ATTRIBUTES = ("morphology", "count", "size_mm", "margin", "lesion", "certainty")


class Pair(NamedTuple):
    """What a report states, and what was read."""

    truth: Study
    read: Study


def f1(pairs: Iterable[tuple[set[Hashable], set[Hashable]]]) -> float:
    """The F1 over all pairs of truth and reading; 1 where there is nothing to find."""
    right = wrong = 0
    for truth, read in pairs:
        right += len(truth & read)
        wrong += len(truth ^ read)
    return 2 * right / (2 * right + wrong) if right + wrong else 1.0


def row(name: str, pairs: list[Pair]) -> str:
    """The line of one family."""
    findings: list[tuple[set[Hashable], set[Hashable]]] = [
        ({f.key for f in p.truth.findings}, {f.key for f in p.read.findings}) for p in pairs
    ]
    general: list[tuple[set[Hashable], set[Hashable]]] = [
        ({g.key for g in p.truth.general}, {g.key for g in p.read.general}) for p in pairs
    ]
    exact = sum(truth == read for truth, read in findings) / len(pairs)
    wrong = sum(p.read.normal and not p.truth.normal for p in pairs)
    lost = sum(p.truth.normal and not p.read.normal for p in pairs)
    return f"| {name} | {len(pairs)} | {f1(findings):.3f} | {exact:.2f} | {f1(general):.3f} | {wrong} | {lost} |"


def attributes(pairs: Iterable[Pair]) -> str:
    """By attribute the share of the findings read rightly of which it is right too."""
    right: dict[str, int] = defaultdict(int)
    number = 0
    for pair in pairs:
        read = {f.key: f for f in pair.read.findings}
        for finding in pair.truth.findings:
            if other := read.get(finding.key):
                number += 1
                for name in ATTRIBUTES:
                    right[name] += getattr(finding, name) == getattr(other, name)
    return ", ".join(f"{name} {right[name] / number:.3f}" for name in ATTRIBUTES)


def main(extractor: str = "rules", count: str = "1000", seed: str = "91000000") -> None:
    """Print the table for the pseudo-reports of a seed."""
    reports = [write_study(random.Random(f"{seed}/{number}")) for number in range(int(count))]
    readings = extractor_maker(extractor, ModelChoice())().read([report.text for report in reports])
    pairs = [Pair(report.study, read.study) for report, read in zip(reports, readings, strict=True)]
    families: dict[str, list[Pair]] = defaultdict(list)
    for report, pair in zip(reports, pairs, strict=True):
        for family in report.families or {"ordinary"}:
            families[family].append(pair)
    print("| family | reports | finding F1 | exact | general F1 | wrong `normal` | normal not recognised |")
    print("|---|---|---|---|---|---|---|")
    print(row("all", pairs))
    for family in ("ordinary", *sorted(families.keys() - {"ordinary"})):
        print(row(family, families[family]))
    print(f"\nAttributes of the findings that are right: {attributes(pairs)}.")


if __name__ == "__main__":
    main(*sys.argv[1:])

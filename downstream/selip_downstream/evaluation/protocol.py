"""The protocol of a labelled evaluation: which shares of the labels, drawn how often, with which intervals."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.str_]


@dataclass(frozen=True)
class EvaluationProtocol:
    """How a classification is tried: which shares of the labels, drawn with which seeds, and how intervals are made."""

    shares: Sequence[float]
    seeds: Sequence[int]
    rounds: int
    bootstrap_seed: int


def label_subsets(
    labels: Labels, patients: Sequence[str], shares: Sequence[float], seed: int
) -> dict[float, NDArray[np.int64]]:
    """Positions of the cases that a share of the patients has, for each share.

    Stratified: of the patients with the same labels, the share of them rounded up, so at least one of each. Nested: a
    smaller share's cases are among a greater one's. All cases of a patient are in or out together.
    """
    cases: dict[str, list[int]] = defaultdict(list)
    for position, patient in enumerate(patients):
        cases[patient].append(position)
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for patient in sorted(cases):
        strata[tuple(sorted({str(labels[position]) for position in cases[patient]}))].append(patient)
    generator = np.random.default_rng(seed)
    drawn = [[members[i] for i in generator.permutation(len(members))] for _, members in sorted(strata.items())]
    return {
        share: np.array(
            sorted(p for members in drawn for patient in members[: _part(share, len(members))] for p in cases[patient]),
            dtype=np.int64,
        )
        for share in shares
    }


def _part(share: float, members: int) -> int:
    # 0.1 * 30 is a little more than 3 in binary numbers.
    return math.ceil(round(share * members, 6))

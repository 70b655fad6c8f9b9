"""Labels of findings and what canonical texts say on them: yes, no, or nothing that decides it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from selip_contracts.statements import ParsedStatement
from selip_contracts.vocabulary import SIDES, SIGNAL_CLASS, SITES, Side, SignalClass, ancestors
from selip_pretrain.objective.finding_similarity import TextTable

Kind = Literal["normal", "site", "side", "signal"]
MIN_CASES = 10
"""A label of a training needs at least so many volumes with the finding and so many without it."""
_BLOCK_SIZE = 1024
_NO, _OPEN, _YES = 0.0, 0.5, 1.0


@dataclass(frozen=True)
class FindingLabel:
    """Whether a finding is present: at a site, on its side, with a class of signal; or none, in a normal study."""

    kind: Kind
    site: str | None = None
    side: Side | None = None
    signal_class: SignalClass | None = None

    def answer(self, findings: Sequence[ParsedStatement]) -> float:
        """1 where the findings of a text say yes, 0 where they say no.

        NaN where they leave it open: the finding is in a part of the site or in what contains it, or on both sides, or
        its side is not said.
        """
        if self.site is None:
            return float(not findings)
        said = max((self.said_by(side, site, SIGNAL_CLASS[signal]) for side, site, signal, _ in findings), default=_NO)
        return float("nan") if said == _OPEN else said

    def said_by(self, side: Side | None, site: str, signal_class: SignalClass) -> float:
        """1 where one finding says yes, 0.5 where it leaves it open, 0 where it says nothing on it."""
        if self.site is None or (self.kind == "signal" and signal_class != self.signal_class):
            return _NO
        if site == self.site and (self.kind == "site" or side == self.side):
            return _YES
        overlap = site == self.site or site in ancestors(self.site) or self.site in ancestors(site)
        one_side_each = {side, self.side} == {"左侧", "右侧"}
        return _OPEN if overlap and (self.kind == "site" or not one_side_each) else _NO

    @classmethod
    def of_finding(cls, side: Side | None, site: str, signal_class: SignalClass) -> list[Self]:
        """The labels to which a finding says yes; where its side is missing, that of its site alone."""
        labels = [cls("site", site)]
        if side in sides_of(site):
            labels += [cls("side", site, side), cls("signal", site, side, signal_class)]
        return labels


def sides_of(site: str) -> tuple[Side | None, ...]:
    """The sides that a finding at the site may have; None alone where the site has none."""
    return SIDES if SITES[site].laterality == "paired" else (None,)


class LabelledTexts:
    """What the texts of a table say on L labels, on the table's device."""

    def __init__(self, table: TextTable, labels: Sequence[FindingLabel]) -> None:
        self.table = table
        findings = [(one.side, one.site, one.signal_class) for one in table.statements]
        said = {one: [label.said_by(*one) for label in labels] for one in dict.fromkeys(findings)}
        self._said = torch.tensor([said[one] for one in findings], device=table.device).view(-1, len(labels))
        self._is_normal = torch.tensor([label.kind == "normal" for label in labels], device=table.device)

    def answers(self, rows: Tensor) -> Tensor:
        """float32 (N, L), 1, 0 or NaN as in `FindingLabel.answer`, of the texts with these rows, int64 (N,)."""
        findings = self.table.findings.take(rows)
        said = embedding_bag(findings.members, self._said, findings.offsets, mode="max", include_last_offset=True)
        said[:, self._is_normal] = (findings.sizes == 0).float()[:, None]
        return said.masked_fill(said == _OPEN, torch.nan)


def common_labels(table: TextTable, rows: Tensor) -> dict[FindingLabel, float]:
    """The labels on which enough of the texts with these rows, int64 (N,), say yes and no, and the share that says yes.

    A row may repeat, once for each volume with that text.
    """
    labels = {FindingLabel("normal")}
    for one in table.statements:
        labels.update(FindingLabel.of_finding(one.side, one.site, one.signal_class))
    candidates = sorted(labels, key=repr)
    texts = LabelledTexts(table, candidates)
    yes, no = torch.zeros(2, len(candidates), dtype=torch.int64, device=table.device)
    for start in range(0, len(rows), _BLOCK_SIZE):
        answers = texts.answers(rows[start : start + _BLOCK_SIZE])
        yes += (answers == _YES).sum(0)
        no += (answers == _NO).sum(0)
    enough = yes.minimum(no) >= MIN_CASES
    shares = (yes / (yes + no)).tolist()
    return {label: share for label, share, kept in zip(candidates, shares, enough.tolist(), strict=True) if kept}

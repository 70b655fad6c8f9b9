"""Zero-shot classification: whether an image is nearer to the statements of a finding or to those of its absence.

A question is about the images of one sequence. "Present" is the mean embedding of all statements of the finding, e.g.
of every signal and side at a site. "Absent" is the mean of the alternatives: the normal text, and the statements of the
other questions of that kind. The score of an image is the difference of its cosines with both.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from selip_contracts.statements import NORMAL_TEXT, ParsedStatement, parse_sequence_text
from selip_contracts.vocabulary import ENHANCEMENTS, SIGNAL_CLASS, SIGNALS, Modality
from selip_pretrain.objective.finding_labels import FindingLabel, Kind, sides_of

KINDS: tuple[Kind, ...] = get_args(Kind)
MIN_CASES = 5
"""A question needs at least so many positive and so many negative images."""

Answers = NDArray[np.float64]
"""For each image (N,): 1 present, 0 absent, NaN where the question does not apply."""


@dataclass(frozen=True)
class ZeroShotQuestion(FindingLabel):
    """A label of a finding, asked of the images of one sequence."""

    modality: Modality = field(kw_only=True)

    @property
    def statements(self) -> tuple[str, ...]:
        """The texts that say yes."""
        if self.site is None:
            return (NORMAL_TEXT,)
        sides = sides_of(self.site) if self.kind == "site" else (self.side,)
        words = ENHANCEMENTS if self.modality == "T1CE" else SIGNALS
        signals = [s for s in words if self.kind != "signal" or SIGNAL_CLASS[s] == self.signal_class]
        unit = "" if self.modality == "T1CE" else "信号"
        return tuple(f"在{side or ''}{self.site}表现为{signal}{unit}" for side in sides for signal in signals)


def questions_of(texts: Sequence[str], modalities: Sequence[Modality]) -> dict[ZeroShotQuestion, Answers]:
    """The questions that the images' texts (N,), each of its sequence, can answer, with the answers (N,)."""
    distinct = sorted(set(zip(texts, modalities, strict=True)))
    number = {pair: index for index, pair in enumerate(distinct)}
    text_of = np.array([number[pair] for pair in zip(texts, modalities, strict=True)], dtype=np.int64)
    findings = [parse_sequence_text(text, modality) for text, modality in distinct]
    questions: dict[ZeroShotQuestion, Answers] = {}
    for question in dict.fromkeys(_candidates(distinct, findings)):
        by_text = [
            question.answer(stated) if modality == question.modality else np.nan
            for (_, modality), stated in zip(distinct, findings, strict=True)
        ]
        answers = np.array(by_text)[text_of]
        if min((answers == 1).sum(), (answers == 0).sum()) >= MIN_CASES:
            questions[question] = answers
    return questions


def zero_shot_scores(
    question: ZeroShotQuestion,
    others: Sequence[ZeroShotQuestion],
    images: NDArray[np.float32],
    embedded: Mapping[str, NDArray[np.float32]],
) -> NDArray[np.float64]:
    """How much nearer images (N, E) are to yes than to no, (N,); `embedded` has every statement's embedding (E,).

    `others` are the questions whose statements are a no beside the normal text.
    """
    there = _direction([embedded[statement] for statement in question.statements])
    elsewhere = [_direction([embedded[s] for s in other.statements]) for other in others if other != question]
    if question.site is not None:
        elsewhere.append(embedded[NORMAL_TEXT].astype(np.float64))
    absent = _direction(elsewhere) if elsewhere else np.zeros_like(there)
    return images.astype(np.float64) @ (there - absent)


def rivals(question: ZeroShotQuestion, questions: Sequence[ZeroShotQuestion]) -> list[ZeroShotQuestion]:
    """The other questions of that kind and sequence; for normal, those of a site."""
    kind: Kind = "site" if question.kind == "normal" else question.kind
    return [other for other in questions if other.kind == kind and other.modality == question.modality]


def commonest(questions: Mapping[ZeroShotQuestion, Answers], sites: int) -> dict[ZeroShotQuestion, Answers]:
    """The questions for normal images, and those for so many sites that the most images have."""
    of_sites = sorted(
        (question for question in questions if question.kind == "site"),
        key=lambda question: -int((questions[question] == 1).sum()),
    )
    kept = {question for question in questions if question.kind == "normal"} | {*of_sites[:sites]}
    return {question: answers for question, answers in questions.items() if question in kept}


def mean_areas(
    questions: Mapping[ZeroShotQuestion, Answers],
    images: NDArray[np.float32],
    embedded: Mapping[str, NDArray[np.float32]],
) -> dict[Kind, float]:
    """By kind the mean area under the ROC curve of these questions, of images (N, E) and statements (E,)."""
    from sklearn.metrics import roc_auc_score

    areas: dict[Kind, list[float]] = {}
    for question, answers in questions.items():
        known = ~np.isnan(answers)
        scores = zero_shot_scores(question, rivals(question, list(questions)), images[known], embedded)
        # Where a training has gone wrong, embeddings may not be finite; the next step says so.
        areas.setdefault(question.kind, []).append(float(roc_auc_score(answers[known], np.nan_to_num(scores))))
    return {kind: float(np.mean(own)) for kind, own in areas.items()}


def _candidates(
    distinct: Sequence[tuple[str, Modality]], findings: Sequence[Sequence[ParsedStatement]]
) -> Iterator[ZeroShotQuestion]:
    for (_, modality), stated in zip(distinct, findings, strict=True):
        yield ZeroShotQuestion("normal", modality=modality)
        for side, site, signal, _ in stated:
            for label in FindingLabel.of_finding(side, site, SIGNAL_CLASS[signal]):
                yield ZeroShotQuestion(**vars(label), modality=modality)


def _direction(embeddings: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
    """The mean of embeddings of length 1 as one of length 1."""
    total = np.stack(embeddings).astype(np.float64).sum(0)
    direction: NDArray[np.float64] = total / max(np.linalg.norm(total), 1e-12)
    return direction

"""Annotated reports that a prompt shows with their right answers: to each report the most similar ones."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from selip_contracts.annotated import read_annotated
from selip_contracts.findings import AnnotatedReport
from selip_extract.language.lexer import lex
from selip_extract.llm.annotation_alignment import align
from selip_extract.llm.report_answer import right_report_answer
from selip_extract.llm.report_task import numbered, report_questions
from selip_shared.errors import SelipError

SHOWN = 3
VERSION_DIGITS = 8


class _Example(NamedTuple):
    text: str
    report: str
    answer: str


class ShownExamples:
    """Examples from annotated reports; `version` is a hash of all of them.

    The similarity of two texts is the cosine of their TF-IDF vectors of two and three characters.
    """

    def __init__(self, reports: Iterable[AnnotatedReport]) -> None:
        """SelipError where no report has an answer that its words support."""
        self._examples = [example for report in reports if (example := _example(report)) is not None]
        if not self._examples:
            raise SelipError("No report of --examples states a signal that its words support: name another file.")
        self.version = hashlib.sha256(repr(self._examples).encode()).hexdigest()[:VERSION_DIGITS]
        self._vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(2, 3))
        self._vectors = self._vectorizer.fit_transform([example.text for example in self._examples])

    def nearest(self, text: str) -> Sequence[tuple[str, str]]:
        """(numbered report, right answer) of the most similar reports, the nearest first; never the text itself."""
        similarity = (self._vectors @ self._vectorizer.transform([text]).T).toarray()[:, 0]
        order = (self._examples[i] for i in np.argsort(-similarity, kind="stable"))
        return [(example.report, example.answer) for example in order if example.text != text][:SHOWN]


def shown_examples(path: Path) -> ShownExamples:
    """The examples of an annotated file; SelipError where there are none."""
    return ShownExamples(read_annotated(path))


def _example(report: AnnotatedReport) -> _Example | None:
    text = report.findings_text
    asked = report_questions(lex(text))
    said = [statements for statements in align(report, asked) if statements is not None]
    if not asked or len(said) < len(asked):
        return None
    return _Example(text, numbered(text, asked), right_report_answer(asked, said))

"""Pseudo-reports rewritten by a language model: kept if two extractors still find exactly the same facts."""

import random
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from importlib.resources import files
from itertools import islice
from pathlib import Path

from selip_contracts.findings import AnnotatedReport, Study
from selip_extract.deidentification.deidentify import NEW_KEY_BYTES, Deidentifier
from selip_extract.extractors.base import Extractor, Reading
from selip_extract.extractors.registry import ModelChoice, extractor_maker
from selip_extract.llm.answer_forms import ReportForm, first_turn
from selip_extract.llm.engine import Answer, Engine, GenerationRequest
from selip_extract.llm.engines.endpoint_engine import EndpointEngine
from selip_extract.llm.engines.transformers_engine import TransformersEngine
from selip_extract.llm.model_files import load_tokenizer
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases
from selip_extract.reports.report_table import open_reports
from selip_shared.errors import SelipError
from selip_shared.toml_files import read_toml

MAX_REPORT_TOKENS = 1_024
REQUEST_BATCH_SIZE = 64
LENGTHS = (0.4, 2.0)
"""A rewriting has between so many times the letters of the original."""
MAX_COPIES = 2
MAX_STYLES, MAX_STYLE_CHARACTERS = 1_000, 500
# What a model repeats of its prompt, or says of its own work.
PROMPT_WORDS = ("原文", "重写", "改写", "神经放射科医师", "另一种写法", "句式", "范文", "以下是", "```", "JSON")
_LETTERS = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"(?<![A-Za-z\d.=])\d+(?:\.\d+)?")
# The extractors that must find the facts in the rewritten text.
CHECKING_EXTRACTORS = ("rules", "model")


class _Prompts(PhraseFile):
    instructions: str
    styles: Phrases
    style_of: str


PROMPTS = read_toml(files("selip_extract.pseudo_reports").joinpath("rewriting.toml"), _Prompts)


class Writer:
    """A language model that writes free text: in a folder, run by transformers, or on a server."""

    def __init__(self, name: str, served_model: str | None) -> None:
        """`name` is a model's folder or a server's address; SelipError where there is none."""
        self.engine: Engine
        if name.startswith(("http://", "https://")):
            self.tokenizer = None
            self.engine = EndpointEngine(name, served_model, rendered=False)
        else:
            self.tokenizer = load_tokenizer(Path(name))
            self.engine = TransformersEngine(
                Path(name), self.tokenizer, request_batch_size=ReportForm.request_batch_size
            )

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def write(self, prompts: Sequence[str]) -> list[str]:
        """One text for each prompt; empty if there is none or it was cut off."""
        requests = [
            GenerationRequest(first_turn(self.tokenizer, prompt), None, MAX_REPORT_TOKENS) for prompt in prompts
        ]
        return [a.text.strip() if isinstance(a, Answer) and a.ended else "" for a in self.engine.answers(requests)]


def styles_of(path: Path) -> list[str]:
    """The styles of the first short reports of a table, whose identifiers are masked; SelipError where it has none."""
    masked = Deidentifier(secrets.token_bytes(NEW_KEY_BYTES)).reports(open_reports(path))
    short = (report.text for report in masked if 0 < len(report.text) <= MAX_STYLE_CHARACTERS)
    found = [f"{PROMPTS.style_of}{text}" for text in islice(short, MAX_STYLES)]
    if not found:
        raise SelipError(f"{path} has no report of up to {MAX_STYLE_CHARACTERS} characters: name other reports.")
    return found


def rewritten_by_model(
    reports: Iterable[AnnotatedReport], name: str, served_model: str | None, seed: int, styles: Sequence[str]
) -> Iterator[AnnotatedReport | None]:
    """Each report in the words of the model in a folder or on a server; None where its facts did not survive."""
    with closing(Writer(name, served_model)) as writer, ExitStack() as stack:
        extractors = [
            stack.enter_context(closing(extractor_maker(name, ModelChoice())())) for name in CHECKING_EXTRACTORS
        ]
        yield from rewritten(reports, writer, extractors, seed, styles)


def rewritten(
    reports: Iterable[AnnotatedReport],
    writer: Writer,
    extractors: Sequence[Extractor],
    seed: int,
    styles: Sequence[str],
) -> Iterator[AnnotatedReport | None]:
    """Each report in the writer's words, with evidence in these; None where an extractor finds other facts.

    A style is drawn for each report.
    """
    rng = random.Random(seed)
    remaining = iter(reports)
    while batch := list(islice(remaining, REQUEST_BATCH_SIZE)):
        texts = writer.write([_prompt(report.findings_text, rng.choice(styles)) for report in batch])
        readings = zip(*(extractor.read(texts) for extractor in extractors), strict=True)
        for report, text, read in zip(batch, texts, readings, strict=True):
            yield _kept(report, text, read)


def _prompt(text: str, style: str) -> str:
    return f"{PROMPTS.instructions}{style}\n原文：{text}\n重写："


def _kept(report: AnnotatedReport, text: str, readings: Sequence[Reading]) -> AnnotatedReport | None:
    if not is_rewriting(report.findings_text, text) or any(_facts(r.study) != _facts(report.study) for r in readings):
        return None
    return AnnotatedReport(report_id=report.report_id, findings_text=text, study=readings[0].study)


def is_rewriting(original: str, text: str) -> bool:
    """Whether the text is of a like length and says the same numbers, without words of the prompt and not as a copy."""
    written, before = _LETTERS.sub("", text), _LETTERS.sub("", original)
    shorter, longer = LENGTHS
    return (
        shorter * len(before) <= len(written) <= longer * len(before)
        and written != before
        and written.count(before) < MAX_COPIES
        and _numbers(text) == _numbers(original)
        and not any(words in text and words not in original for words in PROMPT_WORDS)
    )


def _numbers(text: str) -> set[str]:
    """The numbers of sizes and dates, not those of sequences (T2)."""
    return {match.strip() for match in _NUMBER.findall(text)}


def _facts(study: Study) -> set[object]:
    """What the study states, wherever it is said."""
    return {f.key for f in (*study.findings, *study.negatives)} | {g.key for g in study.general}

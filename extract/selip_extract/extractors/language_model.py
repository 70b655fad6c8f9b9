"""A causal language model as a reader: it answers a report's questions in batches, each under its own grammar."""

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
import xgrammar
from transformers import AutoConfig, LogitsProcessor, LogitsProcessorList, PreTrainedModel

from selip_extract.answer_forms import AnswerForm, form_of
from selip_extract.double_reading import ModelReading
from selip_extract.extractors import Reading
from selip_extract.ground import grounded
from selip_extract.model_files import MODEL_FOLDER, load_model, load_tokenizer
from selip_extract.read_changes import read_changes
from selip_extract.scan import Scan, scan
from selip_extract.study import assembled
from selip_extract.task import Question
from selip_shared.provenance import folder_hash


class Answer(NamedTuple):
    """A question's answer: its tokens, the model's probability of them, and whether it came to its end."""

    ids: list[int]
    probability: float
    ended: bool


class GrammarMask(LogitsProcessor):
    """Lets each row of a batch continue only as its grammar admits; one instance serves one generation."""

    def __init__(self, grammars: Sequence[xgrammar.CompiledGrammar], vocabulary: int, prompt_length: int) -> None:
        self.matchers = [xgrammar.GrammarMatcher(g) for g in grammars]
        self.mask = xgrammar.allocate_token_bitmask(len(grammars), vocabulary)
        self.prompt_length = prompt_length
        self.log_probability = [0.0] * len(grammars)
        self.last: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Mask `scores` (rows, vocabulary) by the grammars after the tokens of `input_ids` (rows, length)."""
        if input_ids.shape[1] > self.prompt_length:
            self._take(input_ids[:, -1])
        for row, matcher in enumerate(self.matchers):
            if not matcher.is_terminated():
                matcher.fill_next_token_bitmask(self.mask, row)
        xgrammar.apply_token_bitmask_inplace(scores, self.mask.to(scores.device))
        self.last = scores.log_softmax(-1)
        return scores

    def probabilities(self, last_ids: torch.Tensor) -> list[float]:
        """The probability of each row's whole answer, after the last tokens (rows) of the generation."""
        self._take(last_ids)
        return [math.exp(x) for x in self.log_probability]

    def _take(self, chosen: torch.Tensor) -> None:
        assert self.last is not None
        taken = self.last.gather(1, chosen[:, None]).squeeze(1).tolist()
        for row, (matcher, token) in enumerate(zip(self.matchers, chosen.tolist(), strict=True)):
            if not matcher.is_terminated():
                self.log_probability[row] += taken[row]
                assert matcher.accept_token(token), "the grammar admits what it let through"


class Said(NamedTuple):
    """The model's reply to one report, and what it says sentence by sentence."""

    reply: str
    sentences: tuple[ModelReading, ...]


class LanguageModelReader:
    """Reads reports with a causal language model, by default the one that ships."""

    name = "model"

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or MODEL_FOLDER
        self.tokenizer = load_tokenizer(self.folder)

    @cached_property
    def model(self) -> PreTrainedModel:
        """The weights, loaded when they are first needed."""
        return load_model(self.folder)

    @cached_property
    def form(self) -> AnswerForm:
        """The form in which this model answers."""
        return form_of(self.tokenizer, AutoConfig.from_pretrained(self.folder, local_files_only=True).vocab_size)

    def fingerprint(self) -> dict[str, str]:
        """The model's hash and the version of task and grammar."""
        return {
            "model_hash": folder_hash(self.folder, "*.safetensors"),
            "task_version": self.form.version,
            "grammar_version": self.form.version,
            "engine": "transformers",
        }

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading a text; questions of all texts are answered together, like lengths with like."""
        scans = [scan(text) for text in texts]
        readings = []
        for scanned, said in zip(scans, self.read_scans(scans), strict=True):
            findings = [
                f.model_copy(update={"confidence": round(s.probability, 4)}) for s in said.sentences for f in s.findings
            ]
            study = assembled(findings, read_changes(scanned))
            failed = [s.status for s in said.sentences if s.status != "ok"]
            readings.append(Reading(study, said.reply, failed[0] if failed else "ok"))
        return readings

    def read_scans(self, scans: Sequence[Scan]) -> list[Said]:
        """What the model says of each report's sentences."""
        asked = [(i, q) for i, s in enumerate(scans) for q in self.form.questions(s)]
        answers = self._answers([(scans[i], q) for i, q in asked])
        said: list[list[ModelReading]] = [[] for _ in scans]
        replies: list[list[str]] = [[] for _ in scans]
        for (i, question), answer in zip(asked, answers, strict=True):
            reading, reply = self._read(scans[i], question, answer)
            said[i].append(reading)
            replies[i].append(reply)
        return [Said("\n".join(r), tuple(s)) for r, s in zip(replies, said, strict=True)]

    def _read(self, scanned: Scan, question: Question, answer: Answer) -> tuple[ModelReading, str]:
        """An answer that was cut off is trusted in nothing: no one can say what it left out."""
        try:
            reply, statements = self.form.read(question, answer.ids)
        except ValueError:
            return ModelReading(question, (), 0.0, "invalid" if answer.ended else "incomplete"), ""
        findings = tuple(grounded(scanned.text, question, statements))
        if not answer.ended:
            return ModelReading(question, findings, 0.0, "incomplete"), reply
        return ModelReading(question, findings, answer.probability), reply

    def _answers(self, asked: Sequence[tuple[Scan, Question]]) -> list[Answer]:
        """The model's answers, in the order of the questions; like lengths are asked together."""
        prompts = [self.form.prompt(s, q) for s, q in asked]
        order = sorted(range(len(asked)), key=lambda i: len(prompts[i]))
        answers: dict[int, Answer] = {}
        for start in range(0, len(order), self.form.at_once):
            batch = order[start : start + self.form.at_once]
            replies = self._generate([prompts[i] for i in batch], [asked[i][1] for i in batch])
            answers.update(zip(batch, replies, strict=True))
        return [answers[i] for i in range(len(asked))]

    @torch.inference_mode()
    def _generate(self, prompts: list[str], asked: list[Question]) -> list[Answer]:
        inputs = self.tokenizer(prompts, return_tensors="pt", padding=True, return_token_type_ids=False)
        inputs = inputs.to(self.model.device)
        length = inputs["input_ids"].shape[1]
        mask = GrammarMask([self.form.grammar(q) for q in asked], self.model.config.vocab_size, length)
        out = self.model.generate(  # type: ignore[operator]
            **inputs,
            max_new_tokens=self.form.longest_answer,
            do_sample=False,
            logits_processor=LogitsProcessorList([mask]),
            pad_token_id=self.tokenizer.pad_token_id,
        )
        end = self.tokenizer.eos_token_id
        return [
            Answer(ids[: ids.index(end)] if end in ids else ids, probability, end in ids)
            for ids, probability in zip(out[:, length:].tolist(), mask.probabilities(out[:, -1]), strict=True)
        ]

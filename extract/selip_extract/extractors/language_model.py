"""The shipped kind of model: it answers a report's questions in batches, each under its own grammar."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
import xgrammar
from selip_extract.answer_grammar import GRAMMAR_VERSION, compiled
from selip_extract.double_reading import ModelReading
from selip_extract.extractors import Reading
from selip_extract.ground import grounded
from selip_extract.model_files import MODEL_FOLDER, load_model, load_tokenizer
from selip_extract.read_changes import read_changes
from selip_extract.scan import Scan, scan
from selip_extract.study import assembled
from selip_extract.task import TASK_VERSION, Question, prompt, questions, read_answer, support
from selip_shared.provenance import folder_hash
from transformers import LogitsProcessor, PreTrainedModel

QUESTIONS_AT_ONCE = 96
LONGEST_ANSWER = 160


class Answer(NamedTuple):
    """A question's answer: its words, the model's probability of them, and whether it came to its end."""

    words: list[str]
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
        started = input_ids.shape[1] > self.prompt_length
        chosen = input_ids[:, -1].tolist() if started else []
        if self.last is not None and started:
            taken = self.last.gather(1, input_ids[:, -1:]).squeeze(1).tolist()
        for row, matcher in enumerate(self.matchers):
            if started and not matcher.is_terminated():
                self.log_probability[row] += taken[row]
                assert matcher.accept_token(chosen[row]), "the grammar admits what it let through"
            if not matcher.is_terminated():
                matcher.fill_next_token_bitmask(self.mask, row)
        xgrammar.apply_token_bitmask_inplace(scores, self.mask)
        self.last = scores.log_softmax(-1)
        return scores


class Said(NamedTuple):
    """The model's reply to one report, and what it says sentence by sentence."""

    reply: str
    sentences: tuple[ModelReading, ...]


class LanguageModelReader:
    """Reads reports with a causal language model of the sentence task, by default the one that ships."""

    name = "model"

    def __init__(self, folder: Path | None = None, constrained: bool = True) -> None:
        self.folder = folder or MODEL_FOLDER
        self.constrained = constrained
        self.tokenizer = load_tokenizer(self.folder)

    @cached_property
    def model(self) -> PreTrainedModel:
        """The weights, loaded when they are first needed."""
        return load_model(self.folder)

    def fingerprint(self) -> dict[str, str]:
        """The model's hash and the versions of task and grammar."""
        return {
            "model_hash": folder_hash(self.folder, "*.safetensors"),
            "task_version": TASK_VERSION,
            "grammar_version": GRAMMAR_VERSION if self.constrained else "none",
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
            readings.append(Reading(assembled(findings, read_changes(scanned)), said.reply))
        return readings

    def read_scans(self, scans: Sequence[Scan]) -> list[Said]:
        """What the model says of each report's sentences."""
        asked = [(i, q) for i, s in enumerate(scans) for q in questions(s)]
        answers = self.answer([q for _, q in asked])
        said: list[list[ModelReading]] = [[] for _ in scans]
        replies: list[list[str]] = [[] for _ in scans]
        for (i, question), reply in zip(asked, answers, strict=True):
            findings = grounded(scans[i].text, question, read_answer(question, reply.words))
            # an answer cut off at its limit is incomplete: nothing speaks for what it left out
            said[i].append(ModelReading(question, tuple(findings), reply.probability if reply.ended else 0.0))
            replies[i].append("".join(reply.words))
        return [Said("\n".join(r), tuple(s)) for r, s in zip(replies, said, strict=True)]

    def answer(self, asked: Sequence[Question]) -> list[Answer]:
        """The model's answers, in the order of the questions."""
        prompts = [prompt(q) for q in asked]
        order = sorted(range(len(asked)), key=lambda i: len(prompts[i]))
        answers: dict[int, Answer] = {}
        for start in range(0, len(order), QUESTIONS_AT_ONCE):
            batch = order[start : start + QUESTIONS_AT_ONCE]
            replies = self._generate([" ".join(prompts[i]) for i in batch], [asked[i] for i in batch])
            answers.update(zip(batch, replies, strict=True))
        return [answers[i] for i in range(len(asked))]

    @torch.inference_mode()
    def _generate(self, prompts: list[str], asked: list[Question]) -> list[Answer]:
        inputs = self.tokenizer(prompts, return_tensors="pt", padding=True, return_token_type_ids=False)
        length = inputs["input_ids"].shape[1]
        mask = (
            GrammarMask([compiled(support(q)) for q in asked], self.model.config.vocab_size, length)
            if self.constrained
            else None
        )
        out = self.model.generate(
            **inputs, max_new_tokens=LONGEST_ANSWER, do_sample=False, logits_processor=[mask] if mask else None
        )
        answers = []
        end = self.tokenizer.eos_token_id
        for row, ids in enumerate(out[:, length:].tolist()):
            ended = end in ids
            words = self.tokenizer.convert_ids_to_tokens(ids[: ids.index(end)] if ended else ids)
            probability = float(torch.tensor(mask.log_probability[row]).exp()) if mask else 1.0
            answers.append(Answer(words, probability, ended))
        return answers

"""The training of an adapter: examples as rows of token ids, and transformers' Trainer over them.

The order of all rows is fixed before the first step, and a checkpoint holds everything else that a step depends on:
a training that was killed goes on and ends with the weights it would have had.
"""

import json
import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import (
    DataCollatorForSeq2Seq,
    EvalPrediction,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from selip_contracts.findings import AnnotatedReport
from selip_extract.llm.answer_forms import AnswerForm
from selip_extract.training.examples import Example, annotated_examples, mixed, pseudo_examples, split
from selip_shared.errors import SelipError
from selip_shared.progress import Advance, progress

HELD_OUT_PSEUDO_REPORTS = 100
EVALUATIONS = 8
WARM_UP = 0.05
# Logits of whole reports over a large vocabulary fill a GPU soon; sentences are short.
SENTENCES_AT_ONCE, REPORTS_AT_ONCE = 16, 2
LARGE = 500_000_000
BATCHES_OF_LIKE_LENGTH = 32
IGNORED = -100

Row = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """How an adapter is trained; `batch_size` examples a step, `at_once` of them on the device together."""

    rank: int = 32
    epochs: int = 1
    learning_rate: float = 5e-4
    batch_size: int = 16
    at_once: int | None = None
    four_bit: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Lessons:
    """Token ids in the order of the training, and of each held-out set; `counts` says what they were made of."""

    taught: list[Row]
    held_out: dict[str, list[Row]]
    counts: dict[str, int]


def at_once(form: AnswerForm, options: Options) -> int:
    """How many examples are on the device together."""
    usual = SENTENCES_AT_ONCE if form.in_words else REPORTS_AT_ONCE
    return min(options.at_once or usual, options.batch_size)


def lessons(
    form: AnswerForm, words: PreTrainedTokenizerFast, pseudo: int, reports: Sequence[AnnotatedReport], options: Options
) -> Lessons:
    """What is learnt from `pseudo` pseudo-reports and the annotated ones; SelipError where they teach nothing."""
    learnt, kept = split(reports)
    written = pseudo_examples(form, pseudo, f"finetune/{options.seed}")
    annotated = annotated_examples(form, learnt)
    held_out = {
        "pseudo": pseudo_examples(form, HELD_OUT_PSEUDO_REPORTS, f"finetune held out/{options.seed}"),
        "annotated": annotated_examples(form, kept),
    }
    if not written.examples and not annotated.examples:
        raise SelipError("No report states a signal that its words support: name other annotated reports.")
    order = mixed(random.Random(options.seed), written.examples, annotated.examples, options.epochs)
    counts = {
        "pseudo_reports": written.reports,
        "annotated_reports": annotated.reports,
        "held_out_pseudo_reports": held_out["pseudo"].reports,
        "held_out_annotated_reports": held_out["annotated"].reports,
        "pseudo_examples": len(written.examples),
        "annotated_examples": len(annotated.examples),
        "annotated_questions_left_out": annotated.left_out + held_out["annotated"].left_out,
    }
    return Lessons(
        [_row(words, example) for example in order],
        {name: [_row(words, e) for e in found.examples] for name, found in held_out.items() if found.examples},
        counts,
    )


def _row(words: PreTrainedTokenizerFast, example: Example) -> Row:
    """The ids of prompt, answer and end; the loss is on answer and end alone."""
    asked = words(example.prompt, return_token_type_ids=False)["input_ids"]
    said = [*words(example.answer, add_special_tokens=False)["input_ids"], words.eos_token_id]
    ids = [*asked, *said]
    labels = [IGNORED] * len(asked) + said
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels, "known": int(example.known)}


def check_lengths(lessons: Lessons, model: PeftModel) -> None:
    """No example is ever cut: SelipError where the model could not read one whole."""
    longest = getattr(model.config, "max_position_embeddings", None)
    rows = [row for found in (lessons.taught, *lessons.held_out.values()) for row in found]
    too_long = sum(len(row["input_ids"]) > longest for row in rows) if longest else 0
    if too_long:
        raise SelipError(
            f"{too_long:,} of {len(rows):,} examples are longer than the {longest:,} tokens that the base model reads:"
            " leave out the longest annotated reports, or take another base."
        )


def arranged(rows: Iterable[Row], size: int, seed: int) -> list[Row]:
    """The rows so that each `size` after one another are of like length, the groups in random order."""
    rows = list(rows)
    rng = random.Random(seed)
    found = []
    for start in range(0, len(rows), size * BATCHES_OF_LIKE_LENGTH):
        chunk = sorted(rows[start : start + size * BATCHES_OF_LIKE_LENGTH], key=lambda row: -len(row["input_ids"]))
        batches = [chunk[i : i + size] for i in range(0, len(chunk), size)]
        rng.shuffle(batches)
        found += [row for batch in batches for row in batch]
    return found


class _Adaptation(Trainer):
    """The loss is on the right answers; where a row's kind is `known`, on what the base itself says of it.

    The base has no error to learn from there that would not be chance: held to its own words, it forgets the least.
    """

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor | Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """The mean over the tokens of the answers: cross entropy, or divergence from the base."""
        known = inputs.pop("known").bool()
        if not model.training or not known.any():
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs["labels"]
        unknown = inputs | {"labels": labels.masked_fill(known[:, None], IGNORED)}
        loss, outputs = super().compute_loss(model, unknown, True, num_items_in_batch)
        assert isinstance(model, PeftModel)
        assert num_items_in_batch is not None
        with torch.no_grad(), model.disable_adapter():
            base = model(**{name: inputs[name][known] for name in ("input_ids", "attention_mask")}).logits
        answered = labels[known][:, 1:] != IGNORED
        said, wanted = (logits[:, :-1][answered].float().log_softmax(-1) for logits in (outputs["logits"][known], base))
        divergence = torch.nn.functional.kl_div(said, wanted, reduction="sum", log_target=True) / num_items_in_batch
        return (loss + divergence, outputs) if return_outputs else loss + divergence


class _Shown(TrainerCallback):
    """Shows the steps that are done."""

    def __init__(self, advance: Advance) -> None:
        self.advance = advance
        self.shown = 0

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:  # noqa: ARG002
        """Those since the last time; those of an earlier sitting count."""
        self.advance(state.global_step - self.shown)
        self.shown = state.global_step


def train(
    model: PeftModel, words: PreTrainedTokenizerFast, lessons: Lessons, folder: Path, options: Options, at_once: int
) -> TrainerState:
    """Train to the end, from the last checkpoint in `folder` where there is one."""
    gpu = torch.cuda.is_available()
    accumulated = max(1, options.batch_size // at_once)
    steps = -(-len(lessons.taught) // (at_once * accumulated))
    between = -(-steps // EVALUATIONS)
    last = _last_checkpoint(folder)
    trainer = _Adaptation(
        model=model,
        args=TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=1,
            per_device_train_batch_size=at_once,
            per_device_eval_batch_size=at_once,
            gradient_accumulation_steps=accumulated,
            train_sampling_strategy="sequential",
            learning_rate=options.learning_rate,
            warmup_steps=round(WARM_UP * steps),
            eval_strategy="steps",
            eval_steps=between,
            eval_on_start=last is None,
            save_strategy="steps",
            save_steps=between,
            save_total_limit=2,
            logging_steps=between,
            metric_for_best_model=f"{'annotated' if 'annotated' in lessons.held_out else 'pseudo'}_loss",
            greater_is_better=False,
            bf16=gpu and torch.cuda.is_bf16_supported(),
            use_cpu=not gpu,
            dataloader_pin_memory=gpu,
            gradient_checkpointing=gpu or model.num_parameters() > LARGE,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            remove_unused_columns=False,
            label_names=["labels"],
            disable_tqdm=True,
            report_to="none",
            seed=options.seed,
        ),
        data_collator=DataCollatorForSeq2Seq(words, label_pad_token_id=IGNORED),
        train_dataset=arranged(lessons.taught, at_once, options.seed),
        eval_dataset=lessons.held_out,
        compute_metrics=_share_exact,
        preprocess_logits_for_metrics=_exactly_right,
    )
    trainer.remove_callback(PrinterCallback)
    with progress("steps", steps) as advance:
        trainer.add_callback(_Shown(advance))
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    return trainer.state


def _exactly_right(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Whether each answer is the likeliest in every token: logits (rows, length, vocabulary), labels (rows, length)."""
    wanted = labels[:, 1:]
    return ((logits[:, :-1].argmax(-1) == wanted) | (wanted == IGNORED)).all(-1)


def _share_exact(prediction: EvalPrediction) -> dict[str, float]:
    assert not isinstance(prediction.predictions, tuple)
    return {"exact": float(prediction.predictions.mean())}


def _last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written whole; those that were not are removed."""
    whole: dict[int, Path] = {}
    for path in folder.glob("checkpoint-*"):
        try:
            # written last of all
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(path)
        else:
            whole[int(path.name.rpartition("-")[2])] = path
    return whole[max(whole)] if whole else None


def curve(state: TrainerState) -> list[dict[str, float]]:
    """Loss in training, and loss and share of exact answers on what is held out, by step."""
    points: dict[int, dict[str, float]] = {}
    for entry in state.log_history:
        point = points.setdefault(int(entry["step"]), {"step": int(entry["step"])})
        point |= {
            k.removeprefix("eval_"): v for k, v in entry.items() if k == "loss" or k.endswith(("_loss", "_exact"))
        }
        point.pop("train_loss", None)
    return list(points.values())

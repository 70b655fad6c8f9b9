"""The training of an adapter: examples as token ids, and transformers' Trainer over them.

The order of all examples is fixed before the first step: a training that was killed continues and ends with the weights
it would have had.
"""

import inspect
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from peft import PeftModel
from transformers import (
    DataCollatorForSeq2Seq,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainerState,
)

from selip_contracts.findings import AnnotatedReport
from selip_extract.llm.answer_forms import AnswerForm
from selip_extract.llm.engines.transformers_engine import MAX_PARAMETERS_OF_ONE_THREAD
from selip_extract.training.examples import Example, annotated_examples, mixed, pseudo_examples, split
from selip_extract.training.held_out_reading import HeldOutReports
from selip_extract.training.resumable_training import (
    IGNORED,
    exactly_right,
    last_checkpoint,
    share_exact,
    train_to_end,
    training_arguments,
)
from selip_shared.errors import SelipError

WARM_UP_SHARE = 0.05
# Sentences are short, whole reports with their instructions are not.
SENTENCE_BATCH_SIZE, REPORT_BATCH_SIZE = 16, 2
# From so many parameters on, activations are computed again instead of kept, on a CPU too.
MIN_CHECKPOINTED_PARAMETERS = 500_000_000
BATCHES_PER_LENGTH_GROUP = 32
# The best step has the highest F1 on the held-out annotated reports, and of almost equal ones the lowest loss.
LOSS_BESIDE_F1 = 1e-3
# A base of fewer parameters learns at this rate. The last two are QLoRA's for 13B and for 33B (arXiv 2305.14314).
LEARNING_RATES = ((1e9, 5e-4), (15e9, 2e-4), (float("inf"), 1e-4))

TokenizedExample = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """How an adapter is trained; `batch_size` examples a step, `at_once` of them on the device together.

    Without `learning_rate`, that for the size of the base. `held_out_share` of the annotated reports, and
    `held_out_pseudo` pseudo-reports, are evaluated before the training and `evaluations` times in it; it ends after
    `patience` evaluations that were no better.
    """

    rank: int = 32
    epochs: int = 1
    learning_rate: float | None = None
    batch_size: int = 16
    at_once: int | None = None
    four_bit: bool = False
    seed: int = 0
    held_out_share: float = 0.1
    held_out_pseudo: int = 100
    evaluations: int = 8
    patience: int = 3


@dataclass(frozen=True)
class TrainingData:
    """Examples in the order of the training, and those of each held-out set; `counts` says what they were made of."""

    train: list[TokenizedExample]
    held_out: dict[str, list[TokenizedExample]]
    counts: dict[str, int]


def device_batch_size(form: AnswerForm, options: Options, processes: int) -> int:
    """How many examples are on the device of each process together."""
    default = SENTENCE_BATCH_SIZE if form.in_words else REPORT_BATCH_SIZE
    return max(1, min(options.at_once or default, options.batch_size // processes))


def training_data(
    form: AnswerForm,
    tokenizer: PreTrainedTokenizerFast,
    pseudo: int,
    reports: Sequence[AnnotatedReport],
    options: Options,
) -> TrainingData:
    """Examples of `pseudo` pseudo-reports and of the annotated reports; SelipError where none can be made."""
    learnt, kept = split(reports, options.held_out_share)
    written = pseudo_examples(form, pseudo, f"finetune/{options.seed}")
    annotated = annotated_examples(form, learnt)
    held_out = {
        "pseudo": pseudo_examples(form, options.held_out_pseudo, f"finetune held out/{options.seed}"),
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
    return TrainingData(
        [_tokenized(tokenizer, example) for example in order],
        {
            name: [_tokenized(tokenizer, e) for e in found.examples]
            for name, found in held_out.items()
            if found.examples
        },
        counts,
    )


def _tokenized(tokenizer: PreTrainedTokenizerFast, example: Example) -> TokenizedExample:
    """The ids of prompt, answer and end; the loss is on answer and end alone."""
    prompt = tokenizer(example.prompt, return_token_type_ids=False)["input_ids"]
    answer = [*tokenizer(example.answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    ids = [*prompt, *answer]
    labels = [IGNORED] * len(prompt) + answer
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels, "known": int(example.known)}


def check_lengths(data: TrainingData, model: PeftModel) -> None:
    """SelipError where an example is longer than the model reads: none is ever truncated."""
    longest = getattr(model.config, "max_position_embeddings", None)
    rows = [row for found in (data.train, *data.held_out.values()) for row in found]
    too_long = sum(len(row["input_ids"]) > longest for row in rows) if longest else 0
    if too_long:
        raise SelipError(
            f"{too_long:,} of {len(rows):,} examples are longer than the {longest:,} tokens that the base model reads:"
            " leave out the longest annotated reports, or take another base."
        )


def arranged(rows: Iterable[TokenizedExample], size: int, seed: int) -> list[TokenizedExample]:
    """The examples in batches of `size` of like length, the batches in random order."""
    rows = list(rows)
    rng = random.Random(seed)
    found = []
    for start in range(0, len(rows), size * BATCHES_PER_LENGTH_GROUP):
        chunk = sorted(rows[start : start + size * BATCHES_PER_LENGTH_GROUP], key=lambda row: -len(row["input_ids"]))
        batches = [chunk[i : i + size] for i in range(0, len(chunk), size)]
        rng.shuffle(batches)
        found += [row for batch in batches for row in batch]
    return found


class AnswerCollator(DataCollatorForSeq2Seq):
    """Pads a batch, and asks for the logits from the first token of an answer on alone.

    Those of the prompts over a large vocabulary would take more memory than all else.
    """

    def __call__(self, features: list[TokenizedExample], return_tensors: str | None = None) -> dict[str, Any]:
        """`input_ids` (rows, length) and `labels` (rows, logits_to_keep), both of the last columns."""
        batch: dict[str, Any] = dict(super().__call__(features, return_tensors))  # type: ignore[no-untyped-call]
        is_answer = batch["labels"] != IGNORED
        kept = is_answer.shape[1] - int(is_answer.int().argmax(1).min()) + 1
        return batch | {"labels": batch["labels"][:, -kept:], "logits_to_keep": kept}


class _AdapterTrainer(Trainer):
    """The loss is against the right answers; of `known` examples, against the answers of the base itself.

    The base has few errors to learn from there: kept at its own answers, it forgets the least.
    """

    def __init__(self, *, held_out: HeldOutReports, **settings: Any) -> None:
        """`held_out` is read at each evaluation of the annotated examples."""
        super().__init__(**settings)
        self.held_out = held_out

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """The figures of each held-out set, of the annotated reports F1 too."""
        metrics = super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        if metric_key_prefix == "eval_annotated":
            f1 = self.held_out.f1()
            self.log({"eval_annotated_f1": f1})
            metrics["eval_annotated_quality"] = f1 - LOSS_BESIDE_F1 * metrics["eval_annotated_loss"]
        return metrics

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
        own = self.accelerator.unwrap_model(model)
        assert isinstance(own, PeftModel)
        assert num_items_in_batch is not None
        with torch.no_grad(), own.disable_adapter():
            kept = {name: inputs[name] for name in ("logits_to_keep",) if name in inputs}
            base = own(**{name: inputs[name][known] for name in ("input_ids", "attention_mask")}, **kept).logits
        answered = labels[known][:, 1:] != IGNORED
        adapted, wanted = (
            logits[:, :-1][answered].float().log_softmax(-1) for logits in (outputs["logits"][known], base)
        )
        divergence = torch.nn.functional.kl_div(adapted, wanted, reduction="sum", log_target=True) / num_items_in_batch
        # The tokens are those of all processes, whose gradients are averaged.
        divergence = divergence * self.accelerator.num_processes
        return (loss + divergence, outputs) if return_outputs else loss + divergence


def learning_rate_for(parameters: int) -> float:
    """The maximum learning rate for a base of so many parameters."""
    return next(rate for limit, rate in LEARNING_RATES if parameters < limit)


def computes_in_bfloat16(parameters: int) -> bool:
    """Whether a base of so many parameters is trained so: on a GPU, and a large one on a CPU that is built for it."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return parameters > MAX_PARAMETERS_OF_ONE_THREAD and bool(torch.cpu._is_avx512_bf16_supported())


def _collator(model: PeftModel, tokenizer: PreTrainedTokenizerFast) -> DataCollatorForSeq2Seq:
    can_keep = "logits_to_keep" in inspect.signature(model.get_base_model().forward).parameters
    return (AnswerCollator if can_keep else DataCollatorForSeq2Seq)(tokenizer, label_pad_token_id=IGNORED)


def train(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerFast,
    data: TrainingData,
    held_out: HeldOutReports,
    folder: Path,
    options: Options,
    at_once: int,
) -> TrainerState:
    """Train to the end, from the last checkpoint in `folder` where there is one; `at_once` examples a device."""
    gpu = torch.cuda.is_available()
    examples_at_once = at_once * PartialState().num_processes
    accumulated = max(1, options.batch_size // examples_at_once)
    steps = -(-len(data.train) // (examples_at_once * accumulated))
    between = -(-steps // options.evaluations)
    by_f1 = "annotated" in data.held_out
    trainer = _AdapterTrainer(
        held_out=held_out,
        model=model,
        args=training_arguments(
            folder,
            between,
            num_train_epochs=1,
            per_device_train_batch_size=at_once,
            per_device_eval_batch_size=at_once,
            gradient_accumulation_steps=accumulated,
            train_sampling_strategy="sequential",
            learning_rate=options.learning_rate or learning_rate_for(model.num_parameters()),
            warmup_steps=round(WARM_UP_SHARE * steps),
            eval_on_start=last_checkpoint(folder) is None,
            metric_for_best_model="annotated_quality" if by_f1 else "pseudo_loss",
            greater_is_better=by_f1,
            bf16=computes_in_bfloat16(model.num_parameters()),
            use_cpu=not gpu,
            dataloader_pin_memory=gpu,
            gradient_checkpointing=gpu or model.num_parameters() > MIN_CHECKPOINTED_PARAMETERS,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            ddp_find_unused_parameters=False,
            seed=options.seed,
        ),
        data_collator=_collator(model, tokenizer),
        train_dataset=arranged(data.train, at_once, options.seed),
        eval_dataset=data.held_out,
        compute_metrics=share_exact,
        preprocess_logits_for_metrics=exactly_right,
    )
    trainer.remove_callback(PrinterCallback)
    return train_to_end(trainer, steps, options.patience)

"""Train the small decoder that finetuning starts from: from nothing, on pseudo-reports; the same for the same seed.

`torchrun --nproc-per-node N` trains in N processes, each on pseudo-reports of its own.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch.utils.data import IterableDataset
from transformers import LlamaConfig, LlamaForCausalLM

from selip_extract.llm.model_files import save_model
from selip_extract.llm.sentence_task import END, PAD, TASK_VERSION, VOCABULARY, word_numbers
from selip_extract.training.from_scratch import BatchTrainer, from_scratch_arguments
from selip_extract.training.pseudo_examples import PseudoExample, example_stream
from selip_extract.training.resumable_training import (
    IGNORED,
    curve,
    exactly_right,
    share_exact,
    train_to_end,
)
from selip_shared.provenance import environment

HIDDEN, LAYERS, HEADS, FEED_FORWARD = 256, 4, 4, 704
TOKENS_PER_BATCH = 2048
EXAMPLES_PER_CHUNK = 2048
DECAY_SHARE = 0.35
HELD_OUT_SEED = 999_983
HELD_OUT_EXAMPLES = 1024

Batch = dict[str, torch.Tensor]


def new_model(seed: int) -> LlamaForCausalLM:
    """The untrained decoder."""
    torch.manual_seed(seed)
    numbers = word_numbers()
    return LlamaForCausalLM(  # type: ignore[no-untyped-call]
        LlamaConfig(
            vocab_size=len(VOCABULARY),
            hidden_size=HIDDEN,
            intermediate_size=FEED_FORWARD,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=numbers[END],
            pad_token_id=numbers[PAD],
        )
    )


def batches(examples: Iterator[PseudoExample]) -> Iterator[Batch]:
    """`input_ids` and `labels`, (examples, length) each, of examples of like length; labels only on the answer."""
    numbers = word_numbers()
    while chunk := list(islice(examples, EXAMPLES_PER_CHUNK)):
        rows = sorted(([numbers[w] for w in x.prompt], [numbers[w] for w in (*x.answer, END)]) for x in chunk)
        rows.sort(key=lambda r: len(r[0]) + len(r[1]))
        found = []
        while rows:
            longest = len(rows[-1][0]) + len(rows[-1][1])
            count = max(1, TOKENS_PER_BATCH // longest)
            found.append(_padded(rows[-count:], longest, numbers[PAD]))
            rows = rows[:-count]
        order = torch.randperm(len(found), generator=torch.Generator().manual_seed(len(found)))
        for i in order.tolist():
            yield found[i]


def _padded(rows: list[tuple[list[int], list[int]]], length: int, pad: int) -> Batch:
    ids = torch.full((len(rows), length), pad)
    labels = torch.full((len(rows), length), IGNORED)
    for i, (prompt, answer) in enumerate(rows):
        end = len(prompt) + len(answer)
        ids[i, :end] = torch.tensor(prompt + answer)
        labels[i, len(prompt) : end] = torch.tensor(answer)
    return {"input_ids": ids, "labels": labels}


class PseudoBatches(IterableDataset[Batch]):
    """The first `steps` batches of the examples of a seed."""

    def __init__(self, seed: int, steps: int) -> None:
        self.seed = seed
        self.steps = steps

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Batch]:
        return islice(batches(example_stream(self.seed)), self.steps)


def train(out: Path, steps: int, seed: int) -> None:
    """Train for `steps` steps, one batch a process, and write the model to `out`/model; continues after a kill."""
    arguments = from_scratch_arguments(out / "checkpoints", steps, DECAY_SHARE, seed)
    processes = arguments.world_size
    model = new_model(seed)
    trainer = BatchTrainer(
        model=model,
        args=arguments,
        train_dataset=PseudoBatches(seed * processes + arguments.process_index, steps),
        eval_dataset={"pseudo": list(batches(islice(example_stream(HELD_OUT_SEED), HELD_OUT_EXAMPLES)))},
        compute_metrics=share_exact,
        preprocess_logits_for_metrics=exactly_right,
    )
    state = train_to_end(trainer, steps)
    if trainer.is_world_process_zero():
        recipe = {
            "steps": steps,
            "seed": seed,
            "processes": processes,
            "task": TASK_VERSION,
            "curve": curve(state),
            "versions": environment(["torch", "transformers", "tokenizers"]),
        }
        save_model(model, out / "model", recipe)


def main(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the model.")] = Path("out/decoder"),
    steps: Annotated[int, typer.Option(help="Steps of one batch of about 2,048 tokens a process.")] = 8_000,
    seed: Annotated[int, typer.Option(help="Seed of the weights and the pseudo-reports.")] = 1,
) -> None:
    """Train the decoder from nothing on pseudo-reports; repeat the command to continue after an interruption."""
    train(out, steps, seed)


if __name__ == "__main__":
    typer.run(main)

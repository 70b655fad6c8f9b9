"""Train the model that ships: a small decoder, from nothing, on pseudo-reports; the same for the same seed."""

import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import typer
from safetensors.torch import load_file, save_file
from torch.multiprocessing.spawn import spawn
from transformers import LlamaConfig, LlamaForCausalLM

from selip_extract.llm.model_files import save_model, word_numbers
from selip_extract.llm.sentence_task import END, PAD, TASK_VERSION, VOCABULARY
from selip_extract.training.pseudo_examples import Lesson, lesson_stream
from selip_shared.files import write_text
from selip_shared.optimizer_state import optimizer_tensors, restore_optimizer
from selip_shared.provenance import environment

HIDDEN, LAYERS, HEADS, FEED_FORWARD = 256, 4, 4, 704
TOKENS_PER_BATCH = 2048
LESSONS_PER_CHUNK = 2048
LEARNING_RATE = 1.5e-3
WARM_UP = 300
COOL_DOWN = 0.35
SAVE_EVERY = 500
VALIDATION_SEED = 999_983
VALIDATION_LESSONS = 1024
IGNORED = -100
MODEL, OPTIMIZER = "model.", "optimizer."
"""Prefixes of the tensors in a checkpoint."""
Curve = list[dict[str, float]]


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


def batches(lessons: Iterator[Lesson]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Token ids and labels, (lessons, length) each, of like length; labels only on the answer."""
    numbers = word_numbers()
    while chunk := list(islice(lessons, LESSONS_PER_CHUNK)):
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


def _padded(rows: list[tuple[list[int], list[int]]], length: int, pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.full((len(rows), length), pad)
    labels = torch.full((len(rows), length), IGNORED)
    for i, (prompt, answer) in enumerate(rows):
        end = len(prompt) + len(answer)
        ids[i, :end] = torch.tensor(prompt + answer)
        labels[i, len(prompt) : end] = torch.tensor(answer)
    return ids, labels


def rate(step: int, steps: int) -> float:
    """Share of the learning rate: linear warm-up, constant, linear to zero over the last part."""
    return min(1.0, (step + 1) / WARM_UP, max(0.0, (steps - step) / (COOL_DOWN * steps)))


@torch.no_grad()
def validation(model: LlamaForCausalLM) -> tuple[float, float]:
    """(loss per answer token, share of answers that are right in every token) on lessons never trained on."""
    model.train(False)
    total = tokens = right = answers = 0.0
    for ids, labels in batches(islice(lesson_stream(VALIDATION_SEED), VALIDATION_LESSONS)):
        logits = model(input_ids=ids).logits[:, :-1].float()
        wanted = labels[:, 1:]
        kept = wanted != IGNORED
        total += float(torch.nn.functional.cross_entropy(logits[kept], wanted[kept], reduction="sum"))
        tokens += float(kept.sum())
        right += float(((logits.argmax(-1) == wanted) | ~kept).all(1).sum())
        answers += len(ids)
    model.train()
    return total / tokens, right / answers


def train(out: Path, steps: int, seed: int, processes: int) -> None:
    """Train for `steps` steps, one batch a process; an interrupted run continues from its last checkpoint in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    meeting = out / "meeting"
    meeting.unlink(missing_ok=True)
    spawn(_train, (processes, meeting, out, steps, seed), nprocs=processes)  # type: ignore[no-untyped-call]


def _train(rank: int, processes: int, meeting: Path, out: Path, steps: int, seed: int) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{meeting.absolute()}", rank=rank, world_size=processes
    )
    model = new_model(seed)
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    done, curve = _restored(out, model, optimizer)
    stream = islice(batches(lesson_stream(seed * processes + rank)), done, steps)
    started, tokens, running = time.monotonic(), 0, 0.0
    for step, (ids, labels) in enumerate(stream, done):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * rate(step, steps)
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        _average_gradients(parameters, processes)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if rank:
            continue
        tokens += ids.numel() * processes
        running = 0.98 * running + 0.02 * float(loss.detach())
        if (step + 1) % 50 == 0:
            seconds = time.monotonic() - started
            left = seconds / (step + 1 - done) * (steps - step - 1)
            speed = f"{tokens / seconds:.0f} tokens/s  {left / 60:.1f} min left"
            print(f"step {step + 1}/{steps}  loss {running:.4f}  {speed}", flush=True)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            loss_value, exact = validation(model)
            curve.append({"step": step + 1, "loss": loss_value, "exact": exact})
            print(f"validation: loss {loss_value:.4f}, exact answers {exact:.4f}", flush=True)
            _save(out, model, optimizer, step + 1, curve)
            recipe = {
                "steps": steps, "seed": seed, "processes": processes, "task": TASK_VERSION, "curve": curve,
                "versions": environment(["torch", "transformers", "tokenizers"]),
            }  # fmt: skip
            save_model(model, out / "model", recipe)
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def _average_gradients(parameters: list[torch.nn.Parameter], processes: int) -> None:
    """Replace the gradients by their mean over the processes, so that all make the same step."""
    flat = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
    torch.distributed.all_reduce(flat)
    flat /= processes
    at = 0
    for p in parameters:
        if p.grad is not None:
            p.grad.copy_(flat[at : at + p.numel()].view_as(p))
            at += p.numel()


def _restored(out: Path, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer) -> tuple[int, Curve]:
    """Load the last checkpoint, if there is one: (steps done, validation curve)."""
    if not (out / "progress.json").exists():
        return 0, []
    progress = json.loads((out / "progress.json").read_text())
    state = load_file(out / f"training-{progress['step']}.safetensors")
    weights, moments = ({k[len(p) :]: v for k, v in state.items() if k.startswith(p)} for p in (MODEL, OPTIMIZER))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])
    restore_optimizer(optimizer, model.named_parameters(), moments)
    return progress["step"], progress["curve"]


def _save(out: Path, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, step: int, curve: Curve) -> None:
    weights = {f"{MODEL}{name}": parameter.detach() for name, parameter in model.named_parameters()}
    moments = optimizer_tensors(optimizer, model.named_parameters())
    tensors = weights | {f"{OPTIMIZER}{name}": tensor for name, tensor in moments.items()}
    save_file(tensors, out / f"training-{step}.safetensors")
    write_text(out / "progress.json", json.dumps({"step": step, "curve": curve}))
    for old in out.glob("training-*.safetensors"):
        if old.name != f"training-{step}.safetensors":
            old.unlink()


def main(
    out: Annotated[Path, typer.Option(help="Where checkpoints and the model are written.")] = Path("out/default-model"),
    steps: Annotated[int, typer.Option(help="Steps of one batch of about 2,048 tokens a process.")] = 8_000,
    seed: Annotated[int, typer.Option(help="Seed of the weights and the pseudo-reports.")] = 1,
    processes: Annotated[int, typer.Option(help="Processes that train together, one CPU core each.")] = 2,
) -> None:
    """Train the shipped model from nothing on pseudo-reports; an interrupted run continues."""
    train(out, steps, seed, processes)


if __name__ == "__main__":
    typer.run(main)

"""One process of a small training, which writes its results: python gathering_process.py RANK WORLD_SIZE FOLDER."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.objective.loss import contrastive_loss
from selip_pretrain.objective.targets import TARGETS
from selip_pretrain.training.gather import gather

BATCH = 8
STEPS = 3
TEXTS = [f"在{side}{site}表现为高信号" for side in ("左侧", "右侧") for site in ("额叶", "颞叶", "海马", "丘脑")]


class Encoders(nn.Module):
    """Two small encoders and the temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 6))
        self.text = nn.Linear(10, 6)
        self.logit_scale = nn.Parameter(torch.tensor(2.5))

    def forward(self, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Both embeddings, of length 1, and the temperature's logarithm."""
        normalize = nn.functional.normalize
        return normalize(self.image(images)), normalize(self.text(texts)), self.logit_scale


def train(rank: int, world_size: int) -> dict[str, Tensor]:
    """Parameters after some steps; embeddings, rows and gradients of the first step."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    model = Encoders().double()
    wrapped = DistributedDataParallel(model) if world_size > 1 else model
    images, texts = torch.randn(STEPS, BATCH, 12), torch.randn(STEPS, BATCH, 10)
    table = TextTable(TEXTS, ["T2"] * BATCH)
    mine = slice(rank * BATCH // world_size, (rank + 1) * BATCH // world_size)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    found: dict[str, Tensor] = {}
    for step in range(STEPS):
        image, text, scale = wrapped(images[step, mine], texts[step, mine])
        image.retain_grad()
        all_images, all_texts, rows = gather(image), gather(text), gather(table.rows(TEXTS[mine]))
        similarity = TARGETS["selip"].similarity(table, rows, rows, torch.float64)
        optimizer.zero_grad()
        contrastive_loss(all_images, all_texts, scale, similarity).total.backward()  # type: ignore[no-untyped-call]
        if step == 0:
            found |= {"embeddings": all_images.detach(), "rows": rows, "embedding_gradient": image.grad}
            found |= {f"gradient.{name}": p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        optimizer.step()
    return found | {f"parameter.{name}": p.detach() for name, p in model.named_parameters()}


def main() -> None:
    """Join the other processes, train, write the results."""
    rank, world_size, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    if world_size > 1:
        dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=world_size)
    save_file(train(rank, world_size), folder / f"{rank}.safetensors")
    if world_size > 1:
        dist.barrier()
        dist.destroy_process_group()


if __name__ == "__main__":
    main()

"""Speed and memory of retrieval on this machine: each image against each text, in both directions.

With --write the figures are stored in results.json. All texts are distinct, which is the most expensive case.
"""

import argparse
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from selip_downstream.retrieval.metrics import Answered, ndcg
from selip_downstream.retrieval.search import DIRECTIONS, TEXTS, search, task
from tests.benchmarks.bench_store import peak_megabytes
from tests.benchmarks.figures import Figure, keep, machine, show

WIDTH = 512


def embeddings(seed: int, count: int) -> Tensor:
    """Random embeddings of unit norm."""
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(count, WIDTH, generator=generator), dim=1)


def nearness(rows: Tensor, columns: Tensor) -> Tensor:
    """An arbitrary graded relevance of texts."""
    return 1 / (1 + (rows[:, None] - columns).abs().float())


def measure(count: int) -> Iterator[Figure]:
    """Ranks, first hits and graded relevance of `count` images and texts."""
    images, texts = embeddings(0, count), embeddings(1, count)
    text_of = torch.randperm(count, generator=torch.Generator().manual_seed(2))
    yield Figure("memory before", peak_megabytes(), "MB")
    answered = []
    for use in TEXTS:
        started, cpu = time.perf_counter(), time.process_time()
        for direction in DIRECTIONS:
            wanted = task(images, texts, text_of, direction, use)
            answered.append(Answered(search(wanted).hits, wanted.queries.labels, wanted.gallery.labels))
        yield Figure(f"{use} texts, both directions, clock", time.perf_counter() - started, "s", "< 30")
        yield Figure(f"{use} texts, both directions, processor", time.process_time() - cpu, "s")
    started, cpu = time.perf_counter(), time.process_time()
    ndcg(answered, count, nearness)
    yield Figure("graded relevance of these four, clock", time.perf_counter() - started, "s")
    yield Figure("graded relevance of these four, processor", time.process_time() - cpu, "s")
    yield Figure("memory in the end", peak_megabytes(), "MB", "< 2,000")


def main() -> None:
    """Measure and print the figures; with --write, store them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="images, and texts")
    parser.add_argument("--write", action="store_true", help="store the figures in results.json")
    options = parser.parse_args()
    title = f"retrieval, {options.count:,} × {options.count:,} at {WIDTH} dimensions, on {machine()}"
    figures = show(title, measure(options.count))
    if options.write:
        keep("retrieval", figures)


if __name__ == "__main__":
    main()

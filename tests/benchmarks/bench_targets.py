"""Speed and memory of a batch's targets, compared with a plain Python loop over the formula.

The texts are the distinct ones of pseudo-studies, on all sequences, without the normal text. Figures on one core
are processor time, figures on all cores wall-clock time. With --write they are stored in results.json.
"""

import argparse
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count

import torch

from selip_contracts.statements import NORMAL_TEXT, study_text, written_statements
from selip_contracts.vocabulary import MODALITIES
from selip_extract.pseudo_reports.writing.report import write_study
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.objective.targets import TARGETS, soft_targets
from tests.benchmarks.figures import Figure, keep, machine, show

SEED = 51_000_000
TEXTS = 2_000
BATCH = 4_096
MANY = 1_000_000
NAIVE_TEXTS = 120
REPEATED = 15
CLASS = re.compile("[高低长短等]信号")
Stated = tuple[str, str]


def distinct_texts(number: int) -> tuple[list[str], list[str]]:
    """`count` distinct texts of pseudo-studies, and the sequence of each."""
    found: dict[str, str] = {}
    for study_number in count():
        study = write_study(random.Random(f"{SEED}/{study_number}")).study
        found |= {text: m for m in MODALITIES if (text := study_text(study, m)) and text != NORMAL_TEXT}
        if len(found) >= number:
            return list(found)[:number], list(found.values())[:number]
    raise AssertionError("there is always a next study")


def many_texts(number: int) -> list[str]:
    """Distinct texts of one to six statements from pseudo-studies."""
    statements = sorted({part for text in distinct_texts(BATCH)[0] for part in written_statements(text)})
    statements = [part for part in statements if part.endswith("信号")]
    rng = random.Random(SEED)
    found: dict[str, None] = {}
    while len(found) < number:
        found["，".join(rng.sample(statements, rng.randint(1, 6)))] = None
    return list(found)


def stated(text: str) -> list[Stated]:
    """Location and description words of each finding."""
    return [(part.removeprefix("在").split("表现为")[0], part.split("表现为")[1]) for part in written_statements(text)]


def naive_similarity(i: Sequence[Stated], j: Sequence[Stated]) -> float:
    """The paper's formula, term by term."""
    total = 0.0
    for l_a, d_a in i:
        for l_b, d_b in j:
            g_a, g_b = CLASS.search(d_a), CLASS.search(d_b)
            same_class = (g_a[0] if g_a else d_a) == (g_b[0] if g_b else d_b)
            c_a, c_b = set(l_a + d_a), set(l_b + d_b)
            total += (0.5 * (l_a == l_b) + 0.5 * same_class) * 2 * len(c_a & c_b) / (len(c_a) + len(c_b))
    return min(1.0, total / (len(i) * len(j)))


def fastest(
    act: Callable[[], object], repeated: int = REPEATED, clock: Callable[[], float] = time.process_time
) -> float:
    """Seconds of the fastest of some repetitions; processor time excludes other programs."""
    seconds = []
    for _ in range(repeated):
        started = clock()
        act()
        seconds.append(clock() - started)
    return min(seconds)


def peak_megabytes() -> float:
    """Peak memory of this process so far, in MB."""
    # ru_maxrss is in bytes on macOS and in kilobytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / (1024 if sys.platform == "darwin" else 1)


def measure_many() -> None:
    """Print the seconds of a table of a million texts, its memory and that of the whole process, in MB."""
    texts = many_texts(MANY)
    before = peak_megabytes()
    started = time.process_time()
    table = TextTable(texts, ["T2"] * MANY)
    seconds = time.process_time() - started
    rows = table.rows(texts[:BATCH])
    TARGETS["selip"].similarity(table, rows, rows)
    print(seconds, peak_megabytes() - before, peak_megabytes())


def measure() -> Iterator[Figure]:
    """All figures."""
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    texts, modalities = distinct_texts(BATCH)
    yield Figure("findings a text", sum(len(stated(text)) for text in texts) / BATCH, "")
    some = [stated(text) for text in texts[:NAIVE_TEXTS]]
    naive = fastest(lambda: [[naive_similarity(i, j) for j in some] for i in some], 3) / NAIVE_TEXTS**2
    yield Figure("a naive loop, selip", naive * 1e6, "µs a pair")
    table = TextTable(texts, modalities)
    rows = table.rows(texts)
    for name, target in TARGETS.items():
        target.similarity(table, rows[:1], rows[:1])
        few = rows[:TEXTS]
        pair = fastest(lambda t=target, few=few: t.similarity(table, few, few)) / TEXTS**2  # type: ignore[misc]
        yield Figure(f"{name}, {TEXTS:,} texts, one core", pair * 1e9, "ns a pair")
        if name == "selip":
            yield Figure("selip against the naive loop, one core", naive / pair, "times", "≥ 1,000")
    for name, target in TARGETS.items():
        of_all = partial(target.similarity, table, rows, rows)
        yield Figure(f"{name}, a batch of {BATCH:,}, one core", fastest(of_all), "s")
        torch.set_num_threads(cores)
        yield Figure(f"{name}, a batch of {BATCH:,}", fastest(of_all, clock=time.perf_counter), "s", "< 0.2")
        torch.set_num_threads(1)
    similarity = TARGETS["selip"].similarity(table, rows, rows)
    yield Figure(f"P of a batch of {BATCH:,}", fastest(lambda: soft_targets(similarity)), "s")
    process = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.bench_targets", "--many"], capture_output=True, text=True, check=True
    )
    seconds, added, whole = map(float, process.stdout.split())
    yield Figure(f"a table of {MANY:,} distinct texts", seconds, "s")
    yield Figure("memory that it and a batch add", added, "MB")
    yield Figure("memory of the whole process, with the texts", whole, "MB", "< 2,000")


def main() -> None:
    """Measure and print the figures; with --write, store them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the figures in results.json")
    parser.add_argument("--many", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.many:
        measure_many()
        return
    found = show(f"targets on {machine()}", measure())
    if options.write:
        keep("targets", found)


if __name__ == "__main__":
    main()

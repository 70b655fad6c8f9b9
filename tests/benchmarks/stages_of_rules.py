"""Where the rules spend their time.

`python -m tests.benchmarks.stages_of_rules [COUNT]` prints a table in Markdown: the share of each stage in the
processor time over so many pseudo-reports that were not read before. A sample of the stack, taken every half
millisecond, counts for the innermost stage in it.
"""

import random
import signal
import sys
from collections import Counter
from types import FrameType

from selip_extract.extractors.read_batch import batch_read, collecting_rarely
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.pseudo_reports.writing.report import write_study
from selip_extract.reports.report import Report

COUNT, WARM, BATCH = 1500, 300, 256
INTERVAL_S = 0.0005
STAGES = {
    "other_kind": "whether it is a head MRI",
    "mended": "mending of the text",
    "LexiconSegmenter.cut": "segmentation",
    "_raw_tokens": "other tokens",
    "lex": "constructions",
    "read_clauses": "clauses",
    "describe_lesion": "words about the lesion",
    "cited_finding": "findings with evidence",
    "with_descriptions": "words about the lesion",
    "read_changes": "general changes",
    "reviewed": "review",
    "batch_rows": "rows for the database",
}
"""By the function that does it."""


def stage_of(frame: FrameType | None) -> str:
    """The innermost stage of a stack."""
    while frame is not None and frame.f_code.co_qualname not in STAGES:
        frame = frame.f_back
    return "the rest" if frame is None else STAGES[frame.f_code.co_qualname]


def samples(count: int) -> Counter[str]:
    """The number of samples of each stage."""
    texts = [write_study(random.Random(f"stages/{i}")).text for i in range(WARM + count)]
    reports = [Report(str(row), text, row) for row, text in enumerate(texts, start=1)]
    extractor, found = RuleExtractor(), Counter[str]()
    with collecting_rarely():
        batch_read(extractor, 1, reports[:WARM])
        signal.signal(signal.SIGPROF, lambda _, frame: found.update([stage_of(frame)]))
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)
        for start in range(WARM, WARM + count, BATCH):
            batch_read(extractor, 1, reports[start : start + BATCH])
        signal.setitimer(signal.ITIMER_PROF, 0)
    return found


if __name__ == "__main__":
    found = samples(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
    print("| stage | share |\n|---|---|")
    for stage, number in found.most_common():
        print(f"| {stage} | {number / found.total():.0%} |")

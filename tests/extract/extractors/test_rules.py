"""The rules remember words and clauses between reports; what they remember changes no reading."""

import gc
import random
from functools import _lru_cache_wrapper
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from selip_extract.extractors.base import Reading
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.pseudo_reports.writing.report import write_study

SENTENCES = [
    sentence + "。"
    for number in range(60)
    for sentence in write_study(random.Random(f"memory/{number}")).text.split("。")
    if sentence
]


def memories() -> "list[_lru_cache_wrapper[Any]]":
    """Every memory of the package that is bounded, and so may hold words of reports."""
    caches = [one for one in gc.get_objects() if issubclass(type(one), _lru_cache_wrapper)]
    return [c for c in caches if c.__module__.startswith("selip_extract.") and c.cache_parameters()["maxsize"]]


def read_alone(text: str) -> Reading:
    """The reading of a text by rules that remember nothing."""
    for memory in MEMORIES:
        memory.cache_clear()
    return RuleExtractor().read([text])[0]


MEMORIES = memories()


def test_the_rules_have_memories() -> None:
    RuleExtractor().read(SENTENCES[:20])
    assert sum(memory.cache_info().currsize > 0 for memory in MEMORIES) > 5


@given(st.lists(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4).map("".join), min_size=2, max_size=5))
def test_what_was_read_before_changes_no_reading(texts: list[str]) -> None:
    for memory in MEMORIES:
        memory.cache_clear()
    assert RuleExtractor().read(texts) == [read_alone(text) for text in texts]

"""Segmentation of Chinese by the lexicon alone."""

from collections.abc import Collection
from math import log

import jieba

from selip_contracts.vocabulary import cached_until_sites_change
from selip_extract.language.lexicon import lexicon

WORD_FREQUENCY = 100
_JOINING = str.maketrans("、/", "丶丿")


def joined(text: str) -> str:
    """The text with the marks that stand inside words (左、右侧) as characters that jieba joins; of the same length."""
    return text.translate(_JOINING)


class LexiconSegmenter(jieba.Tokenizer):  # type: ignore[misc]
    """jieba's segmentation, with words that are all equally frequent: it prefers the fewest words, and known ones.

    Its logarithms are then two numbers, taken once instead of for each character of a text.
    """

    def __init__(self, entries: Collection[str]) -> None:
        super().__init__()
        self.FREQ: dict[str, int] = {}
        for word in entries:
            for end in range(1, len(word)):
                self.FREQ.setdefault(word[:end], 0)
            self.FREQ[word] = WORD_FREQUENCY
        self.total = WORD_FREQUENCY * len(entries)
        self.known, self.unknown = log(WORD_FREQUENCY) - log(self.total), -log(self.total)
        self.initialized = True

    def calc(self, sentence: str, DAG: dict[int, list[int]], route: dict[int, tuple[float, int]]) -> None:  # noqa: N803
        """Fill `route`: from each index the best log probability of the rest, and where its first word ends."""
        route[len(sentence)] = (0, 0)
        for at in range(len(sentence) - 1, -1, -1):
            ends = DAG[at]
            if len(ends) == 1:
                word = self.known if self.FREQ.get(sentence[at : ends[0] + 1]) else self.unknown
                route[at] = (word + route[ends[0] + 1][0], ends[0])
            else:
                route[at] = max([(self.known + route[end + 1][0], end) for end in ends])


@cached_until_sites_change()
def segmenter() -> LexiconSegmenter:
    """The segmenter that knows the lexicon and nothing else."""
    return LexiconSegmenter([joined(word) for word in lexicon().words])

"""Segmentation of Chinese by the lexicon alone."""

from collections.abc import Collection

import rjieba

from selip_contracts.vocabulary import cached_until_sites_change
from selip_extract.language.lexicon import lexicon

WORD_FREQUENCY = 100
_JOINING = str.maketrans("、/", "丶丿")


def joined(text: str) -> str:
    """The text with the marks that stand inside words (左、右侧) as characters that jieba joins; of the same length."""
    return text.translate(_JOINING)


class LexiconSegmenter:
    """jieba's segmentation, with words that are all equally frequent: it prefers the fewest words, and known ones."""

    def __init__(self, entries: Collection[str]) -> None:
        self._jieba: rjieba.Jieba = rjieba.Jieba.empty()  # type: ignore[no-untyped-call]
        for word in entries:
            self._jieba.add_word(joined(word), WORD_FREQUENCY, None)

    def cut(self, text: str) -> list[str]:
        """The words of the text, in which the marks inside words are joined."""
        return self._jieba.cut(joined(text), hmm=False)


@cached_until_sites_change()
def segmenter() -> LexiconSegmenter:
    """The segmenter that knows the lexicon and nothing else."""
    return LexiconSegmenter(lexicon().words)

"""Chinese text as words: jieba with its general dictionary, and words of the field that stay whole."""

from collections.abc import Iterable
from tempfile import TemporaryDirectory

import jieba


def word_segmenter(words: Iterable[str]) -> jieba.Tokenizer:
    """A tokenizer that knows jieba's general dictionary and, besides, these words."""
    jieba.setLogLevel("ERROR")
    tokenizer = jieba.Tokenizer()
    # By default it would load what it finds under a known name in the folder that all users share.
    with TemporaryDirectory() as folder:
        tokenizer.tmp_dir = folder
        tokenizer.initialize()
    for word in words:
        tokenizer.add_word(word)
    return tokenizer

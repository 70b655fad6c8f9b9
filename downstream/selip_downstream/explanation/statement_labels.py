"""Labels of drawings: Chinese where a font has its characters, else English."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from selip_contracts.statements import english_text
from selip_contracts.vocabulary import Modality
from selip_shared.chinese_font import chinese_font
from selip_shared.messages.console import say

StatementLabel = Callable[[str, Modality], str]
"""From the text of a sequence to its label in a drawing."""


@contextmanager
def statement_labels() -> Iterator[StatementLabel]:
    """Within the context matplotlib draws Chinese. Without a Chinese font labels are English, with a note on stderr."""
    from matplotlib import font_manager, rc_context

    font = chinese_font()
    if font is None:
        say(
            "No font with Chinese characters is installed, so drawings are labelled in English: install one, "
            "e.g. fonts-noto-cjk.",
            sys.stderr,
        )
        yield english_text
        return
    font_manager.fontManager.addfont(font)
    family = font_manager.get_font(font).family_name
    with rc_context({"font.family": ["DejaVu Sans", family]}):
        yield lambda text, _: text

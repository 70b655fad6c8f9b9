"""Drawings of matplotlib with Chinese type, where the machine has a font for it; else statements in English."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selip_contracts.statements import NORMAL_TEXT, Stated, parse_sequence_text
from selip_contracts.vocabulary import ENHANCEMENTS, SIDES, SIGNALS, SITES, Modality

Lettering = Callable[[str, Modality], str]
"""From the text of a sequence to what a drawing can show of it."""

# Of several fonts the one named first, since a book or handwriting face reads badly in small sizes.
_PREFERRED = ("NotoSansCJK-Regular", "NotoSansSC", "SourceHanSans", "PingFang", "msyh", "simhei", "wqy")
_NEEDED = "左侧额叶表现为高信号"
_ENGLISH = dict(zip((*SIDES, *SIGNALS, *ENHANCEMENTS), (
    "left", "right", "bilateral",
    "hyperintense", "slightly hyperintense", "isointense", "slightly hypointense", "hypointense", "mixed",
    "marked enhancement", "mild enhancement", "homogeneous enhancement", "heterogeneous enhancement",
    "ring enhancement", "enhancement",
), strict=True))  # fmt: skip


@contextmanager
def chinese_type() -> Iterator[Lettering]:
    """While it lasts matplotlib draws Chinese; where no font can, stderr says so and the lettering is English."""
    from matplotlib import font_manager, rc_context

    font = chinese_font()
    if font is None:
        print(
            "No font with Chinese characters is installed, so that drawings are lettered in English: install one, "
            "e.g. fonts-noto-cjk.",
            file=sys.stderr,
        )
        yield in_english
        return
    # matplotlib's own list of fonts may be older than the font.
    font_manager.fontManager.addfont(font)
    family = font_manager.get_font(font).family_name
    with rc_context({"font.family": ["DejaVu Sans", family]}):
        yield lambda text, _: text


def chinese_font() -> Path | None:
    """The file of an installed font with Chinese characters, None where there is none."""
    from matplotlib import font_manager

    def preference(path: str) -> tuple[int, str]:
        places = (place for place, name in enumerate(_PREFERRED) if name.lower() in path.lower())
        return next(places, len(_PREFERRED)), path

    fonts = sorted(font_manager.findSystemFonts(), key=preference)
    return next((Path(font) for font in fonts if _is_chinese(font)), None)


def in_english(text: str, modality: Modality) -> str:
    """A sequence's text with the English names of sites, without morphologies."""
    if text == NORMAL_TEXT:
        return "normal"
    return ", ".join(_statement_in_english(*stated) for stated in parse_sequence_text(text, modality))


def _statement_in_english(*stated: *Stated) -> str:
    side, site, signal, _ = stated
    words = (_ENGLISH[side] if side else None, SITES[site].english, _ENGLISH[signal])
    return " ".join(word for word in words if word)


def _is_chinese(font: str) -> bool:
    from matplotlib import font_manager

    try:
        characters = font_manager.get_font(font).get_charmap()
    except (OSError, RuntimeError):
        # A font that is damaged, or of a kind that matplotlib cannot draw.
        return False
    return all(ord(character) in characters for character in _NEEDED)

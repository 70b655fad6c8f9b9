"""What kind of text a report is: findings of a head MRI in Chinese, or something that must not be read as such."""

import re
from typing import Literal

from selip_contracts.vocabulary import SITES, cached_until_sites_change
from selip_extract.language.lexicon import LOBE_CHARACTERS
from selip_extract.language.understanding.exam_words import animal, exam_words, other_body_part, other_method

OtherKind = Literal["not_chinese", "not_mri", "not_head"]

MIN_CHINESE = 2
"""Chinese characters that a findings text has at least."""
MIN_CHINESE_SHARE = 0.2
"""Their share of all letters and digits; the rest are names of sequences, sizes and dates."""

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_LETTERS = re.compile(r"[^\W_]")
_MRI = re.compile(r"T[12]|FLAIR|DWI|ADC|SWI|MR|信号|磁共振|弥散|扩散|强化", re.IGNORECASE)
_HEAD = re.compile("脑|颅|" + "|".join(f"{lobe}[叶部区]" for lobe in LOBE_CHARACTERS))


def other_kind(text: str) -> OtherKind | None:
    """Why the text is not the findings of a head MRI in Chinese; None where it may be.

    not_chinese: hardly any Chinese (English, numbers, characters of a broken file); not_mri: words of CT, ultrasound or
    X-ray and none of MRI; not_head: parts of the body that a head MRI does not show, and none that it does; or an
    animal.
    """
    chinese = len(_CHINESE.findall(text))
    if chinese < MIN_CHINESE or _is_rare(chinese, text):
        return "not_chinese"
    if not _MRI.search(text) and other_method().search(text):
        return "not_mri"
    if animal().search(text):
        return "not_head"
    without_other_parts, others = other_body_part().subn("，", text)  # 硬膜囊 is no 硬膜
    if others and not _head().search(without_other_parts):
        return "not_head"
    return None


def _is_rare(chinese: int, text: str) -> bool:
    """Whether so many Chinese characters are a small part of the letters and digits."""
    return chinese < MIN_CHINESE_SHARE * len(text) and chinese < MIN_CHINESE_SHARE * len(_LETTERS.findall(text))


@cached_until_sites_change()
def _head() -> re.Pattern[str]:
    sites = {form for site in SITES.values() for form in site.surface_forms if len(form) > 1}
    return re.compile("|".join([_HEAD.pattern, *map(re.escape, sorted(sites - set(exam_words().other_body_parts)))]))

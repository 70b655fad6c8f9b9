"""The words that tell which exam and which part of the body a text speaks of: exams.toml."""

import re
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from selip_extract.language.first_characters import filtered
from selip_shared.toml_files import read_toml


class ExamWords(BaseModel):
    """The words of exams.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    other_body_parts: tuple[str, ...] = Field(min_length=1)
    other_methods: tuple[str, ...] = Field(min_length=1)
    animals: tuple[str, ...] = Field(min_length=1)


@cache
def exam_words() -> ExamWords:
    """The words of the package."""
    return read_toml(files("selip_extract.language.understanding").joinpath("exams.toml"), ExamWords)


@cache
def other_body_part() -> re.Pattern[str]:
    """A part of the body that a head MRI does not show."""
    return _any(exam_words().other_body_parts)


@cache
def other_method() -> re.Pattern[str]:
    """A method that is no MRI."""
    return _any(exam_words().other_methods)


@cache
def animal() -> re.Pattern[str]:
    """A word for an animal."""
    return _any(exam_words().animals)


def _any(words: tuple[str, ...]) -> re.Pattern[str]:
    return filtered("|".join(map(re.escape, words)), re.IGNORECASE)

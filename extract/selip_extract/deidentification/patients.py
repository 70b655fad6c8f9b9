"""Whether a text speaks of more than one patient: two rows of a table that a broken export put into one cell."""

import re
from functools import cache

from selip_extract.deidentification.identifiers import shipped_identifiers
from selip_extract.language.first_characters import filtered

_NUMBERED = filtered(
    "(?:患者|患儿|病人|病例)[AB甲乙一二12][：:】\\])）]|第[一二12]例[：:，,]|[【\\[]?\\d{1,3}床[】\\]：:]|[一二12]号(?:患者|病人)|[一-龥]某{1,2}[：:]"
)
_AGE = re.compile(r"(?=[男女MF])(男|女|[MF])性?[,，、\s]{0,2}(?:年龄)?[:：]?(\d{1,3})(?:岁|Y(?![A-Z]))", re.IGNORECASE)
_HINT = filtered("(?<!信)号|姓名|性别|ID|MRN|Accession", re.IGNORECASE)
"""Without one of these a text names no field of identity."""


def speaks_of_several_patients(text: str) -> bool:
    """Whether names of patients are numbered, a field of identity stands twice, or there are two sexes or ages."""
    if len(set(_NUMBERED.findall(text))) > 1 or len(set(_AGE.findall(text))) > 1:
        return True
    if _HINT.search(text) is None:
        return False
    fields = [field.upper() for field in _identity().findall(text)]
    return len(fields) > len(set(fields))


@cache
def _identity() -> re.Pattern[str]:
    """A label of what one patient has one of, and the beginning of its value: 姓名：, 检查号1001, MR号A1."""
    known = shipped_identifiers()
    labels = {*known.labels["number_label"], *known.labels["id_number_label"], "姓名", "性别"}
    labels -= set(known.words["not_of_one_patient"])
    expression = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    return re.compile(rf"({expression})(?:[:：]|(?<=号)[A-Z]{{0,3}}\d|\d{{3}})", re.IGNORECASE)

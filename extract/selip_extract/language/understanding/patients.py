"""Whether a text speaks of more than one patient: two rows of a table that a broken export put into one cell."""

import re

_NUMBERED = re.compile("(?:患者|患儿|病人|病例)[AB甲乙一二12][：:】\\])）]|第[一二12]例[：:]")
_IDENTITY = re.compile(
    r"(姓名|检查号|影像号|放射号|住院号|门诊号|病历号|登记号|性别|ID)(?:号码?)?(?:[:：]|\d{3})", re.IGNORECASE
)
_AGE = re.compile(r"(男|女|[MF])性?[,，、\s]{0,2}(?:年龄)?[:：]?(\d{1,3})(?:岁|Y(?![A-Z]))", re.IGNORECASE)


def speaks_of_several_patients(text: str) -> bool:
    """Whether names of patients are numbered, a field of identity stands twice, or there are two sexes or ages."""
    if len(set(_NUMBERED.findall(text))) > 1 or len(set(_AGE.findall(text))) > 1:
        return True
    fields = [field.upper() for field in _IDENTITY.findall(text)]
    return len(fields) > len(set(fields))

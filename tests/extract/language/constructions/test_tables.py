"""Tables in a text become sentences of their lesions."""

import pytest

from selip_extract.extractors.rules import RuleExtractor
from selip_extract.language.constructions.tables import tables, with_bars

ROWS = "左侧额叶{0}稍低{0}高{0}环形强化\n脑桥{0}等{0}—{0}无强化"


def _read(text: str) -> tuple[str, str]:
    """What is found, and what is denied."""
    study = RuleExtractor().read([text])[0].study
    found = " ".join(f"{f.modality}{f.side or ''}{f.site}{f.signal}" for f in study.findings)
    return found, " ".join(f"{f.modality}{f.side or ''}{f.site}" for f in study.negatives)


@pytest.mark.parametrize("separator", ["|", " | ", "｜", "│", "\t", "   "])
def test_a_row_for_each_lesion(separator: str) -> None:
    heads = separator.join(("部位", "T1WI", "T2WI", "增强"))
    found, denied = _read(f"头颅平扫及增强。\n{heads}\n{ROWS.format(separator)}\n脑室不大。")
    assert found == "T1左侧额叶稍低 T2左侧额叶高 T1CE左侧额叶环形强化 T1脑桥等"
    assert denied == "T1CE脑桥"


def test_a_row_for_each_sequence() -> None:
    found, denied = _read("序列|左侧额叶|右侧丘脑\nT1WI|低|等\nT2WI|高|不高\n增强|环形|无强化")
    assert found == "T1左侧额叶低 T2左侧额叶高 T1CE左侧额叶环形强化 T1右侧丘脑等"
    assert denied == "T2右侧丘脑 T1CE右侧丘脑"


def test_further_columns() -> None:
    text = (
        "|序号|侧别|部位|大小|T1|T2|\n|---|---|---|---|---|---|\n|1|左|额叶|12×8mm|长|短|\n|2|右|桥臂|5mm|等|不均匀高|"
    )
    study = RuleExtractor().read([text])[0].study
    assert _read(text)[0] == "T1左侧额叶低 T2左侧额叶低 T1右侧桥臂等 T2右侧桥臂高"
    assert [f.size_mm for f in study.findings] == [(12, 8), (12, 8), (5,), (5,)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "|部位|侧别|T2WI|DWI|\n|额叶|左/右|高/稍高|高/等|\n|脑桥|中线|等|—|",
            "T2左侧额叶高 DWI左侧额叶高 T2右侧额叶稍高 DWI右侧额叶等 T2脑桥等",
        ),
        ("部位 T1WI T2WI\n丘脑（左/右） 低/等 高", "T1左侧丘脑低 T2左侧丘脑高 T1右侧丘脑等 T2右侧丘脑高"),
        ("部位\tT2WI（右/左）\n壳核\t低/等", "T2右侧壳核低 T2左侧壳核等"),
        ("海马|左|右\nT1WI|低|等\nFLAIR|高|—", "T1左侧海马低 T1右侧海马等 FLAIR左侧海马高"),
        ("部位|左侧|右侧\n海马T2WI|高|等\n杏仁核T2WI|—|稍高", "T2左侧海马高 T2右侧海马等 T2右侧杏仁核稍高"),
    ],
)
def test_values_of_left_and_right(text: str, found: str) -> None:
    assert set(_read(text)[0].split()) == set(found.split())


def test_rows_that_semicolons_end() -> None:
    assert _read("部位|T1|T2；左额叶|低|高；脑干|—|稍高。脑室不大。")[0] == "T1左侧额叶低 T2左侧额叶高 T2脑干稍高"


def test_evidence_is_in_the_cells() -> None:
    text = "部位\tT1WI\tT2WI\n左侧额叶\t低\t高"
    for finding in RuleExtractor().read([text])[0].study.findings:
        assert finding.evidence is not None
        said = {span.role: text[span.start : span.end] for span in finding.evidence.spans}
        assert (said["site"], said["signal"]) == ("额叶", finding.signal)
        assert said["sequence"] == f"{finding.modality}WI"


@pytest.mark.parametrize(
    "text", ["左侧额叶见高信号。", "T1|T2|DWI扫描", "脑实质   未见异常\n脑室   正常", "a|b\nc|d", "|", "|\n|"]
)
def test_no_table(text: str) -> None:
    assert tables(text) == []
    assert with_bars(text) == text

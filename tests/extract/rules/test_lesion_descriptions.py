from selip_extract.extractors.rules import RuleExtractor


def test_a_description_holds_for_the_findings_of_later_sentences() -> None:
    text = "左侧额叶见一类圆形肿块，边界清楚，T1WI呈低信号，周围见水肿。右侧颞叶T2WI呈高信号。左侧额叶病灶明显强化。"
    (reading,) = RuleExtractor().read([text])
    said = {f.site: (f.morphology, f.count, f.lesion, f.margin) for f in reading.study.findings}
    assert said == {"额叶": ("类圆形", "单发", "肿块", "边界清楚"), "颞叶": (None, None, None, None)}
    assert len(reading.study.findings) == 3


def test_a_sequence_may_show_another_shape() -> None:
    (reading,) = RuleExtractor().read(["左侧颞叶见片状长T2信号，DWI呈脑回样高信号，FLAIR呈高信号。"])
    assert {f.modality: f.morphology for f in reading.study.findings} == {
        "T2": "片状", "DWI": "脑回样", "FLAIR": "片状",
    }  # fmt: skip


def test_words_of_a_traditional_text_are_those_of_the_mended_one() -> None:
    (reading,) = RuleExtractor().read(["左側額葉見斑片狀長T2訊號，邊界不清。"])
    (finding,) = reading.study.findings
    assert (finding.morphology, finding.margin) == ("斑片状", "边界不清")
    assert finding.evidence is not None
    assert "額葉" in finding.evidence.text

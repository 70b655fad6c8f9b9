"""A lesion beside another, or within it: which words, size and margin are its own."""

import pytest

from tests.extract.rules.sentences import findings

CYST = "右侧小脑半球见一囊肿，约3cm，T1WI呈低信号，"


@pytest.mark.parametrize(
    ("behind", "lesion", "size"),
    [
        ("囊壁见附壁结节，约6mm，增强后明显强化。", "结节", (6.0,)),
        ("囊壁见附壁结节，约6mm，T2WI呈等信号，增强后结节明显强化。", "结节", (6.0,)),
        ("其旁可见粗大引流静脉，增强后明显强化。", "引流静脉", ()),
        ("边缘见胶质增生，增强后明显强化。", "胶质增生", ()),
        ("囊壁见附壁结节，约6mm，囊壁增强后明显强化。", "囊肿", (30.0,)),
        ("囊壁见附壁结节，约6mm。增强后明显强化。", "囊肿", (30.0,)),
        ("其内见出血，增强后明显强化。", "囊肿", (30.0,)),
        ("壁结节T2WI呈等信号，增强后明显强化。", "囊肿", (30.0,)),
        ("其内未见结节，增强后明显强化。", "囊肿", (30.0,)),
    ],
)
def test_a_second_lesion_has_its_own_words_and_size(behind: str, lesion: str, size: tuple[float, ...]) -> None:
    found = findings(CYST + behind)
    first, last = found["右侧小脑半球", "T1"], found["右侧小脑半球", "T1CE"]
    assert (first.lesion, first.size_mm, first.number) == ("囊肿", (30.0,), 1)
    assert (last.lesion, last.size_mm) == (lesion, size)


def test_a_component_has_its_own_words_and_the_size_of_the_whole() -> None:
    found = findings(CYST + "其内见点状T2WI低信号钙化，增强后明显强化，边界清。")
    assert [(f.lesion, f.morphology, f.size_mm) for f in found.values()] == [
        ("囊肿", None, (30.0,)),
        ("钙化", "点状", (30.0,)),
        ("囊肿", None, (30.0,)),
    ]
    assert {f.margin for f in found.values()} == {"边界清"}


def test_an_oedema_around_a_labelled_lesion_has_its_own_signal() -> None:
    found = findings("A. 左侧额叶，团块状，T1WI低信号，38mm；B. 脑桥，T1WI低信号。A周围见水肿，FLAIR高信号。")
    oedema = found["左侧额叶", "FLAIR"]
    assert (oedema.lesion, oedema.morphology, oedema.size_mm) == ("水肿", None, ())


def test_a_part_without_a_verb_has_its_own_noun_and_the_size_of_the_whole() -> None:
    found = findings(CYST + "壁结节增强后明显强化。")
    assert [(f.lesion, f.number, f.size_mm) for f in found.values()] == [("囊肿", 1, (30.0,)), ("结节", None, (30.0,))]


def test_the_margin_of_a_second_lesion_is_not_that_of_the_first() -> None:
    found = findings(CYST + "囊壁见附壁结节，边缘毛糙，增强后明显强化。")
    assert [f.margin for f in found.values()] == [None, "边缘毛糙"]


def test_of_an_oedema_with_a_nodule_each_has_its_own() -> None:
    found = findings("左侧颞叶见大片水肿，T2WI呈高信号，其内见一结节，T1WI呈等信号，约13mm，增强后环形强化。")
    assert [(f.lesion, f.morphology, f.number, f.size_mm) for f in found.values()] == [
        ("水肿", "大片状", None, ()),
        ("结节", None, 1, (13.0,)),
        ("结节", None, 1, (13.0,)),
    ]


def test_a_second_lesion_has_the_form_of_its_clauses() -> None:
    found = findings("左侧额叶静脉畸形，T2WI低信号；邻近见海绵状血管瘤，桑葚状，T1WI混杂信号。")
    assert [(f.lesion, f.morphology) for f in found.values()] == [("静脉畸形", None), ("海绵状血管瘤", "桑葚状")]

import pytest

from selip_extract.extractors.rules import RuleExtractor


@pytest.mark.parametrize(
    "listed",
    [
        "①右侧额叶②左侧顶叶③脑桥各见一结节",
        "①右侧额叶、②左侧顶叶、③脑桥见结节",
        "右侧额叶（①）、左侧顶叶（②）、脑桥（③）见结节",
        "右侧额叶①左侧顶叶②脑桥③见结节",
    ],
)
def test_each_site_of_a_list_has_its_label(listed: str) -> None:
    (reading,) = RuleExtractor().read([f"{listed}，①②号T1WI呈低信号，③号呈等信号；增强后①呈环形强化，②③未见强化。"])
    assert {"".join(filter(None, f.key)) for f in reading.study.findings} == {
        "T1右侧额叶低", "T1左侧顶叶低", "T1脑桥等", "T1CE右侧额叶环形强化",
    }  # fmt: skip
    assert {f.site for f in reading.study.negatives} == {"顶叶", "脑桥"}

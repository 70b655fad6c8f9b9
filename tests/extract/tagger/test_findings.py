import numpy as np
import torch

from selip_contracts.findings import Finding
from selip_contracts.vocabulary import Side
from selip_extract.language.lexer import lex
from selip_extract.tagger.characters import normal_form
from selip_extract.tagger.findings import findings
from selip_extract.tagger.statements import ROLES, Stated
from selip_extract.tagger.tagged_spans import TaggedSpan
from selip_extract.tagger.tagger import TaggedStatement, TaggedWindow
from selip_extract.tagger.windows import Window

_HIGH = Stated("T2", "高")


def _span(text: str, words: str, number: int = 0) -> TaggedSpan:
    start = -1
    for _ in range(number + 1):
        start = text.index(words, start + 1)
    return TaggedSpan(start, start + len(words), 1.0)


def _said(site: TaggedSpan, side: Side | None, value: TaggedSpan, stated: Stated = _HIGH) -> TaggedStatement:
    return TaggedStatement(stated, side, site[:2], value[:2], None, False, 0.9)


def _sites(
    text: str, sites: list[TaggedSpan], sides: list[TaggedSpan], said: list[TaggedStatement]
) -> list[tuple[Side | None, str]]:
    spans = {role: list[TaggedSpan]() for role in ROLES} | {"site": sites, "side": sides}
    window = TaggedWindow(Window(0, 0, len(text)), normal_form(text), torch.empty(0), np.empty(0, np.float32), spans)
    found = [finding for finding, _ in findings(lex(text), window, said)]
    assert all(isinstance(finding, Finding) for finding in found)
    return [(finding.side, finding.site) for finding in found if finding is not None]


def test_a_midline_site_takes_no_side_from_the_site_before_it() -> None:
    text = "双侧丘脑及四叠体见片状T2WI高信号"
    sites = [_span(text, "丘脑"), _span(text, "四叠体")]
    value = _span(text, "高信号")
    said = [_said(site, "双侧", value) for site in sites]
    assert _sites(text, sites, [_span(text, "双侧")], said) == [("双侧", "丘脑"), (None, "四叠体")]


def test_a_midline_site_keeps_the_side_beside_it() -> None:
    text = "左侧丘脑、脑桥右侧份、左侧中脑见片状T2WI高信号"
    sites = [_span(text, "丘脑"), _span(text, "脑桥"), _span(text, "中脑")]
    sides = [_span(text, "左侧"), _span(text, "右侧份"), _span(text, "左侧", 1)]
    value = _span(text, "高信号")
    said = [_said(sites[0], "左侧", value), _said(sites[1], "右侧", value), _said(sites[2], "左侧", value)]
    assert _sites(text, sites, sides, said) == [("左侧", "丘脑"), ("右侧", "脑桥"), ("左侧", "中脑")]


def test_a_site_that_only_says_where_the_next_one_lies_has_no_finding() -> None:
    for text in ("延髓背侧极后区见T2WI高信号", "延髓背侧（极后区）见T2WI高信号"):
        sites = [_span(text, "延髓"), _span(text, "极后区")]
        said = [_said(site, None, _span(text, "高信号")) for site in sites]
        assert _sites(text, sites, [], said) == [(None, "极后区")]


def test_a_site_before_a_comma_is_meant_itself() -> None:
    text = "延髓、极后区见T2WI高信号"
    sites = [_span(text, "延髓"), _span(text, "极后区")]
    said = [_said(site, None, _span(text, "高信号")) for site in sites]
    assert _sites(text, sites, [], said) == [(None, "延髓"), (None, "极后区")]


def test_a_site_that_is_named_again_has_its_side() -> None:
    text = "左侧颞叶、延髓偏左见T2WI低信号，颞叶、延髓病灶T2WI边缘高信号"
    first = [_span(text, "颞叶"), _span(text, "延髓")]
    again = [_span(text, "颞叶", 1), _span(text, "延髓", 1)]
    low, high = _span(text, "低信号"), _span(text, "高信号")
    said = [_said(site, "左侧", low, Stated("T2", "低")) for site in first] + [_said(s, None, high) for s in again]
    found = _sites(text, [*first, *again], [_span(text, "左侧"), _span(text, "偏左")], said)
    assert found == [("左侧", "颞叶"), ("左侧", "延髓")] * 2


def test_other_words_for_a_site_without_a_side_keep_none() -> None:
    text = "上矢状窦及右侧横窦T2WI呈高信号"
    sites = [_span(text, "上矢状窦"), _span(text, "横窦")]
    value = _span(text, "高信号")
    said = [_said(sites[0], None, value), _said(sites[1], "右侧", value)]
    assert _sites(text, sites, [_span(text, "右侧")], said) == [(None, "静脉窦"), ("右侧", "静脉窦")]


def test_what_is_said_of_the_rest_is_not_said_of_a_site_that_was_set_apart() -> None:
    for text in (
        "DWI左侧岛叶呈低信号，余右侧额叶、脑桥等均呈高信号",
        "DWI除左侧岛叶呈低信号外均呈高信号，右侧额叶亦然",
        "DWI除左侧岛叶呈低信号外，右侧额叶等处均呈高信号",
    ):
        apart, other = _span(text, "岛叶"), _span(text, "额叶")
        low, high = _span(text, "低信号"), _span(text, "高信号")
        said = [
            _said(apart, "左侧", low, Stated("DWI", "低")),
            _said(apart, "左侧", high, Stated("DWI", "高")),
            _said(other, "右侧", high, Stated("DWI", "高")),
        ]
        found = _sites(text, [apart, other], [_span(text, "左侧"), _span(text, "右侧")], said)
        assert found == [("左侧", "岛叶"), ("右侧", "额叶")]


def test_what_is_said_of_the_rest_of_one_site_is_said_of_it() -> None:
    text = "脑桥DWI大者呈低信号，余者呈高信号"
    site = _span(text, "脑桥")
    said = [
        _said(site, None, _span(text, "低信号"), Stated("DWI", "低")),
        _said(site, None, _span(text, "高信号"), Stated("DWI", "高")),
    ]
    assert _sites(text, [site], [], said) == [(None, "脑桥")] * 2


def test_what_is_said_of_the_other_side_is_not_said_of_this_one() -> None:
    text = "左侧海马T2WI呈高信号，右侧T2WI呈稍高信号"
    site = _span(text, "海马")
    said = [
        _said(site, "左侧", _span(text, "高信号")),
        _said(site, "左侧", _span(text, "稍高信号"), Stated("T2", "稍高")),
    ]
    assert _sites(text, [site], [_span(text, "左侧"), _span(text, "右侧")], said) == [("左侧", "海马")]

"""Each word that refers to sites moves the focus to them."""

import pytest

from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.mentions import ReferenceKind, StatedValue
from selip_extract.rules.references.all_again import refer_to_all_again
from selip_extract.rules.references.exceptions import (
    begin_exception,
    end_exception,
    names_exception,
    return_from_exception,
)
from selip_extract.rules.references.introductions import introduce
from selip_extract.rules.references.pairs import compare_pair, refer_to_one_of_two
from selip_extract.rules.references.side_references import refer_to_side
from selip_extract.rules.references.site_references import (
    deny_rest,
    name_site,
    refer_to_above,
    refer_to_rest,
    rest,
)
from selip_extract.rules.state import START, Standing, State
from tests.extract.rules.sentences import apply, at, named, names, sentence


def introduced(*texts: str) -> State:
    """The state after a sentence has introduced a lesion for each text; offsets differ by their length."""
    state = START
    for text in texts:
        focus = named(text).focus
        state = introduce(state.refer_to(focus._replace(source=len(state.own.sites) * 10)), focus, True)
    return state


def test_a_site_joins_an_open_enumeration_and_replaces_a_closed_one() -> None:
    of = sentence("左侧额叶、脑桥")
    one = name_site(START, of, 1)
    assert names(one.focus.sites) == "左侧额叶"
    assert one.open
    assert names(name_site(one, of, 3).focus.sites) == "左侧额叶 脑桥"
    assert names(name_site(one.close(), of, 3).focus.sites) == "脑桥"
    assert name_site(replace(one, open=False, standing=Standing.NORMAL), of, 3).standing is Standing.CURRENT


def test_a_qualifier_is_passed_over() -> None:
    assert names(named("左侧基底节区（壳核）").focus.sites) == "左侧壳核"


@pytest.mark.parametrize(
    ("before", "text", "sites"),
    [
        ("脑内", "较大者位于左侧海马，T2WI呈高信号", "左侧海马"),
        ("双侧额叶", "较大者位于左侧海马，T2WI呈高信号", "左侧海马"),
        ("双侧额叶", "较大者位于左侧海马，约2cm，T2WI呈高信号", "双侧额叶"),
        ("双侧额叶", "较大者位于左侧海马，约2cm，T2WI呈高信号，余呈低信号", "左侧海马"),
    ],
)
def test_where_the_largest_lies(before: str, text: str, sites: str) -> None:
    state = named(before)
    largest = replace(state, clause=state.clause._replace(of_the_largest=True))
    assert names(apply(name_site, largest, text, "海马").focus.sites) == sites


def test_a_site_that_the_lesion_lies_near_is_passed_over() -> None:
    state = introduced("左侧额叶")
    assert apply(name_site, state, "邻近侧脑室，DWI呈高信号", "侧脑室") == state
    assert names(apply(name_site, state.close(), "邻近侧脑室受压", "侧脑室").focus.sites) == "侧脑室"


@pytest.mark.parametrize(
    ("stated", "text", "sites"),
    [
        ("SWI SWI", "T2WI均呈高信号", "左侧额叶 右侧枕叶"),
        ("SWI SWI T2", "T2WI均呈高信号", "右侧枕叶"),
        ("SWI", "T2WI均呈高信号", "右侧枕叶"),
        ("SWI SWI", "T2WI、FLAIR均呈高信号", "右侧枕叶"),
        ("SWI SWI", "脑桥T2WI均呈高信号", "右侧枕叶"),
    ],
)
def test_all_again_after_a_split(stated: str, text: str, sites: str) -> None:
    state = introduced("左侧额叶、右侧枕叶")
    both = state.own.sites
    values = tuple(StatedValue(both[i % 2].location, m, "低") for i, m in enumerate(stated.split()))  # type: ignore[arg-type]
    state = replace(state, mentioned=replace(state.mentioned, stated=values))
    state = state.refer_to(state.focus._replace(sites=both[1:], kind=ReferenceKind.POINTED))
    assert names(apply(refer_to_all_again, state, text, "均呈").focus.sites) == sites


def test_an_enumeration_that_goes_on_extends_its_lesion() -> None:
    of = sentence("左侧额叶信号同上，右侧丘脑")
    state = name_site(START, of, 1)
    state = introduce(state, state.focus, True)
    longer = name_site(state, of, at(of, "丘脑"))
    assert longer.introduced.id == state.introduced.id
    assert names(longer.introduced.sites) == names(longer.mentioned.lesions[0].sites) == "左侧额叶 右侧丘脑"


@pytest.mark.parametrize(
    ("known", "text", "sites", "kind"),
    [
        ("双侧基底节区", "右侧者轻度强化", "右侧基底节区", ReferenceKind.HALF),
        ("左侧额叶、右侧丘脑", "右侧T1WI呈高信号", "右侧丘脑", ReferenceKind.POINTED),
        ("左侧额叶", "右侧T1WI呈高信号", "右侧额叶", ReferenceKind.POINTED),
        ("双侧海马", "右侧稍高信号", "右侧海马", ReferenceKind.HALF),
        ("左侧海马", "右侧呈等信号", "右侧海马", ReferenceKind.POINTED),
        ("双侧海马", "右侧高于左侧", "双侧海马", ReferenceKind.NAMED),
    ],
)
def test_a_side_stands_for_the_lesion_on_it(known: str, text: str, sites: str, kind: ReferenceKind) -> None:
    state = apply(refer_to_side, introduced(known), text, "右侧")
    assert names(state.focus.sites) == sites
    assert state.focus.kind is kind


def test_the_former_and_the_latter() -> None:
    state = named("左侧额叶、脑桥")
    former = apply(refer_to_one_of_two, state, "前者呈低信号，后者呈高信号", "前者")
    latter = apply(refer_to_one_of_two, former, "前者呈低信号，后者呈高信号", "后者")
    assert (names(former.focus.sites), names(latter.focus.sites)) == ("左侧额叶", "脑桥")
    assert names(apply(refer_to_one_of_two, named("脑桥"), "前者", "前者").focus.sites) == "脑桥"


def test_the_pair_that_is_compared() -> None:
    def pair(state: State) -> list[str]:
        return [names(lesion.sites) for lesion in compare_pair(state, "").mentioned.pair]

    described = introduced("左侧额叶、右侧额叶")
    values = tuple(StatedValue(site.location, "T1", "低") for site in described.own.sites)
    described = replace(described, mentioned=replace(described.mentioned, stated=values))
    assert pair(named("左侧额叶、脑桥")) == ["左侧额叶", "脑桥"]
    assert pair(introduced("左侧额叶、脑桥").refer_to(START.focus)) == ["左侧额叶", "脑桥"]
    assert pair(introduced("左侧额叶", "脑桥").refer_to(START.focus)) == ["左侧额叶", "脑桥"]
    assert pair(described.refer_to(START.focus)) == ["左侧额叶", "右侧额叶"]
    assert pair(introduced("左侧额叶")) == []


def test_the_rest_is_what_the_sequence_was_not_stated_of() -> None:
    state = introduced("左侧额叶、脑桥")
    stated = (StatedValue(state.own.sites[0].location, "DWI", "高"),)
    state = replace(state, mentioned=replace(state.mentioned, stated=stated))
    after = apply(refer_to_rest, state, "其余病灶呈等信号", "其余病灶")
    assert after.refers_to_rest
    assert names(rest(after, "DWI")) == "脑桥"
    assert names(rest(after, "T1")) == "左侧额叶 脑桥"
    assert apply(refer_to_rest, state, "其余额叶呈等信号", "其余") == state
    denied = apply(deny_rest, state, "其余未见强化", "其余未见")
    assert denied.refers_to_rest
    assert denied.clause.negation is not None


@pytest.mark.parametrize(
    ("text", "word", "sites"),
    [
        ("上述病灶呈高信号", "上述病灶", "左侧额叶 脑桥 右侧丘脑"),
        ("该病灶呈高信号", "该病灶", "右侧丘脑"),
        ("上述部位额叶呈高信号", "上述部位", "右侧丘脑"),
    ],
)
def test_what_lies_above(text: str, word: str, sites: str) -> None:
    assert names(apply(refer_to_above, introduced("左侧额叶", "脑桥", "右侧丘脑"), text, word).focus.sites) == sites


def test_two_of_an_earlier_sentence() -> None:
    earlier = replace(START, mentioned=introduced("左侧额叶", "脑桥", "右侧丘脑").mentioned)
    assert names(apply(refer_to_above, earlier, "两者呈高信号", "两者").focus.sites) == "脑桥 右侧丘脑"
    assert names(apply(refer_to_above, earlier, "上述病灶", "上述病灶").focus.sites) == "左侧额叶 脑桥 右侧丘脑"


def test_an_exception_leaves_sites_out_until_its_clause_ends() -> None:
    of = sentence("除脑桥外呈高信号")
    state = begin_exception(introduced("左侧额叶", "脑桥"))
    assert not names_exception(state)
    assert end_exception(state, of, at(of, "外")).focus == state.focus
    state = name_site(state, of, 1)
    assert names_exception(state)
    others = end_exception(state, of, at(of, "外"))
    assert names(others.focus.sites) == "左侧额叶"
    assert others.before_exception is None
    assert names(return_from_exception(others).focus.sites) == "左侧额叶 脑桥"

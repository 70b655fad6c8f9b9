"""What is remembered of a report, and what its words select from it."""

from selip_extract.rules.mentions import LesionMention, MentionedLesions, ReferenceKind, StatedValue
from selip_extract.rules.references.introductions import introduce
from selip_extract.rules.references.site_references import parts
from tests.extract.rules.sentences import named, names


def lesion(text: str, offset: int = 0) -> LesionMention:
    return LesionMention((ReferenceKind.NAMED, offset), named(text).focus.sites)


FRONTAL, PONS = lesion("左侧额叶", 0), lesion("脑桥", 20)
BOTH = MentionedLesions(lesions=(FRONTAL, PONS), subject=PONS)


def test_one_lesion_is_one_id() -> None:
    state = named("左侧额叶")
    first = introduce(state, state.focus, True)
    again = introduce(first, state.focus, True)
    other = named("左侧额叶").focus._replace(source=40)
    assert again is first
    assert introduce(first, other, True).introduced.id != first.introduced.id
    assert introduce(first, other, True).mentioned.lesions == first.mentioned.lesions


def test_a_numbered_item_has_its_own_lesions() -> None:
    item = BOTH.begin_item(numbered=True)
    assert item.in_item() == ()
    assert names(item.everywhere()) == "左侧额叶 脑桥"
    assert names(item.begin_item(numbered=False).in_item()) == "左侧额叶 脑桥"


def test_an_extended_lesion_keeps_its_id() -> None:
    longer = BOTH.extend(PONS, lesion("右侧丘脑").sites)
    assert longer.lesions[1].id == longer.subject.id == PONS.id
    assert names(longer.lesions[1].sites) == names(longer.subject.sites) == "脑桥 右侧丘脑"
    assert longer.lesions[0] == FRONTAL


def test_a_site_without_its_side_is_the_one_mentioned() -> None:
    (site,) = lesion("额叶病灶").sites
    (cerebellum,) = lesion("小脑病灶").sites
    vermis = MentionedLesions(lesions=(lesion("小脑蚓部"),))
    assert names(BOTH.resolve(site, (), lesion_follows=False)) == "左侧额叶"
    assert BOTH.resolve(site, (), lesion_follows=False)[0].token == site.token
    assert names(BOTH.resolve(site, (lesion("右侧额叶").sites,), lesion_follows=False)) == "右侧额叶"
    assert names(MentionedLesions().resolve(site, (), lesion_follows=False)) == "额叶"
    assert names(vermis.resolve(cerebellum, (), lesion_follows=True)) == "小脑蚓部"
    assert names(vermis.resolve(cerebellum, (), lesion_follows=False)) == "小脑"


def test_what_two_lesions_are() -> None:
    pair = MentionedLesions(lesions=(FRONTAL, PONS), pair=parts(lesion("左侧丘脑、右侧丘脑").sites))
    sites = lesion("左侧丘脑、右侧丘脑", 40)
    differing = MentionedLesions(
        lesions=(FRONTAL, PONS, sites), stated=(StatedValue(sites.sites[0].location, "T1", "低"),)
    )
    assert names(pair.last_two()) == "左侧丘脑 右侧丘脑"  # type: ignore[arg-type]
    assert names(BOTH.last_two()) == "左侧额叶 脑桥"  # type: ignore[arg-type]
    assert differing.last_two() == sites


def test_what_was_stated_last_of_another_location() -> None:
    frontal, pons = FRONTAL.sites[0].location, PONS.sites[0].location
    mentioned = MentionedLesions(
        stated=(
            StatedValue(frontal, "T1", "低"),
            StatedValue(frontal, "T2", "高"),
            StatedValue(frontal, "T2", "高"),
            StatedValue(pons, "DWI", "高"),
        )
    )
    assert mentioned.last_stated(PONS.sites) == [("T1", "低"), ("T2", "高")]
    assert mentioned.without((*FRONTAL.sites, *PONS.sites), "T1") == PONS.sites
    assert mentioned.has_stated(PONS.sites, "DWI")
    assert not mentioned.has_stated(PONS.sites, "T1")

"""Words that refer to sites: each transition moves the focus to the sites that the words mean."""

import re
from collections.abc import Iterable
from itertools import takewhile

from selip_contracts.vocabulary import SITES
from selip_extract.language.tokens import Token
from selip_extract.rules.changes_of_sites import is_within
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.lookahead import (
    VALUES,
    adjoining,
    clause_after,
    is_mark,
    lesion_follows,
    names_a_site,
    open_bracket,
    sites_follow,
    states_in_bracket,
)
from selip_extract.rules.mentions import LesionMention, ReferenceKind, SiteMention, Sites, distinct, locations
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import CURRENT, NO_FOCUS, NO_SEQUENCES, Focus, State

WHOLE_BRAIN = frozenset(("脑实质", "大脑半球", "脑白质"))
_COMPARTMENTS = frozenset(("幕上", "幕下"))
_NAMED = ReferenceKind.NAMED
_TOWARDS = ("邻近", "靠近", "紧邻", "紧贴", "毗邻", "贴近", "临近", "指向", "朝向", "朝着")
_PRESSING = ("包绕", "包裹", "环绕", "压迫", "推压", "挤压", "推挤", "推移")
_ABOUT = ("局部", "邻近", "相邻", "周围", "附近")
_SPECIFIC = re.compile("结节|肿块|肿物|囊肿|血肿|软化|梗死|出血|转移|脓肿|斑块|占位")
_MORE_THERE = re.compile("(?:病灶|者|处)?(?:[较更尤]?(?:为)?(?:明显|显著|著|甚|重|多|大)|受累[较更]?(?:明显|重))[)）]")
"""T2WI高信号（右侧齿状核较明显）."""
_BESIDE = re.compile("(?:其|病灶|灶)(?:[前后上下内外深旁]{1,2}[方侧部]?|邻近|相邻|周围)(?:的|之)?$")
_MAX_BESIDE = 6
"""Characters before a site in which such words stand."""
_PART = re.compile("(?:内|外|上|下)?部[分份]")
_SMALLER = re.compile("[，,；;。、](?:较|另一?)?小(?:者|的|一[枚个处])")
_OTHER_SEQUENCES = re.compile("各?(?:个|扫描|加权)?(?:序列|图像|加权像)")
_LAYERS = frozenset(("白质", "皮层下", "皮质下", "皮层下白质", "皮质下白质", "深部白质"))
_CORTEX = re.compile("皮[层质](?!下)|灰质")
_NUMBERS = {"三": 3, "四": 4, "五": 5, "六": 6}
_CLAUSE_END = re.compile("[,，;；。:：\n]")
_OPERATED = frozenset(("术区", "术腔", "残腔", "瘤腔", "术野"))
_OPERATION = re.compile("术后|切除|手术|开颅")


def name_site(state: State, sentence: Sentence, at: int) -> State:
    """左侧额叶、顶叶: a site joins the sites of its enumeration; 其内见…，脑桥: the first of one replaces the focus."""
    named = sentence.sites[at]
    if named.is_qualifier or _is_pointed_at(state, sentence, at) or _is_a_layer(state, sentence, at):
        return state
    if _is_a_measured_part(state, sentence, at):
        return state
    here = (state.introduced.sites, state.own.sites)
    inside = named.side is None and (_names_a_lesion(state, sentence, at) or _is_among_them(state, sentence, at))
    sites = state.mentioned.resolve(_on_its_side(state, sentence, at), here, inside)
    sites = _as_named_before(sentence, at) if sites == (sentence.mention(named),) else sites
    if state.clause.of_the_largest:
        if is_an_aside(state, sentence, at):
            return state
        state = replace(state, clause=state.clause._replace(of_the_largest=False), open=False)
    bracket = open_bracket(sentence.tokens, at)
    aside = bracket and (
        states_in_bracket(sentence.tokens, bracket) or _MORE_THERE.match(sentence.text, named.token.end)
    )
    if bracket and aside and sentence.tokens[bracket - 1].kind in VALUES:
        state = replace(state.close(), before_bracket=state.before_bracket or state.focus)
    if not state.open or _is_named_again(state, sites) or (bracket and _leads_in(state, sentence, bracket)):
        focus = Focus(sites, _NAMED, sentence.tokens[at].start)
        # 除右侧颞叶外，左侧颞叶见…: what is excepted from is named here
        return replace(state, focus=focus, open=True, standing=CURRENT, whole=NO_FOCUS)
    named_before, kind, source = state.focus
    state = replace(state, focus=Focus(named_before + sites, kind, source))
    return _extend_lesion(state, sites) if state.introduced.id == state.focus.lesion_id else state


def _on_its_side(state: State, sentence: Sentence, at: int) -> SiteMention:
    """左侧枕叶软化灶；其前方顶叶见…: a paired site beside the lesion is on its side."""
    site = sentence.mention(sentence.sites[at])
    around = {(s.side, s.side_token) for s in state.focus.sites or state.current_lesion.sites}
    if site.side is not None or len(around) != 1 or SITES[site.site].laterality != "paired":
        return site
    if _BESIDE.search(sentence.text, max(0, site.token.start - _MAX_BESIDE), site.token.start) is None:
        return site
    ((side, side_token),) = around
    return site._replace(side=side, side_token=side_token)


def _as_named_before(sentence: Sentence, at: int) -> Sites:
    """右侧海马体积小，FLAIR示海马信号增高: the side that the sentence has named of the site, if it is one."""
    site = sentence.mention(sentence.sites[at])
    before = [sentence.mention(s) for i, s in sentence.sites.items() if i < at and s.site == site.site]
    sides = {(s.side, s.side_token) for s in before}
    if site.side is not None or len(sides) != 1:
        return (site,)
    ((side, side_token),) = sides
    return (site._replace(side=side, side_token=side_token),)


def _leads_in(state: State, sentence: Sentence, bracket: int) -> bool:
    """幕上见多发病灶（左侧额叶、右侧顶叶）: the bracket says where in the region the lesions lie."""
    return sentence.tokens[bracket - 1].kind in ("lesion", "abnormal") and all(
        site.site in WHOLE_BRAIN or site.site in _COMPARTMENTS for site in state.focus.sites
    )


def _is_named_again(state: State, sites: Sites) -> bool:
    """T1低信号灶位于右侧额叶、脑桥，右侧额叶灶SWI…: a site of which the focus has been told begins another one."""
    return state.mentioned.has_stated(sites) and locations(sites) <= locations(state.focus.sites)


def _names_a_lesion(state: State, sentence: Sentence, at: int) -> bool:
    """DWI示小脑病灶: a lesion told of before; MRI示鞍区病变 tells of one first."""
    before = {t.kind for t in sentence.tokens[state.clause.start : at]}
    return lesion_follows(sentence.tokens, at) and ("verb" not in before or "sequence" in before)


def _is_among_them(state: State, sentence: Sentence, at: int) -> bool:
    """双侧豆状核见…，其中壳核外缘T2呈低信号: the site is a part of those before."""
    return any(token.value == "其中" for token in sentence.tokens[state.clause.start : at])


def _is_pointed_at(state: State, sentence: Sentence, at: int) -> bool:
    """左侧额叶见…，邻近侧脑室，DWI呈…: a clause that only says what the lesion lies near, or what it presses."""
    tokens = sentence.tokens
    first = at - 1 if at and tokens[at - 1].kind == "side" else at
    if state.focus.sites and sentence.text.endswith(_PRESSING, 0, tokens[first].start):
        return True
    if tokens[at].value == "脑实质" and sentence.text.endswith(_ABOUT, 0, tokens[first].start):
        return True
    alone = at + 1 == len(tokens) or tokens[at + 1].value in (",", ";")
    return bool(alone and state.focus.sites) and sentence.text.endswith(_TOWARDS, 0, tokens[first].start)


def _is_a_layer(state: State, sentence: Sentence, at: int) -> bool:
    """右侧顶叶见…，DWI上皮层呈高信号，白质呈等信号: the layers of the lesion are told apart."""
    if sentence.sites[at].side is not None or sentence.words(at) not in _LAYERS:
        return False
    if not (state.focus.sites or state.announced.sites):
        return False
    opens = takewhile(
        lambda t: not is_mark(t) and t.kind in ("sequence", "verb", "other"), reversed(sentence.tokens[:at])
    )
    before = sentence.text[sentence.tokens[0].start : sentence.tokens[at].start]
    contrasted = at > 0 and sentence.words(at - 1) == "而"
    return bool(_CORTEX.search(before)) and (contrasted or at - len(list(opens)) <= state.clause.start)


def _is_a_measured_part(state: State, sentence: Sentence, at: int) -> bool:
    """听神经肿块，内听道部分约8mm，桥小脑角部分约21mm，T1WI…: how large the lesion is there."""
    known = state.focus.sites or state.current_lesion.sites or state.mentioned.changed
    if not known or _PART.match(sentence.text, sentence.tokens[at].end) is None:
        return False
    behind = {token.kind for token in clause_after(sentence.tokens, at)}
    return "size" in behind and behind <= {"cue", "other", "size"}


def is_an_aside(state: State, sentence: Sentence, at: int) -> bool:
    """多发结节，较大者位于左侧顶叶，约2cm，T1WI呈…: of named lesions where one of a size lies; what follows is of all.

    Without a size, or where 其余 or 小者 follows, it is of that one.
    """
    sites = state.focus.sites
    if all(site.site in WHOLE_BRAIN for site in sites) and not state.mentioned.has_stated(sites):
        return False
    following = sentence.tokens[at + 1 :]
    clauses = list(
        takewhile(lambda t: t.kind not in ("sequence", "signal", "enhancement") and t.value != ";", following)
    )
    largest = max((i for i in range(at) if sentence.tokens[i].value == "较大"), default=at)
    sized = [*sentence.tokens[largest:at], *clauses]
    told_apart = any(t.value == "其余" for t in following) or _SMALLER.search(
        sentence.text, sentence.tokens[at].end, sentence.tokens[-1].end
    )
    return any(t.kind == "size" for t in sized) and not told_apart


def _extend_lesion(state: State, sites: Sites) -> State:
    """左侧额叶信号同上，右侧额叶…: an enumeration that goes on after its lesion was introduced extends the lesion."""
    lesion = state.introduced
    return replace(
        state, introduced=lesion._replace(sites=lesion.sites + sites), mentioned=state.mentioned.extend(lesion, sites)
    )


def parts(sites: Iterable[SiteMention]) -> tuple[LesionMention, ...]:
    """Each site as a lesion of its own."""
    return tuple(LesionMention((ReferenceKind.PART, site.token.start), (site,)) for site in sites)


def refer_to_operated(state: State, sentence: Sentence, at: int) -> State:
    """右侧颞叶胶质瘤术后：右颞骨缺损，术区见囊腔，T1WI…: not the skull, but what the sentence says was operated on."""
    tokens = sentence.tokens
    here = state.focus.sites or state.announced.sites
    if sentence.words(at) not in _OPERATED or not here or any(not is_within(site.site, "颅骨") for site in here):
        return state
    for i in sorted((i for i in sentence.sites if i < at), reverse=True):
        behind = _CLAUSE_END.split(sentence.text[tokens[i].end : tokens[at].start], maxsplit=1)[0]
        site = sentence.mention(sentence.sites[i])
        if _OPERATION.search(behind) and not behind.startswith("瘤") and not is_within(site.site, "颅骨"):
            return state.refer_to(Focus((site,), _NAMED, tokens[at].start))
    return state


def refer_to_rest(state: State, sentence: Sentence, at: int) -> State:
    """其余病灶: those of which the sequence that follows has not been stated; 其余脑实质 names its own site.

    其余序列 are other sequences of the same sites.
    """
    if _OTHER_SEQUENCES.match(sentence.text, sentence.tokens[at].end):
        return state if state.excepted_from or not state.sequences.used else replace(state, sequences=NO_SEQUENCES)
    if state.whole.sites:
        return replace(state, whole=NO_FOCUS)
    here = state.focus.sites or state.announced.sites or state.current_lesion.sites
    if here and _is_of_the_same_site(sentence, at):
        return state.refer_to(Focus(here, ReferenceKind.POINTED, sentence.tokens[at].start))
    if _names_its_sites(state, sentence, at) or sites_follow(sentence.text, sentence.tokens, at, spreads=False):
        return state.close()
    return state.refer_to(Focus(state.mentioned.in_item(), ReferenceKind.REST, sentence.tokens[at].start))


def _is_of_the_same_site(sentence: Sentence, at: int) -> bool:
    """T1WI大者呈低信号；余者呈等信号: of the lesions at one site the larger and the others."""
    end = at - 1 if at and sentence.tokens[at - 1].value == ";" else at
    before = list(
        takewhile(lambda t: t.value not in (";", "较大") and t.kind != "site", reversed(sentence.tokens[:end]))
    )
    larger = end - len(before) - 1
    stated = any(token.kind in VALUES for token in before)
    if not stated or larger < 0 or sentence.tokens[larger].value != "较大":
        return False
    # 其中右侧额叶者最大，…；余灶…
    clause = takewhile(lambda t: not is_mark(t), reversed(sentence.tokens[:larger]))
    return all(token.kind != "site" for token in clause)


def rest(state: State, modality: str) -> Sites:
    """其余病灶: of this sentence, of the item, else of all, the sites of which the sequence has not been stated."""
    mentioned = state.mentioned
    chosen = state.focus.sites
    if chosen and locations(chosen) < locations(mentioned.in_item()) and state.focus.kind is ReferenceKind.REST:
        return mentioned.without(chosen, modality)
    nearest_first = (state.own.sites, mentioned.in_item(), mentioned.everywhere())
    return specific(next((left for sites in nearest_first if (left := mentioned.without(sites, modality))), ()))


def specific(sites: Sites) -> Sites:
    """脑内见四枚结节，分别位于…: where the lesions lie, and not the brain."""
    return tuple(site for site in sites if site.site != "脑实质") or sites


def deny_rest(state: State, sentence: Sentence, at: int) -> State:
    """其余未见强化: the rest, and a negation."""
    return refer_to_rest(state, sentence, at).negate(sentence.tokens[at])


def refer_to_above(state: State, sentence: Sentence, at: int) -> State:
    """上述病灶: all of this sentence, else of the item; 两者 are two; 其, 该, 此 and 余上述部位 keep the focus."""
    if _goes_on_listing(sentence, at):
        return replace(state.refer_to(all_above(state, sentence.tokens[at].start)), open=True)
    if _names_its_sites(state, sentence, at) or (state.refers_to_rest and sentence.tokens[at - 1].value == "其余"):
        return state
    token = sentence.tokens[at]
    first = sentence.text[token.start]
    if first in "其该此所":
        return state
    if first in "两二":
        return state.refer_to(_named_in_all(state, sentence, at, 2) or _two(state, token))
    if first in _NUMBERS:
        number = _NUMBERS[first]
        return state.refer_to(_named_in_all(state, sentence, at, number) or _so_many(state, token, number))
    return state.refer_to(_of_the_noun(state, sentence, at) or all_above(state, token.start))


def _goes_on_listing(sentence: Sentence, at: int) -> bool:
    """DWI示上述部位及中央区高信号: further sites are listed behind those that were told of."""
    following = sentence.tokens[at + 1 : at + 3]
    if len(following) < 2 or sentence.text[sentence.tokens[at].start] not in "上以前":
        return False
    return following[0].value == "、" and following[1].kind in ("site", "side")


def _of_the_noun(state: State, sentence: Sentence, at: int) -> Focus | None:
    """前述结节: the lesions that were called so where they were introduced; None where that tells nothing apart."""
    noun = adjoining(sentence, at)
    if noun is None or noun.kind != "lesion":
        return None
    said = _SPECIFIC.search(sentence.text, noun.start, noun.end)
    if said is None:
        return None
    text = sentence.text
    lesions = state.mentioned.lesions[state.mentioned.item_start :]
    called = [
        lesion for lesion in lesions if said[0] in _CLAUSE_END.split(text[lesion.sites[-1].token.end :], maxsplit=1)[0]
    ]
    if not called or len(called) == len(lesions):
        return None
    return Focus(distinct(s for lesion in called for s in lesion.sites), ReferenceKind.POINTED, noun.start)


def all_above(state: State, source: int) -> Focus:
    """All lesions of this sentence, else of the item, else those that are only listed."""
    if state.own.sites:
        return state.own._replace(sites=specific(state.own.sites))
    return Focus(state.mentioned.in_item() or state.mentioned.listed, ReferenceKind.POINTED, source)


def _named_in_all(state: State, sentence: Sentence, at: int, number: int) -> Focus | None:
    """左侧岛叶者强化，右侧颞叶者不强化，两者…: all sites that the sentence has named, where they are so many.

    None where the sentence has introduced so many lesions, or has named other sites, too.
    """
    if len(state.own.sites) >= number or state.mentioned.pair:
        return None
    named = [sentence.mention(site) for i, site in sentence.sites.items() if i < at and not site.is_qualifier]
    sites = distinct(site for site in named if site.site not in WHOLE_BRAIN)
    return Focus(sites, ReferenceKind.POINTED, sentence.tokens[at].start) if len(sites) == number else None


def _so_many(state: State, token: Token, number: int) -> Focus:
    """三者: all of this sentence, of the item or of the report, where they are so many."""
    mentioned = state.mentioned
    scopes = [
        tuple(site for site in sites if site.site not in WHOLE_BRAIN)
        for sites in (state.own.sites, mentioned.in_item(), mentioned.everywhere())
    ]
    sites = next((sites for sites in scopes if len(sites) >= number), mentioned.in_item())
    return Focus(sites, ReferenceKind.POINTED, token.start)


def _two(state: State, token: Token) -> Focus:
    mentioned = state.mentioned
    if state.own.sites and not mentioned.pair:
        return state.own
    here = state.focus.sites or state.announced.sites
    if len(here) == 2 and not mentioned.pair:  # 右额叶及左顶叶各见一脑膜瘤，二者…
        return Focus(here, ReferenceKind.POINTED, token.start)
    two: LesionMention | Sites = mentioned.last_two()
    return Focus.on(two) if isinstance(two, LesionMention) else Focus(two, ReferenceKind.POINTED, token.start)


def _names_its_sites(state: State, sentence: Sentence, at: int) -> bool:
    """其余脑实质, 左侧额叶、顶叶病灶均, 除…外上述病灶: the sites are named here, or the exception has decided them."""
    tokens = sentence.tokens
    return bool(
        names_a_site(tokens, at)
        or state.whole.sites
        or (state.open and any(t.kind == "site" for t in tokens[state.clause.start : at]))
    )

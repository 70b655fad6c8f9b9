"""Which lesion a value is stated of, and how a lesion becomes the one that the next clauses continue."""

import re
from collections.abc import Iterator, Sequence

from selip_contracts.vocabulary import SITES
from selip_extract.language.tokens import Token
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.lookahead import is_limited, sites_ahead, sites_follow, states_in_bracket
from selip_extract.rules.mentions import ReferenceKind, SiteMention, Sites, distinct, locations
from selip_extract.rules.references.site_references import WHOLE_BRAIN, all_above, parts
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import CURRENT, NO_FOCUS, Focus, Standing, State

_SAYING_ELSE = frozenset(("normal", "negation", "change", "elsewhere"))
_OF_A_LESION = frozenset(("size", "lesion"))
_FIELD = re.compile("(?:病变|病灶|肿瘤|肿块|占位|异常)?(?:所在|主要)?(?:部位|位置|定位)[:：]")
_LEFT_OUT = re.compile("[(（][^()（）]*除外")
_COUNTING = frozenset(("site", "side", "layer", "post_side", "other", "punctuation", "size", "lesion"))


def referents(state: State, sentence: Sentence, at: int, positive: bool) -> Focus:
    """The sites of which the value at `at`, or its absence, is stated: in focus, announced, continued, or ahead.

    A label that was given to no lesion has none.
    """
    focus = state.focus
    if focus.kind is ReferenceKind.LABEL and not focus.sites:
        return focus
    leads_in = names_whole_brain(focus.sites) and not _is_of_the_whole(state, sentence, at)
    if _goes_on_nevertheless(state, sentence):
        return focus
    if state.standing is CURRENT and not leads_in and not _heads_a_list(state, sentence, at):
        return focus
    continues = state.announced.sites or (state.introduced.sites and not focus.sites)
    follow = sites_follow(sentence.text, sentence.tokens, at, spreads=not continues)
    follow = follow or _opens_bracket(sentence, at) or (leads_in and _counts_sites(sentence, at))
    if state.standing is Standing.NORMAL and state.own.sites and positive and not follow:
        return Focus.on(state.current_lesion)
    before = focus if focus.sites else state.announced
    if not follow and before.sites:
        return before
    continued = state.current_lesion
    if follow or (positive and not continued.sites):
        ahead = sites_ahead(sentence, at)
        if ahead and _points_back(sentence, at, ahead[0].token.start):
            ahead = distinct((*all_above(state, sentence.tokens[at].start).sites, *ahead))
        if ahead:
            if is_limited(sentence, at):  # 双侧丘脑、脑桥…，DWI呈高信号者为丘脑
                ahead = tuple(s for site in ahead for s in state.mentioned.resolve(site, (focus.sites,), False))
            ahead = tuple(with_side(site, focus.sites) for site in ahead)
            return Focus(ahead, ReferenceKind.NAMED, sentence.tokens[at].start)
    return before if before.sites else Focus.on(continued)


def _goes_on_nevertheless(state: State, sentence: Sentence) -> bool:
    """右侧海马体积正常，唯FLAIR信号略高: the site that was called normal, but for one thing."""
    start = state.clause.start
    words = sentence.words(start) if start < len(sentence.tokens) else ""
    return state.standing is Standing.NORMAL and bool(state.focus.sites) and words in ("唯", "惟", "但", "仅")


def _points_back(sentence: Sentence, at: int, end: int) -> bool:
    """DWI高信号见于上述部位及脑桥; not 见于三处：右侧丘脑…, which only counts what follows."""
    return any(
        token.value == "上述" and sentence.tokens[i + 1].value not in (":", "(") and token.end <= end
        for i, token in enumerate(sentence.tokens[:-1])
        if i > at
    )


def with_side(site: SiteMention, of: Sites) -> SiteMention:
    """左侧大脑半球见…，以额叶为著: a paired site without a side of its own has that of the lesion."""
    sides = {(s.side, s.side_token) for s in of}
    if site.side is not None or len(sides) != 1 or SITES[site.site].laterality != "paired":
        return site
    ((side, token),) = sides
    return site._replace(side=side, side_token=token)


def names_whole_brain(sites: Sites) -> bool:
    """颅内可见…，累及额叶: no site, or only the brain as a whole, which leads in."""
    return all(site.site in WHOLE_BRAIN for site in sites)


def _is_of_the_whole(state: State, sentence: Sentence, at: int) -> bool:
    """双侧大脑半球见…，T1WI低信号，T2WI高信号，较大者位于左侧顶叶: not 顶叶 alone has the value."""
    here = locations(state.focus.sites)
    if any((finding.side, finding.site_name) in here for finding in state.findings):
        return True
    following = [token.value for token in sentence.tokens[at + 1 : at + 3]]
    return following == [",", "较大"] and bool(here) and all(side is not None for side, _ in here)


def _heads_a_list(state: State, sentence: Sentence, at: int) -> bool:
    """T1低信号：脑桥, T1低信号的病灶位于脑桥: the clause of the value names no site before it."""
    following = [t.value for t in sentence.tokens[at + 1 : at + 4]]
    listed = (
        following[:1] == [":"]
        or _opens_bracket(sentence, at)
        or (following[:1] != [","] and "位于" in following[:3] and "灶" in following[:2])
        or is_limited(sentence, at)
    )
    return listed and not any(t.kind == "site" for t in _outside_brackets(sentence.tokens[state.clause.start : at]))


def _outside_brackets(tokens: Sequence[Token]) -> Iterator[Token]:
    """高信号（左侧额叶）和低信号（脑桥）: what stands in a bracket belongs to what stands before it."""
    depth = 0
    for token in tokens:
        depth += (token.value == "(") - (token.value == ")")
        if depth <= 0:
            yield token


def _counts_sites(sentence: Sentence, at: int) -> bool:
    """脑实质：SWI低信号灶共5处，左侧丘脑2，脑桥1: the clauses up to the end do nothing but name sites and count."""
    behind = sentence.tokens[at + 1 :]
    counts = any(token.kind == "other" and sentence.words(i).isdigit() for i, token in enumerate(behind, at + 1))
    return counts and all(token.kind in _COUNTING for token in behind)


def _opens_bracket(sentence: Sentence, at: int) -> bool:
    """DWI示高信号（左侧壳核、脑桥）."""
    following = sentence.tokens[at + 1 : at + 3]
    if len(following) < 2 or following[0].value != "(" or following[1].kind not in ("site", "side"):
        return False
    if _LEFT_OUT.match(sentence.text, following[0].start):
        return False
    return not states_in_bracket(sentence.tokens, at + 1)


def with_listed(state: State, sentence: Sentence) -> State:
    """右额叶3枚；左顶叶2枚。T1WI均呈低信号: sites of lesions are listed, and the next sentence is of them."""
    mentioned = state.mentioned
    if state.findings:
        return replace(state, mentioned=replace(mentioned, listed=())) if mentioned.listed else state
    kinds = {token.kind for token in sentence.tokens}
    counts = "other" in kinds and any(sentence.words(at).isdigit() for at in range(len(sentence.tokens)))
    if "site" not in kinds or kinds & _SAYING_ELSE or not (counts or kinds & _OF_A_LESION):
        return state
    named = (sentence.mention(site) for site in sentence.sites.values() if not site.is_qualifier)
    listed = distinct((*mentioned.listed, *(site for site in named if site.site not in WHOLE_BRAIN)))
    return replace(state, mentioned=replace(mentioned, listed=listed))


def introduce(state: State, focus: Focus, positive: bool) -> State:
    """左侧额叶见长T1信号: the lesion of which something is stated is the one that the next clauses continue.

    It is new where the report had not mentioned one of its sites. Parts of a lesion, or the absence of a signal, leave
    the lesion that is continued as it is; so does the half of a bilateral lesion (右侧者).
    """
    if state.announced.sites:
        state = replace(state, announced=NO_FOCUS)
    lesion, mentioned = focus.lesion, state.mentioned
    if focus == state.half or (lesion == state.introduced and mentioned.is_current(lesion)):
        return state
    here = locations(lesion.sites)
    known = [locations(other.sites) for other in mentioned.lesions]
    new = not here <= set().union(*known)
    if not (new or here in known):
        return state
    own = state.own
    if positive and new:
        own = Focus(own.sites + lesion.sites, ReferenceKind.SENTENCE, focus.source)
        mentioned = replace(mentioned, lesions=(*mentioned.lesions, lesion), subject=lesion)
    elif positive or not mentioned.subject.sites:
        mentioned = replace(mentioned, subject=lesion)
    return replace(state, mentioned=mentioned, introduced=lesion, own=own)


def introduce_mass(state: State, sentence: Sentence) -> State:
    """左侧桥小脑角区占位，脑干受压。T1WI呈…: a mass of which its sentence states nothing is what the next one is of."""
    if _FIELD.match(sentence.text, sentence.tokens[0].start) and not state.findings:
        return _introduce_listed(state, sentence)
    focus = state.announced
    end = next((i for i, t in enumerate(sentence.tokens) if t.value == "占位" and t.start > focus.source), None)
    if end is None or not focus.sites or names_whole_brain(focus.sites):
        return state
    between = [t.kind for t in sentence.tokens[:end] if t.start > focus.sites[-1].token.start]
    return state if "site" in between or "negation" in between else introduce(state, focus, True)


def _introduce_listed(state: State, sentence: Sentence) -> State:
    """病变部位：双侧桥臂、左侧大脑脚: the field of a form that says where the lesion of all other fields lies."""
    sites = tuple(sentence.mention(site) for site in sentence.sites.values() if not site.is_qualifier)
    return introduce(state, Focus(sites, ReferenceKind.NAMED, sites[0].token.start), True) if sites else state


def take_apart(state: State, source: int) -> State:
    """左侧丘脑及右侧放射冠分别见…、…: the account of the first site begins; those of the others follow."""
    sites = state.focus.sites
    state = introduce(state, state.focus, True)
    mentioned = replace(state.mentioned, pair=parts(sites))
    return replace(state, mentioned=mentioned, focus=state.narrow(sites[:1], source), awaiting=sites[1:])

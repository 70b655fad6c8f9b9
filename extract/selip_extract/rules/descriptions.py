"""What else is said of the sites in focus: that they are normal, that they changed, that nothing is seen of them."""

from collections.abc import Sequence

from selip_extract.language.tokens import Token
from selip_extract.rules.changes_of_sites import is_within
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.lookahead import clause_after
from selip_extract.rules.mentions import ReferenceKind, locations
from selip_extract.rules.references.exceptions import except_normal
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import Focus, Standing, State

# what a lesion does to its neighbours: the clauses that follow still describe the lesion
_DISPLACED = frozenset(("受压", "移位", "变窄", "变浅", "狭窄", "闭塞"))
# what has a signal of its own
_WITH_A_SIGNAL = frozenset(("积液", "增厚", "肿胀", "占位"))
_LEADING_IN = frozenset(("其内", "伴", "以"))
_UNCLEAR = frozenset(("不清", "欠清", "不清楚", "不清晰"))
# what enhances where nothing is wrong
_ENHANCING = frozenset(("垂体", "垂体柄", "脉络丛", "鼻甲", "海绵窦"))
_OF_A_MARGIN = frozenset(("规则", "清楚", "清晰", "光滑", "光整", "完整"))


def describe_as_normal(state: State, sentence: Sentence, at: int) -> State:
    """双侧海马对称: the sites in focus are normal, so values may follow of others; 边界清晰 keeps the focus."""
    token = sentence.tokens[at]
    if token.kind == "normal" and sentence.words(at) in _OF_A_MARGIN:
        return state.close()
    if token.kind == "normal" and _is_of_a_lesion(sentence, at):
        return state
    if state.refers_to_rest:
        state = replace(state, focus=Focus((), ReferenceKind.NAMED, token.start))
    state = except_normal(state, sentence)
    sequences = state.sequences._replace(used=True) if state.sequences.tokens else state.sequences
    return replace(state, open=False, standing=Standing.NORMAL, sequences=sequences)


def _is_of_a_lesion(sentence: Sentence, at: int) -> bool:
    """见对称FLAIR高信号, 双侧不对称的T2高信号: how a lesion lies, right before what is stated of it."""
    before = sentence.tokens[at - 1 : at] if at else []
    following = next((t for t in sentence.tokens[at + 1 : at + 6] if t.kind != "other"), None)
    if not before or following is None or following.kind not in ("sequence", "signal", "lesion"):
        return False
    return before[0].kind in ("verb", "side") or before[0].value in ("的", "不")


def describe_change(state: State, sentence: Sentence, at: int) -> State:
    """左侧海马萎缩, 右侧大脑脚受压: what follows is stated of the sites that changed, or of the lesion that did it.

    脑沟增宽，T2WI呈高信号: a sulcus has no signal of its own, but a mass in it has.
    未见占位 changes nothing, yet where the clause names a lesion its sites are those of the next value.
    """
    focus, tokens = state.focus, sentence.tokens
    after = replace(state, focus=state.narrow((), tokens[at].start), open=False)
    if not focus.sites:
        return after
    if state.clause.negation is not None:
        names_lesion = any(t.kind in ("lesion", "abnormal") for t in tokens[state.clause.start : at])
        return replace(after, announced=focus) if names_lesion else after
    changed = state.mentioned.changed + tuple([s for s in focus.sites if s.side])
    announced = state.announced
    if _leads_in(state, sentence, at):
        of_its_own = tokens[at].value == "占位"
        announced = focus._replace(sites=tuple(s for s in focus.sites if of_its_own or not is_within(s.site, "脑沟")))
    return replace(after, mentioned=replace(state.mentioned, changed=changed), announced=announced)


def _leads_in(state: State, sentence: Sentence, at: int) -> bool:
    """Whether the change at `at` begins the account of a lesion."""
    if not (state.current_lesion.sites or state.announced.sites):
        return True
    behind = sentence.tokens[at + 1 : at + 2]
    if behind and behind[0].start == sentence.tokens[at].end and _goes_on(sentence, behind[0]):
        return True
    if sentence.tokens[at].value in _DISPLACED:
        return not (state.own.sites or state.announced.sites)
    if not state.introduced.sites:
        return True
    if _opens_another_lesion(state, sentence, at):
        return True
    following = [t for t in sentence.tokens[at + 1 : at + 3] if t.value != ","]
    if following and (following[0].kind in ("verb", "abnormal") or following[0].value in _LEADING_IN):
        return True
    sequence = next((t for t in sentence.tokens[at:] if t.kind in ("sequence", "site")), None)
    return sequence is not None and state.mentioned.has_stated(state.introduced.sites, sequence.value)


def _goes_on(sentence: Sentence, token: Token) -> bool:
    """硬脑膜增厚强化, 乳突积液T2高信号, 桥臂变细且T2高信号: the clause of the change states a value, too."""
    if token.value == "、":
        return sentence.text.startswith("强化", token.end)
    return token.kind in ("enhancement", "sequence") or sentence.text.startswith(("且", "并", "伴"), token.start)


def _opens_another_lesion(state: State, sentence: Sentence, at: int) -> bool:
    """右侧筛窦黏膜增厚，T2WI稍高信号，左侧蝶窦积液，T1WI稍低信号: a change with a signal, of a new site."""
    tokens = sentence.tokens
    following = [t.kind for t in tokens[at + 1 : at + 3]]
    named = any(t.kind == "site" for t in tokens[state.clause.start : at])
    new = locations(state.focus.sites).isdisjoint(locations(state.mentioned.everywhere()))
    signal = tokens[at].value in _WITH_A_SIGNAL or sentence.words(at).endswith("增粗")
    return signal and following == ["punctuation", "sequence"] and named and new


def is_not_seen(sentence: Sentence, clause: Sequence[Token]) -> bool:
    """垂体柄显示不清: the clause describes a neighbour."""
    words = [sentence.text[t.start : t.end] for t in clause[-2:]]
    return len(clause) > 2 and clause[-3].kind == "site" and words[0] == "显示" and words[1] in _UNCLEAR


def is_of_a_normal_lobe(state: State, sentence: Sentence, at: int) -> bool:
    """垂体后叶短T1信号存在: high on T1, as the posterior lobe always is, and nothing else is said."""
    here = state.focus.sites
    if not here or any(site.site != "垂体后叶" for site in here):
        return False
    clause = [*sentence.tokens[state.clause.start : at], *clause_after(sentence.tokens, at)]
    sequences = [token.value for token in clause if token.kind == "sequence"]
    return sequences == ["T1"] and not any(token.kind in ("lesion", "abnormal", "size", "change") for token in clause)


def is_of_a_normal_gland(state: State, sentence: Sentence, at: int) -> bool:
    """垂体均匀强化，未见异常: what always enhances, and of which no lesion is named; 其余垂体均匀强化 around one."""
    if state.clause.negation is not None or not state.focus.sites:
        return False
    rest = any(t.value == "其余" for t in sentence.tokens[state.clause.start : at])
    if state.own.sites and not rest:
        return False
    if any(site.site not in _ENHANCING for site in state.focus.sites):
        return False
    if sentence.tokens[at].value not in ("均匀强化", "明显强化", "强化"):
        return False
    if rest:
        return True
    normal = any(t.kind in ("normal", "negation") for t in sentence.tokens)
    return normal and not any(t.kind in ("lesion", "signal") for t in sentence.tokens[: at + 1])

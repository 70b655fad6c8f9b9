"""Labels of lesions: ①左侧额叶…，②…; 病灶A, 结节b. A label is given with its sites and refers to them later."""

import re
from collections.abc import Iterable, Sequence

from selip_extract.language.tokens import Token
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.lookahead import VALUES, clause_after, is_mark, names_a_sequence, sites_ahead
from selip_extract.rules.mentions import LesionMention, ReferenceKind, Sites, distinct
from selip_extract.rules.references.introductions import introduce
from selip_extract.rules.references.label_lists import CIRCLED, ROMAN, is_label, label_name, labelled_sites
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import Focus, SequenceFocus, State

_MARKS = re.compile(rf"[{CIRCLED}]|[(（](?:\d{{1,2}}|{ROMAN})[)）]|(?<!\d)\d{{1,2}}[.．、]")
_NAMING = frozenset(("site", "side"))
_NUMERALS = frozenset("一二三四五六")
_STATED = frozenset(("verb", "sequence", "negation", *VALUES))


def begin_labelled(state: State, sentence: Sentence, marks: str, before: SequenceFocus) -> State:
    """①左侧额叶见… gives its sites a label; DWI：①呈低信号 refers to them, on the sequences `before` the mark."""
    found = [label_name(mark) for mark in _MARKS.findall(marks)]
    listed = labelled_sites(sentence, found[-1] if found else None)
    for name, lesion in listed.items():
        state = _give(state, name, lesion)
    if listed or not found:
        return state
    tokens = sentence.tokens
    sites = sites_ahead(sentence, -1)
    if sites and not _states_before(tokens, sites[0].token):
        lesion = LesionMention((ReferenceKind.LABEL, tokens[0].start), sites)
        return _give(state, found[-1], lesion)
    sequences = before._replace(used=names_a_sequence(tokens, 0))
    mentioned = state.mentioned.begin_item(numbered=False)
    return refer_to_labels(replace(state, sequences=sequences, mentioned=mentioned), found, tokens[0].start)


def introduce_labelled(state: State, marks: str) -> State:
    """①左侧额叶，②右侧颞叶: a lesion that is only listed is one of those that 三者 refers to."""
    found = _MARKS.findall(marks)
    lesion = state.mentioned.labels.get(label_name(found[-1])) if found else None
    if lesion is None or state.own.sites:
        return state
    return introduce(state, Focus.on(lesion), True)


def refer_to_label(state: State, sentence: Sentence, at: int) -> State:
    """左侧额叶（病灶1）, 病灶1位于左侧额叶 give the label; 病灶1呈高信号 refers to it later."""
    tokens = sentence.tokens
    label = tokens[at + 1] if at + 1 < len(tokens) else None
    if label is None or label.kind != "other" or label.start != tokens[at].end:
        return state
    return use_label(state, sentence, at + 1)


def use_label(state: State, sentence: Sentence, at: int) -> State:
    """The label at `at`: A呈低信号 refers to what it was given to, with 病灶A、B to both; a new one is given."""
    token, tokens = sentence.tokens[at], sentence.tokens
    if not is_label(sentence.words(at)) or (sentence.words(at) in _NUMERALS and _counts(tokens, at)):
        return state
    name = label_name(sentence.words(at))
    given = state.mentioned.labels.get(name)
    if given is not None:
        if given.id == (ReferenceKind.LABEL, token.start):
            return state
        joined = state.focus.kind is ReferenceKind.LABEL and _joins(sentence, at)
        together = (*state.focus.sites, *given.sites) if joined else ()
        if together:
            return state.refer_to(Focus(distinct(together), ReferenceKind.LABEL, token.start))
        return refer_to_labels(state, [name], token.start)
    if not (_follows_lesion(tokens, at) or _opens_account(tokens, at)):
        return state
    lesion = LesionMention((ReferenceKind.LABEL, token.start), _sites_of_label(state, sentence, at))
    if lesion.sites:
        return _give(state, name, lesion)
    return state.refer_to(Focus.on(lesion)) if state.mentioned.labels else state


def _counts(tokens: Sequence[Token], at: int) -> bool:
    """见一结节, 一环形强化灶: the numeral is no label, as it is in T2WI一、二呈高信号 and 病灶一."""
    if _follows_lesion(tokens, at):
        return False
    following = tokens[at + 1] if at + 1 < len(tokens) else None
    stands_for = following is not None and (following.kind in _STATED or following.value == "、")
    return not stands_for or (at > 0 and tokens[at - 1].kind == "verb")


def _follows_lesion(tokens: Sequence[Token], at: int) -> bool:
    """病灶A, 病灶（A）."""
    before = tokens[at - 2 : at] if at > 1 and tokens[at - 1].value == "(" else tokens[max(0, at - 1) : at]
    return bool(before) and before[0].kind == "lesion" and before[-1].end == tokens[at].start


def _opens_account(tokens: Sequence[Token], at: int) -> bool:
    """A左侧额叶，B：右侧丘脑, C灶位于左侧顶叶."""
    following = [t for t in tokens[at + 1 : at + 5] if t.value not in (":", "、", "位于") and t.kind != "lesion"][:1]
    return (at == 0 or is_mark(tokens[at - 1])) and bool(following) and following[0].kind in _NAMING


def number_lesion(state: State, sentence: Sentence, at: int, end: int, number: int) -> State | None:
    """第1处：左侧额叶 gives the lesion its number, which ends before the token at `end`; None where no site follows."""
    tokens = sentence.tokens
    if at and not is_mark(tokens[at - 1]):
        return None
    following = next((t for t in tokens[end : end + 3] if t.value not in (":", ",", "位于", "见")), None)
    if following is None or following.kind not in _NAMING:
        return None
    sites = sites_ahead(sentence, end - 1)[:1]
    return _give(state, f"第{number}", LesionMention((ReferenceKind.LABEL, tokens[at].start), sites)) if sites else None


def refer_to_numbers(state: State, numbers: Iterable[int], source: int) -> State | None:
    """第1处及第3处: the lesions that were given these numbers; None where they were not."""
    names = [f"第{number}" for number in numbers]
    if not all(name in state.mentioned.labels for name in names):
        return None
    return refer_to_labels(state, names, source)


def refer_to_labels(state: State, names: list[str], source: int) -> State:
    """①③呈低信号: the clause speaks of the labelled lesions."""
    lesions = [state.mentioned.labels[name] for name in names if name in state.mentioned.labels]
    if not lesions:
        return state
    if len(lesions) == 1:
        return state.refer_to(Focus.on(lesions[0]))
    sites = distinct(site for lesion in lesions for site in lesion.sites)
    return state.refer_to(Focus(sites, ReferenceKind.LABEL, source))


def _sites_of_label(state: State, sentence: Sentence, at: int) -> Sites:
    """左侧额叶结节a: the last site of its clause; 病灶A位于左侧额叶, 病灶A：左侧额叶: those that follow.

    None where the clause goes on from another label: 病灶B呈低信号，病灶C呈高信号.
    """
    clause = sentence.tokens[state.clause.start : at]
    if any(token.kind == "site" for token in clause):
        return state.focus.sites[-1:]
    opens_list = at + 1 < len(sentence.tokens) and sentence.tokens[at + 1].value == ":"
    end = max((token.end for token in clause_after(sentence.tokens, at + opens_list)), default=0)
    ahead = tuple(site for site in sites_ahead(sentence, at) if site.token.end <= end)
    return ahead or (() if state.focus.kind is ReferenceKind.LABEL else state.focus.sites[-1:])


def _give(state: State, name: str, lesion: LesionMention) -> State:
    labels = {**state.mentioned.labels, name: lesion}
    return replace(state, mentioned=replace(state.mentioned, labels=labels))


def _joins(sentence: Sentence, at: int) -> bool:
    """A、B, ①③, （1）、（2）: the label before it is in the same clause, with nothing but a mark in between."""
    before = [t for t in sentence.tokens[max(0, at - 3) : at] if t.value not in ("、", "(", ")") and t.kind != "lesion"]
    if not before:
        return True
    last = before[-1]
    return last.kind == "other" and is_label(sentence.text[last.start : last.end])


def _states_before(tokens: Sequence[Token], site: Token) -> bool:
    """Whether a clause ends after a value before the site is named: ①呈低信号，右侧侧脑室受压."""
    stated = False
    for token in tokens:
        if token.start >= site.start:
            return False
        stated = stated or token.kind in VALUES
        if stated and is_mark(token):
            return True
    return False

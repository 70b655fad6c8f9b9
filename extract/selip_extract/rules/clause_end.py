"""The end of a clause: which sites the next one refers to."""

import re
from collections.abc import Sequence, Set
from itertools import takewhile

from selip_extract.language.lesion_words import words_of
from selip_extract.language.lexicon import Kind
from selip_extract.language.tokens import Token
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.descriptions import describe_as_normal, is_not_seen
from selip_extract.rules.lookahead import (
    VALUES,
    clause_after,
    denial_ends,
    is_mark,
    points_back,
    sequence_precedes_site,
)
from selip_extract.rules.mentions import NO_LESION, ReferenceKind
from selip_extract.rules.references.exceptions import return_from_exception
from selip_extract.rules.references.introductions import introduce, names_whole_brain
from selip_extract.rules.references.site_references import WHOLE_BRAIN
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import Clause, Focus, Standing, State

_PREDICATES = frozenset(("negation", "change", *VALUES))
_OF_A_HALF = _PREDICATES | {"sequence", "size", "abnormal"}
_STATING = frozenset(("change", "sequence", *VALUES))
_STATED = frozenset(("negation", "abnormal", *VALUES))
_HALF, _PRIOR = ReferenceKind.HALF, Standing.PRIOR
_CONTRASTING = ("相反", "不然")
"""右侧则相反，T1WI…: the next clause says how."""
_LISTED = frozenset(("site", "side", "layer", "post_side"))
_PLACE = re.compile("(?:病变|病灶|肿瘤|肿块)?(?:所在)?(?:部位|位置)[:：]\\s*")
"""病变部位：左侧基底节区, a line of a template."""
_LESION_NOUNS = frozenset(("abnormal", "lesion"))


def punctuate(state: State, sentence: Sentence, at: int) -> State:
    """A comma, semicolon or colon ends the clause; other marks at most a negation: 无占位效应、T1WI呈低信号."""
    token = sentence.tokens[at]
    if is_mark(token):
        if state.before_prior is None:
            state = end_clause(state, sentence, at)
        return replace(state, clause=Clause(start=at + 1, of_the_largest=_places_the_largest(state, sentence, at)))
    if token.value == ")" and state.clause.of_the_largest:
        # 硬膜下（最厚7mm）及硬膜外见…
        state = replace(state, clause=state.clause._replace(of_the_largest=False))
    if token.value == ")" and state.before_bracket is not None:
        state = replace(state, focus=state.before_bracket, before_bracket=None)
    return state.negate(None) if denial_ends(sentence.tokens, at) else state


def _places_the_largest(state: State, sentence: Sentence, at: int) -> bool:
    """最大者约18mm，位于右侧小脑半球: the next clause says where the largest lies."""
    if not state.clause.of_the_largest:
        return False
    following = sentence.tokens[at + 1 : at + 2]
    return bool(following) and following[0].value == "位于"


def end_clause(state: State, sentence: Sentence, at: int) -> State:
    """The clause ends with the mark at `at`, or with the sentence."""
    tokens = sentence.tokens
    clause = tokens[state.clause.start : at]
    mark, offset = (tokens[at].value, tokens[at].start) if at < len(tokens) else ("", len(sentence.text))
    kinds = {t.kind for t in clause}
    if state.focus.sites and not state.refers_to_rest:
        only_names = state.standing is not _PRIOR and "site" in kinds and kinds.isdisjoint(_PREDICATES)
        leads_in = mark == ":" and names_whole_brain(state.focus.sites)
        if (
            only_names
            and not leads_in
            and (
                not kinds.isdisjoint(_LESION_NOUNS)
                or _names_a_disease(sentence, clause)
                or _locates(state, clause)
                or (not mark and _PLACE.match(sentence.text, sentence.tokens[0].start))
            )
        ):
            state = introduce(state, state.focus, True)
            state = state if mark == "," and state.open and _lists_on(sentence, at) else state.close()
        elif (mark == ":" and state.open) or (mark == ";" and _goes_on(state, sentence, at)):
            state = replace(state, announced=state.focus)
    denied = mark == ";" and state.clause.negation is not None and "sequence" in kinds
    if denied or (mark in (",", ";") and _calls_it_otherwise(kinds, sentence.words(at - 1))):
        state = replace(state, sequences=state.sequences._replace(used=True))
    if mark == "," and _shows_a_sign(sentence, clause):
        state = replace(state.close(), sequences=state.sequences._replace(used=True))
    if state.clause.negation is not None and kinds.isdisjoint(_STATING) and not kinds.isdisjoint(_LESION_NOUNS):
        state = describe_as_normal(state, sentence, at - 1)
    if state.focus.kind is _HALF:
        inside = bool(clause) and clause[0].value == "其内"
        of_a_half = not kinds.isdisjoint(_OF_A_HALF) and not _gives_the_other_size(sentence, at)
        goes_on = sentence.words(at - 1) in _CONTRASTING or points_back(sentence, at + 1)
        describes = at - 1 in sentence.forms or at - 1 in sentence.margins  # 右侧者约3cm，呈分叶状，T1WI…
        if not (inside or of_a_half or goes_on or describes):
            state = replace(state, focus=Focus(state.bilateral, ReferenceKind.POINTED, offset), open=False)
    if mark == "," and state.own.sites and is_not_seen(sentence, clause):
        state = replace(state, focus=state.narrow((), offset), open=False)
    if state.whole.sites and mark != ":" and not (clause and clause[-1].value == "外"):
        state = return_from_exception(state)
    if mark == ";":
        return replace(state.refer_to(Focus((), ReferenceKind.NAMED, offset)), introduced=NO_LESION)
    return state.close() if mark == ":" or "size" in kinds else state


def _lists_on(sentence: Sentence, at: int) -> bool:
    """结节位于右侧颞叶、鞍上，脑桥，T1WI…: the clause behind the mark at `at` names further sites, and nothing else."""
    clause = list(clause_after(sentence.tokens, at))
    return any(t.kind == "site" for t in clause) and all(t.kind in _LISTED or t.value == "、" for t in clause)


def _names_a_disease(sentence: Sentence, clause: Sequence[Token]) -> bool:
    """右额叶及左顶叶各一脑膜瘤，右侧者…: the disease is the lesion; 颅内血管影存在 names none."""
    if any(token.value in WHOLE_BRAIN for token in clause):
        return False
    return words_of(sentence.text[clause[0].start : clause[-1].end]).lesion is not None


def _locates(state: State, clause: Sequence[Token]) -> bool:
    """脑内见四枚结节，两枚位于…，一枚位于…: the clause says where the lesions of the brain lie."""
    whole = state.own.sites[:1]
    return bool(whole) and names_whole_brain(whole) and any(token.value == "位于" for token in clause)


def _gives_the_other_size(sentence: Sentence, at: int) -> bool:
    """左侧约4.1×2.8cm，右侧约3.3×2.2cm，T1WI…: the sizes of both sides, and what follows is of both."""
    told = _STATING | {"site"}
    tail = [*takewhile(lambda token: token.kind not in told, reversed(sentence.tokens[:at]))]
    sizes = sum(token.kind == "size" for token in tail)
    return sizes > 1 and {t.value for t in tail if t.kind == "side"} >= {"左侧", "右侧"}


def _calls_it_otherwise(kinds: Set[Kind], last_word: str) -> bool:
    """T1WI、T2WI呈流空信号，边缘见T1WI高信号: what is said of the sequences is no signal, and closes them."""
    return "sequence" in kinds and kinds.isdisjoint(_STATED) and last_word.endswith("信号")


def _shows_a_sign(sentence: Sentence, clause: Sequence[Token]) -> bool:
    """脑桥T2WI可见“十字面包征”，双侧桥臂…: a sign is all that the clause says of its site and sequence."""
    if not clause or {"site", "sequence"} - {t.kind for t in clause} or any(t.kind in _STATED for t in clause):
        return False
    return sentence.text[clause[0].start : clause[-1].end].rstrip('”"’）)').endswith("征")


def _goes_on(state: State, sentence: Sentence, at: int) -> bool:
    """左侧额叶边界不清；T1WI呈…: the first sites of a sentence, of which nothing has been stated."""
    stated = state.own.sites or state.introduced.sites or state.standing is Standing.NORMAL
    return not stated and sequence_precedes_site(sentence.tokens, at)

"""Values: each transition states a signal, an enhancement or a restriction of the sites that the clause refers to."""

import re
from collections.abc import Sequence
from itertools import takewhile

from selip_contracts.findings import Finding
from selip_contracts.vocabulary import SIGNALS, Modality, Side
from selip_extract.language.constructions.compared_sequences import AS_SEQUENCE
from selip_extract.language.evidence import EvidenceTokens, cited_finding
from selip_extract.language.question import Statement
from selip_extract.language.tokens import Token
from selip_extract.rules.changes_of_sites import is_within
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.descriptions import describe_as_normal, is_of_a_normal_gland, is_of_a_normal_lobe
from selip_extract.rules.lookahead import (
    VALUES,
    accounts_in_a_row,
    begins_another_account,
    exception_ends,
    names_a_sequence,
    negation_after,
    open_bracket,
    sequences_of_exception,
    values_in_a_row,
)
from selip_extract.rules.mentions import ReferenceKind, Sites, StatedValue, Value, locations
from selip_extract.rules.references.introductions import introduce, referents, take_apart
from selip_extract.rules.references.site_references import rest
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import NO_SEQUENCES, Focus, SequenceFocus, Standing, State

SequenceValue = tuple[Token, Value]
_RESTRICTED: dict[str, Value] = {"DWI": "高", "ADC": "低"}
_CHANGED = re.compile("(?:[现今]?已|现|今|目前|逐渐|均)*(?:转变?|变|降|升|演变|变化)[为成](?=.{0,4}[高低等混杂])")
"""DWI高信号现已转为等信号: the signal was that of an earlier study."""
_AMONG = re.compile("(?:灶|区|影|者|病灶|结节)?(?:当中|之中|中|内)")
_TREND = re.compile("[呈为至成](?=[稍略]?[高低等混])")
"""T2信号减低呈稍高信号: how the signal has changed, and what it is now."""
_TRENDS = ("减低", "降低", "下降", "增高", "升高")
_PAIRS = re.compile("(?:[A-Z0-9]|[上图像:：])[稍略]?[高低等]、[稍略]?[高低等](?=[,，;；。]|$)")
"""T1WI等、低；T2WI高、高: sequences with two bare values each."""
_THAN_TISSUE = re.compile("于(?:正常|周围|邻近|相邻|同层)*的?(?:脑(?!脊)|灰|白质|皮[质层]|肌)")
"""T1WI信号略低于脑实质: the signal of the lesion, measured by that of normal tissue."""
_SIDES: tuple[Side, Side] = ("左侧", "右侧")
_LEFT_AND_RIGHT = re.compile("左侧?[、及和/]?右(?:侧|边|两侧)?$|左右双侧$")


def state_values(
    state: State, sentence: Sentence, at: int, values: Sequence[SequenceValue], focus: Focus | None = None
) -> State:
    """T1WI、T2WI呈高信号: each value on its sequence, of the sites in `focus` or else those the clause refers to."""
    if state.refers_to_rest:
        for sequence, value in values:
            left = rest(state, sequence.value)
            state = _state_of(state, sentence, at, [(sequence, value)], left)
        return replace(state, focus=state.focus._replace(sites=left)) if values and left else state
    if not values:
        return state
    if focus is None:
        positive = state.clause.negation is None
        focus = referents(state, sentence, at, positive)
        if focus.sites:
            state = introduce(state, focus, positive)
    return _state_of(_without_excepted(state, sentence, at, values, focus.sites), sentence, at, values, focus.sites)


def _without_excepted(
    state: State, sentence: Sentence, at: int, values: Sequence[SequenceValue], sites: Sites
) -> State:
    """DWI稍高信号（扣带回为高信号）: the value before the bracket is not that of the site in it."""
    bracket = open_bracket(sentence.tokens, at)
    named = bracket and any(t.kind == "site" for t in sentence.tokens[bracket:at])
    if not named or bracket is None or sentence.tokens[bracket - 1].kind not in VALUES:
        return state
    here, modalities = locations(sites), {sequence.value for sequence, _ in values}
    before = sentence.tokens[bracket - 1].start
    kept = tuple(
        f
        for f in state.findings
        if f.modality not in modalities
        or (f.side, f.site_name) not in here
        or not any(span.role == "signal" and span.start == before for span in (f.evidence.spans if f.evidence else ()))
    )
    return replace(state, findings=kept) if len(kept) < len(state.findings) else state


def _state_of(state: State, sentence: Sentence, at: int, values: Sequence[SequenceValue], sites: Sites) -> State:
    """Each value on its sequence, of these sites; a contrast-enhanced sequence takes no plain signal."""
    found: list[Finding] = []
    stated: list[StatedValue] = []
    _, negation, doubtful, _ = state.clause
    if negation is not None and state.standing is Standing.NORMAL:
        # 三叉神经走行自然，DWI未见高信号: not the nerve was looked at
        sites = tuple(site for site in sites if not is_within(site.site, "颅神经"))
    for sequence, value in values:
        modality: Modality = sequence.value  # type: ignore[assignment]
        if value in SIGNALS and modality == "T1CE":
            continue
        name = sequence if sequence.kind == "sequence" else None
        for site in sites:
            statement = Statement(site.side, site.site, modality, value)
            words = EvidenceTokens(site.token, site.side_token, sentence.tokens[at], name, negation)
            found.append(cited_finding(sentence.stored, sentence.text, statement, words, doubtful))
            stated.append(StatedValue((site.side, site.site), modality, value))
    mentioned = replace(state.mentioned, stated=(*state.mentioned.stated, *stated))
    return replace(state, mentioned=mentioned, findings=(*state.findings, *found))


def state_signal(state: State, sentence: Sentence, at: int) -> State:
    """T1WI、T2WI呈高信号: one signal on every sequence that has none yet; in 长T1长T2 each sequence has its own."""
    if _compares(sentence, at):
        return _use(state)
    if _is_pointed_at(sentence, at) or _has_changed(sentence, at):
        return state
    state = _negated_from_behind(state, sentence, at)
    token = sentence.tokens[at]
    value: Value = None if state.clause.negation else token.value  # type: ignore[assignment]
    sequences, used, order = state.sequences
    if value == "高" and is_of_a_normal_lobe(state, sentence, at):
        return describe_as_normal(state, sentence, at)
    if order is not None:
        return _state_in_order(state, sentence, at, value, order)
    if used and (_describes(sentence, at) or _introduces(state, sentence, at)):
        return state
    plain = [t for t in sequences if t.value != "T1CE"]
    if len(plain) == 1 and not used and _in_turn(state, sentence, at):
        return _state_in_order(replace(state, sequences=state.sequences._replace(order=0)), sentence, at, value, 0)
    if not plain:
        return introduce(state, state.focus, True) if state.focus.sites and not state.clause.negation else state
    if plain[-1][2:] == token[2:]:
        plain = plain[-1:]
    return _use(state_values(state, sentence, at, [(t, value) for t in plain]))


def state_enhancement(state: State, sentence: Sentence, at: int) -> State:
    """增强后明显强化: the value belongs to T1CE, named or not."""
    state = _negated_from_behind(state, sentence, at)
    token = sentence.tokens[at]
    value: Value = None if state.clause.negation else token.value  # type: ignore[assignment]
    sequence = next((t for t in state.sequences.tokens if t.value == "T1CE"), token._replace(value="T1CE"))
    if state.sequences.order is not None:
        return _state_in_order(
            replace(state, sequences=state.sequences._replace(tokens=(sequence,))),
            sentence,
            at,
            value,
            state.sequences.order,
        )
    if is_of_a_normal_gland(state, sentence, at):
        return describe_as_normal(state, sentence, at)
    state = state_values(state, sentence, at, [(sequence, value)])
    return replace(state, sequences=state.sequences._replace(tokens=(sequence,), used=True))


def state_restriction(state: State, sentence: Sentence, at: int) -> State:
    """弥散受限: high on DWI and low on ADC, or on the one of them that is named (DWI上弥散受限)."""
    state = _negated_from_behind(state, sentence, at)
    token, sequences = sentence.tokens[at], state.sequences
    before = next((t for t in reversed(sentence.tokens[:at]) if t.kind in VALUES), None)
    goes_on = before is not None and before.kind == "restriction" and sentence.words(at)[0] not in "弥扩水"
    named = [t for t in sequences.tokens if t.value in _RESTRICTED and (goes_on or not sequences.used)]
    given = named or [token._replace(value=modality) for modality in _RESTRICTED]
    if state.clause.negation is not None:
        return _use(state_values(state, sentence, at, [(t, None) for t in given]))
    if not named:
        given = _not_stated(state, sentence, at, given)
    return _use(state_values(state, sentence, at, [(t, _RESTRICTED[t.value]) for t in given]))


def _not_stated(state: State, sentence: Sentence, at: int, sequences: Sequence[Token]) -> list[Token]:
    """DWI呈稍高信号，ADC呈稍低信号，提示弥散受限: only says what the signals mean that have been stated."""
    here = locations(referents(state, sentence, at, True).sites)
    stated = {s.modality for s in state.mentioned.stated if s.location in here and s.value is not None}
    return [t for t in sequences if t.value not in stated]


def _negated_from_behind(state: State, sentence: Sentence, at: int) -> State:
    """T1WI高信号未见: the negation follows the value."""
    if state.clause.negation is not None:
        return state
    negation = negation_after(sentence.tokens, at)
    return state if negation is None else state.negate(negation)


def _use(state: State) -> State:
    """The sequences have their value."""
    tokens, used, order = state.sequences
    return state if used else replace(state, sequences=SequenceFocus(tokens, True, order))


def _describes(sentence: Sentence, at: int) -> bool:
    """呈高信号，内部信号欠均匀: how the signal looks that was stated before."""
    words = sentence.words(at)
    return sentence.tokens[at].value == "混杂" and words.startswith("信号") and "均" in words


def _in_turn(state: State, sentence: Sentence, at: int) -> bool:
    """右侧额叶、左侧额叶、脑桥：T2高、稍高、等: three values or more, or one that is repeated, of as many sites."""
    values: list[str] = []
    for i, token in enumerate(sentence.tokens[at:]):
        if token.value == "、" and i % 2:
            continue
        if token.kind != "signal" or i % 2:
            break
        values.append(token.value)
    count = len(values)
    if count < 2 or count != len(referents(state, sentence, at, True).sites):
        return False
    return count > 2 or len(set(values)) < count or len(_PAIRS.findall(sentence.text)) > 1


def _introduces(state: State, sentence: Sentence, at: int) -> bool:
    """左侧横窦…，SWI呈低信号；左侧顶叶见混杂信号，T1WI…: the sequence is that of the lesion before the semicolon."""
    tokens, start = sentence.tokens, state.clause.start
    clause = tokens[start:at]
    opens = start > 0 and tokens[start - 1].value == ";" and any(t.kind == "site" for t in clause)
    if not opens or not any("见" in sentence.words(i) for i in range(start, at)):
        return False
    following = tokens[at + 1 : at + 3]
    if len(following) < 2 or following[0].value != "," or following[1].kind != "sequence":
        return False
    lesion = takewhile(lambda t: t.value != ";", reversed(tokens[: start - 1]))
    named = [t.kind for t in lesion if t.kind in ("site", "sequence")]
    return "sequence" in named and named[-1] == "site"


def _is_pointed_at(sentence: Sentence, at: int) -> bool:
    """上述高信号中: the lesions are meant that have been told of."""
    before = sentence.tokens[at - 1] if at else None
    pointed = before is not None and before.value == "上述" and before.end == sentence.tokens[at].start
    return pointed and _AMONG.match(sentence.text, sentence.tokens[at].end) is not None


def _has_changed(sentence: Sentence, at: int) -> bool:
    """高信号现已转为等信号, 信号减低呈稍高信号: what the signal is now stands behind."""
    end = sentence.tokens[at].end
    trend = sentence.words(at).endswith(_TRENDS) and _TREND.match(sentence.text, end)
    return bool(trend or _CHANGED.match(sentence.text, end))


def _compares(sentence: Sentence, at: int) -> bool:
    """右侧高于左侧."""
    behind = sentence.tokens[at].end
    compares = sentence.text.startswith("于", behind) and sentence.words(at)[-1] in "高低"
    return compares and _THAN_TISSUE.match(sentence.text, behind) is None


def _state_in_order(state: State, sentence: Sentence, at: int, value: Value, order: int) -> State:
    """T1WI、T2WI分别呈低、高信号 by sequence; T1WI依次呈等、低信号 by site; 左右分别呈高、等信号 by side."""
    by_side = state.focus.kind is ReferenceKind.SIDES
    focus = state.focus if by_side else referents(state, sentence, at, True)
    sequences = state.sequences.tokens
    groups = _by_side(focus.sites) if by_side else [(site,) for site in focus.sites] if len(sequences) == 1 else []
    if not groups:
        if order < len(sequences):
            state = state_values(state, sentence, at, [(sequences[order], value)])
    elif order < len(groups):
        state = introduce(state, focus, True)
        one = Focus(groups[order], ReferenceKind.PART, groups[order][0].token.start)
        state = state_values(state, sentence, at, [(t, value) for t in sequences], one)
    if order + 1 < max(len(sequences) if not by_side else 0, len(groups)):
        return replace(state, sequences=state.sequences._replace(order=order + 1))
    if by_side:
        state = state.refer_to(Focus(state.bilateral or focus.sites, ReferenceKind.POINTED, focus.source))
    return replace(state, sequences=state.sequences._replace(order=None, used=True))


def _by_side(sites: Sites) -> list[Sites]:
    return [tuple(site for site in sites if site.side == side) for side in _SIDES]


def state_abnormality(state: State, sentence: Sentence, at: int) -> State:
    """DWI未见异常: no signal on the sequences in focus; 脑实质未见异常: without a sequence the site is normal."""
    state = state.close()
    if state.clause.negation is None:
        return state
    if state.sequences.tokens and not state.sequences.used:
        return _use(state_values(state, sentence, at, [(t, None) for t in state.sequences.tokens]))
    return describe_as_normal(state, sentence, at)


def name_sequence(state: State, sentence: Sentence, at: int) -> State:
    """T1WI、T2WI: a sequence joins those without a value; after 分别见 it may begin the account of the next site."""
    token = sentence.tokens[at]
    if token.value in AS_SEQUENCE:
        token = token._replace(kind="sequence", value=AS_SEQUENCE[token.value])
    before, used, order = state.sequences
    if used and _is_a_b_value(sentence, at) and any(t.value == "DWI" for t in before):
        return state
    apart = used or begins_another_account(sentence, before, at)
    sequences = SequenceFocus((token,)) if apart else SequenceFocus((*before, token), False, order)
    if state.awaiting and state.mentioned.has_stated(state.focus.sites, token.value):
        following, *awaiting = state.awaiting
        state = replace(state.refer_to(Focus((following,), ReferenceKind.PART, token.start)), awaiting=tuple(awaiting))
    return replace(state, sequences=sequences)


def _is_a_b_value(sentence: Sentence, at: int) -> bool:
    """DWI呈高信号（b=1000）: no further sequence."""
    return at > 0 and sentence.tokens[at - 1].value == "(" and sentence.words(at)[0] in "bB"


def begin_order(state: State, sentence: Sentence, at: int) -> State:
    """依次呈等、低信号: a value for each sequence or site; 分别见长T1信号、等T1信号: an account of each site."""
    before, used, _ = state.sequences
    values = values_in_a_row(sentence.tokens, at)
    in_order = values > 1 and (not used or values == len(before))
    state = replace(state, sequences=state.sequences._replace(order=0 if in_order else None))
    if in_order and (sides := _left_and_right(state, sentence, at)) is not None:
        return _begin_with_the_left(state, sentence.tokens[at].start, sides)
    count = len(state.focus.sites)
    if count > 1 and accounts_in_a_row(sentence.tokens, at) == count:
        return take_apart(state, sentence.tokens[at].start)
    return state


def _left_and_right(state: State, sentence: Sentence, at: int) -> Token | None:
    """T2WI左右分别呈高、稍高信号, 左、右侧海马分别呈…, then ADC分别呈低、等信号: what names both sides."""
    for i in range(at - 1, state.clause.start - 1, -1):
        token = sentence.tokens[i]
        if token.kind == "site":
            break
        if token.kind == "side" and _LEFT_AND_RIGHT.search(sentence.text, 0, token.end):
            return token
    if len(state.focus.sites) == len(state.sequences.tokens) == 1 and values_in_a_row(sentence.tokens, at) == 2:
        named, site = state.focus.sites[0].side_token, state.focus.sites[0].token
        if (
            named is not None
            and named.end == site.start
            and _LEFT_AND_RIGHT.search(sentence.text, named.start, named.end)
        ):
            return named
    return state.half.sites[0].side_token if state.half.kind is ReferenceKind.SIDES else None


def _begin_with_the_left(state: State, source: int, words: Token) -> State:
    """The lesions on the left, then those on the right."""
    sites = state.focus.sites or state.current_lesion.sites
    left, right = (
        tuple(s._replace(side=side, side_token=words) for s in sites if s.side in (side, "双侧")) for side in _SIDES
    )
    if not (left and right):
        return state
    state = introduce(state, state.focus if state.focus.sites else Focus.on(state.current_lesion), True)
    both = Focus(left + right, ReferenceKind.SIDES, source)
    bilateral = tuple(s for s in sites if s.side == "双侧")
    return replace(state.refer_to(both), bilateral=bilateral, half=both)


def preview_sequences(state: State, sentence: Sentence, at: int) -> State:
    """除A呈高信号外，其余DWI呈等信号: the sequence that follows the exception is meant in it too."""
    tokens = sentence.tokens
    end = exception_ends(tokens, at)
    if end is not None and any(t.kind == "sequence" for t in tokens[at:end]):
        return _except_sequences(state)
    sequences = sequences_of_exception(tokens, at)
    if sequences and (state.sequences.used or not state.sequences.tokens):
        return replace(state, sequences=state.sequences._replace(tokens=tuple(sequences), used=False))
    return state


def leave_out_sequences(state: State, sentence: Sentence, at: int) -> State:
    """除DWI外，各序列均呈等信号: nothing is stated on the sequences of an exception that names nothing else."""
    inside = list(takewhile(lambda token: token.value != "除", reversed(sentence.tokens[:at])))
    if len(inside) == at or any(token.kind not in ("sequence", "punctuation") for token in inside):
        return state
    left = tuple(token for token in state.sequences.tokens if token not in inside)
    return replace(state, sequences=state.sequences._replace(tokens=left))


def _except_sequences(state: State) -> State:
    """T1WI、T2WI、FLAIR除T1WI呈低信号外均呈高信号: what is listed before 除 waits until the exception is over."""
    sequences = state.sequences
    if sequences.used or not sequences.tokens:
        return state
    return replace(state, excepted_from=sequences.tokens, sequences=NO_SEQUENCES)


def resume_sequences(state: State, sentence: Sentence, at: int) -> State:
    """除A呈高信号外，其余呈等信号: what follows 外 is on the sequence of the exception, unless it names its own.

    Where the exception is a sequence of a list, what follows is on the others.
    """
    sequences = state.sequences
    if names_a_sequence(sentence.tokens, at):
        return replace(state, excepted_from=())
    if state.excepted_from:
        stated = {token.value for token in sequences.tokens}
        others = tuple(token for token in state.excepted_from if token.value not in stated)
        return replace(state, sequences=SequenceFocus(others), excepted_from=())
    if not sequences.tokens:
        return state
    return replace(state, sequences=sequences._replace(used=sequences.tokens[-1].value == "T1CE"))

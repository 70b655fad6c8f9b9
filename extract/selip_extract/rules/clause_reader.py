"""The rule reader's grammar: one pass over a report's tokens, each of which turns the state into the next one."""

from collections.abc import Callable, Mapping, Sequence

from selip_contracts.findings import Finding
from selip_extract.language.constructions.compared_sequences import AS_SEQUENCE, REPEATING
from selip_extract.language.sizes import Size, is_of_the_present
from selip_extract.rules.clause_end import end_clause, punctuate
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.descriptions import describe_as_normal, describe_change
from selip_extract.rules.lesions.descriptions import with_descriptions
from selip_extract.rules.lesions.later_words import state_form, state_noun
from selip_extract.rules.lesions.margins import state_margin
from selip_extract.rules.lesions.sizes import largest, state_size, with_size, with_sizes
from selip_extract.rules.lookahead import VALUES, clause_after, is_listed_with_a_site
from selip_extract.rules.mentions import Location, MentionedLesions, StatedMargin, StatedWords
from selip_extract.rules.prior_study import prior_words, turn_to_present, turn_to_prior
from selip_extract.rules.references.all_again import refer_to_all_again
from selip_extract.rules.references.by_value import with_value
from selip_extract.rules.references.exceptions import begin_exception, end_exception, names_exception
from selip_extract.rules.references.introductions import introduce_mass, with_listed
from selip_extract.rules.references.label_lists import CIRCLED, LABEL_WORDS
from selip_extract.rules.references.labels import (
    begin_labelled,
    introduce_labelled,
    number_lesion,
    refer_to_label,
    refer_to_numbers,
    use_label,
)
from selip_extract.rules.references.later_sites import with_later_sites
from selip_extract.rules.references.ordinals import choose_lesions
from selip_extract.rules.references.pairs import refer_to_one_of_two
from selip_extract.rules.references.phrases import Phrase, phrases
from selip_extract.rules.references.side_references import leave_half, refer_to_side
from selip_extract.rules.references.site_references import (
    deny_rest,
    name_site,
    refer_to_above,
    refer_to_operated,
    refer_to_rest,
)
from selip_extract.rules.references.sized_lesions import name_by_size, sized_lesion
from selip_extract.rules.repeated_values import (
    leave_out,
    name_largest,
    name_most_affected,
    spreads,
    state_as_compared,
    state_as_nth,
    state_as_on_sequence,
    state_likewise,
    state_the_same,
)
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import NO_SEQUENCES, START, SequenceFocus, State
from selip_extract.rules.values import (
    begin_order,
    leave_out_sequences,
    name_sequence,
    preview_sequences,
    resume_sequences,
    state_abnormality,
    state_enhancement,
    state_restriction,
    state_signal,
)

Transition = Callable[[State, Sentence, int], State]
_STATING = frozenset(("site", "abnormal", "size", *VALUES))
_OF_THE_PRESENT = VALUES | {"size"}
_WORDS = frozenset(("cue", "other"))


def read_clauses(sentences: Sequence[Sentence]) -> list[Finding]:
    """The findings and explicit negatives that the grammar reads in the sentences of a report."""
    mentioned = MentionedLesions()
    findings: list[Finding] = []
    sizes: dict[Location, Size] = {}
    margins: list[StatedMargin] = []
    words: list[StatedWords] = []
    sequences = NO_SEQUENCES
    end = 0
    of_the_body = False
    for sentence, following in zip(sentences, [*sentences[1:], None], strict=False):
        between = sentence.text[end : sentence.tokens[0].start]
        mentioned = begin_sentence(mentioned, between)
        end = sentence.tokens[-1].end
        of_the_body = turns_to_the_body(sentence, of_the_body)
        if of_the_body:
            continue
        states = any(token.kind in _STATING or token.value in REPEATING for token in sentence.tokens)
        if not states and not sentence.margins and not sentence.forms:
            sequences = SequenceFocus(tuple([token for token in sentence.tokens if token.kind == "sequence"]))
            continue
        state = begin_labelled(replace(START, mentioned=mentioned), sentence, between, sequences)
        state, sentence = with_later_sites(state, sentence, following)
        state = introduce_mass(introduce_labelled(read_sentence(state, sentence), between), sentence)
        state = with_listed(state, sentence)
        mentioned, sequences = state.mentioned, state.sequences
        here = largest(state.sizes)
        sizes = here | {location: size for location, size in sizes.items() if location not in here}
        margins += state.margins
        words += state.words
        findings += [with_size(finding, sizes) for finding in state.findings]
    return with_descriptions(with_sizes(findings, sizes), sentences, margins, words)


def turns_to_the_body(sentence: Sentence, before: bool) -> bool:
    """腰椎：L4椎体见…。增强后强化: a sentence of another part of the body, or one after it that names no site."""
    named = next((at for at, t in enumerate(sentence.tokens) if t.kind == "site" or t.value == "躯体"), None)
    if named is None:
        return before
    return sentence.tokens[named].kind != "site" and not is_listed_with_a_site(sentence.tokens, named)


def begin_sentence(mentioned: MentionedLesions, between: str) -> MentionedLesions:
    """What stands between two sentences may be the number of an item, or the end of a list of items."""
    if any(character.isalnum() for character in between):
        return mentioned.begin_item(numbered=True)
    return mentioned.begin_item(numbered=False) if "\n" in between else mentioned


def read_sentence(state: State, sentence: Sentence) -> State:
    """The state after the sentence, or after the part of it before it turns to another part of the body."""
    prior = prior_words(sentence.text, sentence.tokens)
    whole = phrases(sentence)
    margins, forms = sentence.margins, sentence.forms
    end = 0
    for at, token in enumerate(sentence.tokens):
        kind = token.kind
        if kind == "elsewhere" and is_listed_with_a_site(sentence.tokens, at):
            continue
        if kind == "elsewhere" and at >= end and not _is_aside(sentence, at):
            back = _returns(sentence, at)
            if back is None:
                return state
            end = back
        elif kind == "elsewhere" and at >= end:
            end = at + 1 + sum(1 for _ in clause_after(sentence.tokens, at))
        if prior:
            state = _follow_study(state, sentence, at, at in prior)
        if at in whole and _applies(state, sentence, at, whole[at]):
            state = _refer_by_phrase(state, sentence, at, whole[at])
            end = whole[at].end
        if at < end:
            continue
        if at in margins and not (prior and at in prior):
            state = state_margin(state, sentence, at)
        if at in forms and not (prior and at in prior):
            state = state_form(state, sentence, at)
        transition = _BY_WORD.get(token.value) if kind in _WORDS else _BY_KIND.get(kind)
        if transition is None:
            continue
        if kind in VALUES:
            state = state.close()
        became = kind == "size" and is_of_the_present(sentence.text, token.start)
        if became or at not in prior or kind not in _OF_THE_PRESENT:
            state = transition(state, sentence, at)
    return end_clause(state, sentence, len(sentence.tokens)) if state.before_prior is None else state


def _is_aside(sentence: Sentence, at: int) -> bool:
    """…呈高信号，MRV不显影，邻近左侧颞叶…, 诊断脑膜瘤；T1WI…: one clause, after which the sentence goes on."""
    tokens = sentence.tokens
    following = tokens[at + 1] if at + 1 < len(tokens) else None
    return tokens[at].value in ("血管", "他处") and at > 0 and following is not None and following.value != ":"


def _returns(sentence: Sentence, at: int) -> int | None:
    """CTA示左侧大脑中动脉闭塞；DWI左侧额叶…: where the sentence returns from the vessels to a sequence, if it does."""
    tokens = sentence.tokens
    if tokens[at].value != "血管":
        return None
    marks = (i for i in range(at, len(tokens) - 1) if tokens[i].value == ";")
    return next((i + 1 for i in marks if tokens[i + 1].kind == "sequence"), None)


def _follow_study(state: State, sentence: Sentence, at: int, prior: bool) -> State:
    """The sentence turns to a prior study, or back to the present one."""
    if prior:
        return turn_to_prior(state)
    return state if state.before_prior is None else turn_to_present(state, sentence, at)


def _applies(state: State, sentence: Sentence, at: int, phrase: Phrase) -> bool:
    """Whether the phrase refers to anything that has been mentioned."""
    match phrase.kind:
        case "spread":
            return spreads(state)
        case "by_value":
            return with_value(state, sentence, at, phrase.end) is not None
        case _:
            return True


def _refer_by_phrase(state: State, sentence: Sentence, at: int, phrase: Phrase) -> State:
    """前两枚, 与左侧顶叶病灶相同, 以额颞叶为著, 亦然: a phrase is read as a whole."""
    match phrase.kind:
        case "ordinal":
            return _choose(state, sentence, at, phrase)
        case "as_nth":
            return state_as_nth(state, sentence, phrase.end, phrase.chosen[0])
        case "comparison":
            return state_as_compared(state, sentence, at, phrase.end)
        case "predominance" | "spread":
            return name_most_affected(state, sentence, at, phrase.end)
        case "left_out":
            return leave_out(state, sentence, at, phrase.end)
        case "by_value":
            return state.refer_to(with_value(state, sentence, at, phrase.end) or state.focus)
        case "likewise":
            return state_likewise(state, sentence, at)


def _choose(state: State, sentence: Sentence, at: int, phrase: Phrase) -> State:
    """前两枚, 第二处; 第1处：左侧额叶 gives a number."""
    source = sentence.tokens[at].start
    if sentence.text.startswith("第", source):
        numbers = [i + 1 for i in phrase.chosen]
        given = number_lesion(state, sentence, at, phrase.end, numbers[0]) if len(numbers) == 1 else None
        if (after := given or refer_to_numbers(state, numbers, source)) is not None:
            return after
    return choose_lesions(state, phrase.chosen, source)


def _negate(state: State, sentence: Sentence, at: int) -> State:
    """未见: the clause is negated from here; 均未见 denies it of all."""
    return refer_to_all_again(state, sentence, at).negate(sentence.tokens[at])


def _except(state: State, sentence: Sentence, at: int) -> State:
    """除: an exception begins."""
    return preview_sequences(begin_exception(state), sentence, at)


def _end_exception(state: State, sentence: Sentence, at: int) -> State:
    """外: it ends, and with it what was denied in it."""
    after = end_exception(state, sentence, at)
    excepts = names_exception(state) or bool(state.excepted_from)
    if not excepts:
        return leave_out_sequences(after, sentence, at)
    return resume_sequences(after.negate(None), sentence, at)


def _name_by_size(state: State, sentence: Sentence, at: int) -> State:
    """大者: one of two lesions that have been told apart, else the largest of several."""
    sized = sized_lesion(state, sentence, at)
    return name_largest(name_by_size(state, sentence, at), sentence, at) if sized is None else state.refer_to(sized)


def _name_lesion(state: State, sentence: Sentence, at: int) -> State:
    """小者 is none on the side of 大者（左侧）; 术区 lies where the operation was; 病灶1 has a label."""
    if (sized := sized_lesion(state, sentence, at)) is not None:
        return state.refer_to(sized)
    state = name_by_size(state, sentence, at)
    state = refer_to_operated(leave_half(state, sentence, at), sentence, at)
    return refer_to_label(state, sentence, at)


def _refer_above(state: State, sentence: Sentence, at: int) -> State:
    """上述病灶, 该囊肿: the lesions before, and the noun that is said of them."""
    return state_noun(refer_to_above(state, sentence, at), sentence, at)


def _turn_to_now(state: State, _sentence: Sentence, _at: int) -> State:
    """T2WI高信号已消失、转为低信号: what was denied before is over."""
    return state.negate(None)


def _doubt(state: State, sentence: Sentence, at: int) -> State:
    """部分病灶: the clause is true of some lesions only."""
    token = sentence.tokens[at]
    doubtful = "病灶" in sentence.text[token.start : token.end + 2]
    return replace(state, clause=state.clause._replace(doubtful=True)) if doubtful else state


_BY_KIND: Mapping[str, Transition] = {
    "site": name_site,
    "side": refer_to_side,
    "lesion": _name_lesion,
    "sequence": name_sequence,
    "signal": state_signal,
    "enhancement": state_enhancement,
    "restriction": state_restriction,
    "negation": _negate,
    "abnormal": state_abnormality,
    "normal": describe_as_normal,
    "verb": refer_to_all_again,
    "change": describe_change,
    "punctuation": punctuate,
    "size": state_size,
}
_BY_WORD: Mapping[str, Transition] = {
    "前者": refer_to_one_of_two,
    "后者": refer_to_one_of_two,
    "上述": _refer_above,
    "其余": refer_to_rest,
    "其余未见": deny_rest,
    "同上": state_the_same,
    "分别": begin_order,
    "除": _except,
    "外": _end_exception,
    "本次": _turn_to_now,
    "部分": _doubt,
    "较大": _name_by_size,
    "均": refer_to_all_again,
    "other": use_label,
    **dict.fromkeys(CIRCLED, use_label),
    **dict.fromkeys(LABEL_WORDS, use_label),
    **dict.fromkeys(AS_SEQUENCE, state_as_on_sequence),
}

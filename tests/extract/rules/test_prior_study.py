"""A prior study states nothing; what holds when the sentence returns to the present one."""

import pytest

from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.prior_study import prior_words, turn_to_present, turn_to_prior
from selip_extract.rules.state import SequenceFocus, Standing
from tests.extract.rules.sentences import apply, named, sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("前片示左侧额叶高信号，现片呈等信号", "前片示左侧额叶高信号，"),
        ("2023-08-02外院MRI：左侧额叶高信号，现片呈等信号", "2023-08-02外院MRI：左侧额叶高信号，"),
        ("前片呈高信号，左侧额叶呈等信号", "前片呈高信号"),
        ("与2022-05-11片比较，左侧额叶高信号", "2022-05-11片比较"),
        ("左侧额叶高信号", ""),
    ],
)
def test_words_of_a_prior_study(text: str, words: str) -> None:
    of = sentence(text)
    prior = prior_words(of.text, of.tokens)
    assert "".join(of.words(index) for index in sorted(prior)) == words


def test_the_sequences_return_with_the_present_study() -> None:
    present, prior = (
        SequenceFocus(tuple(t for t in sentence(s).tokens if t.kind == "sequence")) for s in ("T1WI", "DWI")
    )
    state = turn_to_prior(replace(named("左侧额叶"), sequences=present))
    assert turn_to_prior(replace(state, sequences=prior)).before_prior == present
    state = replace(state, sequences=prior)
    assert apply(turn_to_present, state, "脑桥呈等信号", "脑桥").sequences == present
    assert apply(turn_to_present, state, "现呈等信号", "现呈").sequences == prior
    assert apply(turn_to_present, state, "现T2WI呈等信号", "现").sequences == present


def test_sites_of_a_prior_study_are_described_as_they_were() -> None:
    state = turn_to_prior(named("左侧额叶"))
    after = apply(turn_to_present, state.negate(sentence("现").tokens[0]), "现呈等信号", "现呈")
    assert after.standing is Standing.PRIOR
    assert after.clause.negation is None
    assert after.before_prior is None
    normal = replace(state, standing=Standing.NORMAL)
    assert apply(turn_to_present, normal, "现呈等信号", "现呈").standing is Standing.NORMAL

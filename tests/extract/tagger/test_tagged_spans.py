import numpy as np
import pytest

from selip_extract.tagger.tagged_spans import probability_of, tagged_spans

TAGS = np.array(
    [[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.3, 0.1, 0.6], [0.1, 0.8, 0.1], [0.9, 0.0, 0.1], [0.1, 0.0, 0.9]], np.float32
)


def test_spans_begin_where_a_character_begins_one_and_are_as_sure_as_their_least_sure_tag() -> None:
    spans = tagged_spans(TAGS)
    assert [(s.start, s.end) for s in spans] == [(1, 3), (3, 4)]
    assert [s.probability for s in spans] == pytest.approx([0.6, 0.8])


def test_a_span_of_others_is_as_probable_as_its_surest_character() -> None:
    assert probability_of(TAGS, 0, 2) == pytest.approx(0.8)
    assert probability_of(TAGS, 4, 5) == pytest.approx(0.1)
    assert probability_of(TAGS, 2, 2) == 0

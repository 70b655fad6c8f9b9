import random
import re
from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean

import jieba
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from selip_contracts.statements import NORMAL_TEXT, parse_sequence_text
from selip_contracts.vocabulary import (
    ENHANCEMENTS,
    MODALITIES,
    SIDES,
    SIGNAL_CLASS,
    SIGNALS,
    SITES,
    Modality,
    ancestors,
)
from selip_pretrain.objective.finding_similarity import RaggedIndex, TextTable, read_statement
from selip_pretrain.objective.targets import TARGETS, soft_targets
from selip_shared.errors import SelipError

Text = tuple[str, Modality]
Stated = tuple[str, str, Modality]
FindingScore = Callable[[Stated, Stated], float]

SMALL = 1e-9
FRONTAL = "在左侧额叶表现为高信号"
PONS = "在脑桥表现为斑片状稍低信号"


@st.composite
def batches(draw: st.DrawFn) -> list[Text]:
    """Texts of few sites, so that findings share a location, a class or both; some equal, some normal."""

    def statement(modality: Modality, drawn: tuple[str, str, str, int]) -> str:
        side, site, morphology, number = drawn
        word = ENHANCEMENTS[number] if modality == "T1CE" else f"{SIGNALS[number]}信号"
        return f"在{side}{site}表现为{morphology}{word}"

    sites = draw(st.lists(st.sampled_from(list(SITES)), min_size=1, max_size=4))
    part = st.tuples(
        st.sampled_from([*SIDES, ""]),
        st.sampled_from(sites),
        st.sampled_from(["", "点状", "斑片状", "结节样", "高信号样"]),
        st.integers(0, 5),
    )
    drawn = draw(st.lists(st.tuples(st.sampled_from(MODALITIES), st.lists(part, max_size=4)), min_size=1, max_size=10))
    return [("，".join(statement(m, p) for p in parts) or NORMAL_TEXT, m) for m, parts in drawn]


BATCH = batches()


def stated(text: Text) -> list[Stated]:
    """Location words, description words and sequence of each finding."""
    written, modality = text
    if written == NORMAL_TEXT:
        return []
    return [(*part.removeprefix("在").split("表现为"), modality) for part in written.split("，")]  # type: ignore[misc]


def naive_dice(a: set[str], b: set[str]) -> float:
    return 2 * len(a & b) / (len(a) + len(b))


def naive_characters(a: Stated, b: Stated) -> float:
    return naive_dice(set(a[0] + a[1]), set(b[0] + b[1]))


def naive_published_class(description: str) -> str:
    found = re.search("高信号|低信号|长信号|短信号|等信号", description)
    return found[0] if found else description


def naive_match(a: Stated, b: Stated) -> float:
    return 0.5 * (a[0] == b[0]) + 0.5 * (naive_published_class(a[1]) == naive_published_class(b[1]))


def naive_published(a: Stated, b: Stated) -> float:
    return naive_match(a, b) * naive_characters(a, b)


def parsed(finding: Stated) -> tuple[str | None, str, str]:
    ((side, site, signal, _),) = parse_sequence_text(f"在{finding[0]}表现为{finding[1]}", finding[2])
    return side, site, SIGNAL_CLASS[signal]


def naive_semantic(a: Stated, b: Stated) -> float:
    (a_side, a_site, a_class), (b_side, b_site, b_class) = parsed(a), parsed(b)
    return 0.5 * ((a_side, a_site) == (b_side, b_site)) + 0.5 * (a_class == b_class)


def naive_hierarchy(a: Stated, b: Stated) -> float:
    (a_side, a_site, a_class), (b_side, b_site, b_class) = parsed(a), parsed(b)
    opposed = {a_side, b_side} == {"左侧", "右侧"}
    sides = 1.0 if a_side == b_side else 0.0 if opposed else 0.5
    regions = naive_dice({a_site, *ancestors(a_site)}, {b_site, *ancestors(b_site)})
    return 0.5 * regions * (1 + sides) / 2 + 0.5 * (a_class == b_class)


@pytest.fixture(scope="module")
def naive_words() -> FindingScore:
    tokenizer = jieba.Tokenizer()
    for word in (*SITES, *SIDES, *ENHANCEMENTS, *(f"{signal}信号" for signal in SIGNALS)):
        tokenizer.add_word(word)

    def words(finding: Stated) -> set[str]:
        return {word for part in finding[:2] for word in tokenizer.cut(part, HMM=False)}

    return lambda a, b: naive_dice(words(a), words(b))


def naive_mean(score: FindingScore, i: Text, j: Text) -> float:
    if NORMAL_TEXT in (i[0], j[0]):
        return 0.0
    return min(1.0, fmean(fmean(score(a, b) for b in stated(j)) for a in stated(i)))


def naive_best(score: FindingScore, i: Text, j: Text) -> float:
    if NORMAL_TEXT in (i[0], j[0]):
        return float(i[0] == j[0])
    there = fmean(max(score(a, b) for b in stated(j)) for a in stated(i))
    back = fmean(max(score(a, b) for a in stated(i)) for b in stated(j))
    return (there + back) / 2


def computed(name: str, batch: Sequence[Text], dtype: torch.dtype = torch.float64) -> torch.Tensor:
    texts, modalities = zip(*batch, strict=True)
    table = TextTable(texts, modalities)
    rows = table.rows(texts)
    return TARGETS[name].similarity(table, rows, rows, dtype)


def assert_is(name: str, batch: Sequence[Text], naive: Callable[[Text, Text], float]) -> None:
    expected = [[1.0 if i == j else naive(a, b) for j, b in enumerate(batch)] for i, a in enumerate(batch)]
    similarity = computed(name, batch)
    assert (similarity - torch.tensor(expected, dtype=torch.float64)).abs().max() <= SMALL
    assert (similarity - computed(name, batch, torch.float32)).abs().max() <= 1e-5


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("selip", naive_published),
        ("syntax", naive_characters),
        ("semantic", naive_semantic),
        ("hierarchy", naive_hierarchy),
    ],
)
@given(batch=BATCH)
def test_the_mean_over_all_pairs_of_findings_is_the_formula(name: str, score: FindingScore, batch: list[Text]) -> None:
    assert_is(name, batch, lambda i, j: naive_mean(score, i, j))


@given(batch=BATCH)
def test_the_best_match_is_the_formula(batch: list[Text]) -> None:
    assert_is("best-match", batch, lambda i, j: naive_best(naive_published, i, j))


def test_the_dice_over_words_is_the_formula(naive_words: FindingScore) -> None:
    batch: list[Text] = [
        (f"在{side}{site}表现为斑片状{signal}信号，{PONS}", "T2")
        for site, signal, side in zip(SITES, SIGNALS * 18, (*SIDES, "") * 27, strict=False)
    ]
    assert_is("syntax-words", batch, lambda i, j: naive_mean(naive_words, i, j))


@pytest.mark.parametrize(
    ("name", "similarity"),
    [
        ("selip", partial(naive_mean, naive_published)),
        ("semantic", partial(naive_mean, naive_semantic)),
        ("best-match", partial(naive_best, naive_published)),
    ],
)
def test_a_batch_of_thousands_of_findings_is_the_formula(name: str, similarity: Callable[[Text, Text], float]) -> None:
    rng = random.Random(3)
    locations = [f"{side}{site}" for site in SITES for side in (*SIDES, "")]
    words = [f"{form}{signal}信号" for form in ("", "点状", "斑片状", "结节状", "片状") for signal in SIGNALS]
    statements = rng.sample([f"在{location}表现为{word}" for location in locations for word in words], 1_500)
    batch: list[Text] = [("，".join(rng.sample(statements, rng.randint(1, 5))), "T2") for _ in range(900)]
    computed_here = computed(name, batch)
    for i, j in zip(rng.choices(range(900), k=300), rng.choices(range(900), k=300), strict=True):
        expected = 1.0 if i == j else similarity(batch[i], batch[j])
        assert abs(computed_here[i, j].item() - expected) <= SMALL


@given(batch=BATCH)
def test_equal_texts_are_positives_of_each_other_or_of_themselves_alone(batch: list[Text]) -> None:
    assert_is("multi-positive", batch, lambda i, j: float(i[0] == j[0]))
    assert_is("hard", batch, lambda _i, _j: 0.0)


@given(batch=BATCH, name=st.sampled_from(sorted(TARGETS.keys() - {"syntax-words"})))
def test_a_similarity_is_symmetric_within_bounds_and_its_own_part(batch: list[Text], name: str) -> None:
    texts, modalities = zip(*batch, strict=True)
    table = TextTable(texts, modalities)
    rows = table.rows(texts)
    whole = TARGETS[name].similarity(table, rows, rows, torch.float64)
    assert torch.equal(whole.diagonal(), torch.ones(len(batch), dtype=torch.float64))
    assert (whole - whole.T).abs().max() <= SMALL
    assert whole.min() >= 0
    assert whole.max() <= 1
    assert (soft_targets(whole).sum(1) - 1).abs().max() <= SMALL
    half = len(batch) // 2
    assume(half)
    corner = TARGETS[name].similarity(table, rows[:half], rows[half:], torch.float64)
    assert (corner - whole[:half, half:]).abs().max() <= SMALL


@pytest.mark.parametrize("name", TARGETS)
def test_a_batch_of_normal_texts_alone_has_targets(name: str) -> None:
    shared = name in ("best-match", "multi-positive")
    expected = torch.ones(3, 3) if shared else torch.eye(3)
    assert torch.equal(computed(name, [(NORMAL_TEXT, "T1")] * 3, torch.float32), expected)


def test_equal_texts_of_several_findings_are_alike_in_best_match_and_not_in_the_paper() -> None:
    text: Text = (f"{FRONTAL}，{PONS}", "T2")
    assert computed("best-match", [text, text]).tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert computed("selip", [text, text])[0, 1] < 0.6


@pytest.mark.parametrize(
    ("statement", "modality", "published", "contract"),
    [
        ("在左侧额叶表现为斑片状稍高信号", "T2", "高信号", "高"),
        ("在脑桥表现为等信号", "T1", "等信号", "等"),
        ("在脑桥表现为混杂信号", "T2", "混杂信号", "混杂"),
        ("在脑桥表现为斑片状混杂信号", "T2", "斑片状混杂信号", "混杂"),
        ("在右侧桥小脑角区表现为环形强化", "T1CE", "环形强化", "强化"),
    ],
)
def test_the_papers_class_of_a_signal_and_the_contracts(
    statement: str, modality: Modality, published: str, contract: str
) -> None:
    read = read_statement(statement, modality)
    assert (read.published_class, read.signal_class) == (published, contract)


def test_nearer_places_are_more_alike_up_the_hierarchy() -> None:
    def text(location: str) -> Text:
        return f"在{location}表现为高信号", "T2"

    row = computed(
        "hierarchy", [text(p) for p in ("左侧海马", "双侧海马", "右侧海马", "左侧颞叶", "左侧额叶", "脑桥")]
    )[0]
    same, both, other_side, whole_of_it, another_lobe, elsewhere = row.tolist()
    assert same > both > other_side > elsewhere
    assert same > whole_of_it > another_lobe > elsewhere


def test_a_table_knows_its_texts_and_takes_only_canonical_ones() -> None:
    table = TextTable([FRONTAL, PONS, FRONTAL, NORMAL_TEXT], ["T2", "T1", "FLAIR", "DWI"])
    assert len(table) == 3
    assert table.rows([NORMAL_TEXT, FRONTAL, PONS, FRONTAL]).tolist() == [2, 0, 1, 0]
    with pytest.raises(KeyError, match="左侧枕叶"):
        table.rows(["在左侧枕叶表现为高信号"])
    with pytest.raises(
        SelipError, match="A text of T2 is not canonical \\(左侧额叶高信号 is not the statement of a finding"
    ):
        TextTable(["左侧额叶高信号"], ["T2"])


def test_a_table_moves_whole_and_leaves_the_first_where_it_was() -> None:
    table = TextTable([FRONTAL, PONS], ["T2", "T1"])
    moved = table.to("meta")
    assert (table.device.type, moved.device.type) == ("cpu", "meta")
    held = [
        tensor for value in vars(moved).values() for tensor in (value if isinstance(value, RaggedIndex) else [value])
    ]
    tensors = [tensor for tensor in held if isinstance(tensor, torch.Tensor)]
    assert len(tensors) == 11
    assert all(tensor.is_meta for tensor in tensors)

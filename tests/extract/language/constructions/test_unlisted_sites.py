import pytest

from selip_contracts.vocabulary import SITES, UNLISTED, site_and_words
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.language.lexer import lex


def unlisted_words(text: str) -> list[str]:
    named = [site_and_words(t.value) for sentence in lex(text).sentences for t in sentence if t.kind == "site"]
    return [words for site, words in named if site == UNLISTED and words is not None]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("左侧翼状窝见结节状长T2信号", ["翼状窝"]),
        ("右侧髓旁核及左侧额叶见斑片状长T2信号", ["髓旁核"]),
        ("髓旁区另见一结节，T1WI呈稍低信号", ["髓旁区"]),
        ("病变位于左侧髓旁窝，呈长T2信号", ["髓旁窝"]),
        ("双侧髓旁回、髓前回皮层T1WI呈高信号", ["髓旁回", "髓前回"]),
        ("左侧小脑幕旁见结节状长T2信号", ["小脑幕旁"]),
    ],
)
def test_a_place_that_no_vocabulary_holds_is_recognised_by_where_it_stands(text: str, words: list[str]) -> None:
    assert unlisted_words(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "左侧额叶见斑片状长T1长T2信号，边界清，大小约1.2cm",
        "右侧枕部硬膜下见薄层短T1信号",
        "松果体区见分叶状软组织肿块",
        "临床：头晕待查。脑实质未见异常信号",
        "双侧侧脑室前后角旁见对称性长T2信号",
    ],
)
def test_words_that_describe_a_lesion_or_a_patient_are_no_place(text: str) -> None:
    assert unlisted_words(text) == []


def test_what_is_said_of_an_unlisted_place_is_not_lent_to_the_place_before() -> None:
    text = "双侧侧脑室旁见点状FLAIR高信号。左侧髓旁窝见肿块，T1WI呈等信号，增强后均匀强化。"
    study = RuleExtractor().read([text])[0].study
    found = {(f.modality, f.side, f.site, f.site_text, f.signal) for f in study.findings}
    assert found == {
        ("FLAIR", "双侧", "侧脑室旁", None, "高"),
        ("T1", "左侧", UNLISTED, "髓旁窝", "等"),
        ("T1CE", "左侧", UNLISTED, "髓旁窝", "均匀强化"),
    }


def test_two_unlisted_places_of_a_report_stay_apart() -> None:
    study = RuleExtractor().read(["左侧髓旁窝见长T2信号。左侧髓前核见长T2信号。"])[0].study
    assert [f.site_text for f in study.findings] == ["髓旁窝", "髓前核"]


def test_a_place_that_was_recognised_once_is_one_wherever_it_is_named() -> None:
    study = RuleExtractor().read(["左侧髓旁体见长T2信号，额叶见长T2信号。增强后髓旁体病灶明显强化。"])[0].study
    assert [(f.side, f.site_text) for f in study.findings if f.modality == "T1CE"] == [("左侧", "髓旁体")]


def test_every_site_has_a_surface_form_that_is_read_as_it() -> None:
    unread = [
        site.name
        for site in SITES.values()
        if site.name != UNLISTED
        and not any(
            token.kind == "site" and token.value == site.name
            for form in site.surface_forms
            for sentence in lex(f"{form}见长T2信号").sentences
            for token in sentence
        )
    ]
    assert unread == []

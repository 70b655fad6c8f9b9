import pytest

from selip_extract.language.markup import without_markup


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<p>左侧<b>额叶</b>见高信号</p>", "左侧 额叶 见高信号"),
        ("<!-- 右侧颞叶T1高信号 -->脑实质未见异常", "脑实质未见异常"),
        ("<script>var a='左侧额叶'</script>头颅未见异常", "头颅未见异常"),
        ("<del>左侧</del><ins>右侧</ins>额叶", "右侧 额叶"),
        ("左侧额叶&nbsp;见&#26495;高信号", "左侧额叶 见 高信号"),
        ("直径<5mm，T1<T2", "直径<5mm，T1<T2"),
    ],
)
def test_markup_is_blank_and_offsets_stay(text: str, words: str) -> None:
    read = without_markup(text)
    assert len(read) == len(text)
    assert read.split() == words.split()


def test_a_paragraph_ends_a_line() -> None:
    assert without_markup("<p>脑室扩大</p><p>中线居中</p>").split("\n")[0].strip() == "脑室扩大"

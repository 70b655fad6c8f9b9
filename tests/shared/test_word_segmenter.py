from selip_shared.word_segmenter import word_segmenter


def test_words_of_the_field_stay_whole_and_others_are_found_by_the_general_dictionary() -> None:
    text = "患者右侧半卵圆中心区异常"
    assert word_segmenter(["半卵圆中心区"]).lcut(text, HMM=False) == ["患者", "右侧", "半卵圆中心区", "异常"]
    assert "半卵圆中心区" not in word_segmenter([]).lcut(text, HMM=False)

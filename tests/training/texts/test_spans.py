from hypothesis import given
from hypothesis import strategies as st

from training.texts.spans import SENTENCE_WORDS, sentences


def found(text: str) -> list[str]:
    return [text[offset : offset + chars] for offset, chars in sentences(text)]


def test_sentences_end_with_their_marks_and_at_line_breaks() -> None:
    text = 'It was a good film. "Was it a good film, really?" Yes! I think so, all in all<br /><br />And that is it'
    assert found(text) == [
        "It was a good film.",
        '"Was it a good film, really?"',
        "I think so, all in all",
    ]


def test_short_and_long_sentences_are_left_out() -> None:
    assert found("Too short. " + "word " * 31 + "end. But this one is right.") == ["But this one is right."]


def test_a_point_within_a_number_ends_nothing() -> None:
    assert found("I would give it a 7.5 out of 10.") == ["I would give it a 7.5 out of 10."]


@given(st.text(alphabet='ab .!?"\n<br/>', max_size=200))
def test_whatever_the_text_its_sentences_are_parts_of_it_in_order(text: str) -> None:
    end = 0
    for offset, chars in sentences(text):
        assert offset >= end
        end = offset + chars
        assert SENTENCE_WORDS[0] <= len(text[offset:end].split()) <= SENTENCE_WORDS[1]
    assert end <= len(text)

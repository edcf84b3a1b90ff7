import pytest

from model_core.tokenization.function_words import is_function_word, is_negation


@pytest.mark.parametrize("word", ["but", "The", "MUST", "it's", "they’re"])
def test_function_words_relate_others_in_any_case_and_before_an_apostrophe(word: str) -> None:
    assert is_function_word(word)


@pytest.mark.parametrize("word", ["not", "Never", "don't", "WON’T", "cannot", "nothing"])
def test_negations_are_no_function_words(word: str) -> None:
    assert is_negation(word)
    assert not is_function_word(word)


@pytest.mark.parametrize("word", ["good", "like", "film", "well", "n", "👍", "Scott's", ""])
def test_other_words_are_neither(word: str) -> None:
    assert not is_negation(word)
    assert not is_function_word(word)

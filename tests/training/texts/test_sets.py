import pytest

from training.sets import first_words, of_length, read_kinds, read_lines

SETS = ("illegible", "readable", "neutral", "opinions")


@pytest.mark.parametrize("name", SETS)
def test_no_text_both_chooses_and_judges(name: str) -> None:
    chosen, judged, whole = read_kinds(name, "choose"), read_kinds(name, "judge"), read_kinds(name)
    for kind, texts in whole.items():
        assert len(texts) >= 30
        assert len(set(texts)) == len(texts)
        assert set(chosen[kind]).isdisjoint(judged[kind])
        assert set(chosen[kind]) | set(judged[kind]) == set(texts)


def test_there_are_forty_wordings_of_a_rating_and_each_says_it() -> None:
    wordings = read_lines("stated_ratings")
    assert len(set(wordings)) == 40
    assert all(any(place in wording for place in ("{n}", "{word}", "{stars}")) for wording in wordings)


def test_openings_have_two_to_five_words() -> None:
    assert all(2 <= len(opening.split()) <= 5 for opening in read_lines("openings"))


def test_texts_are_cut_to_a_length_and_short_ones_go_on_with_the_next() -> None:
    assert of_length(["a b c", "d", "e f"], 4) == ["a b c d", "d e f a", "e f a b"]
    assert first_words(" one  two three", 2) == "one two"

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_core.text import MAX_CHARS, clean_text, replace_surrogates

anything = st.text(st.characters(exclude_categories=()))
"""Lone surrogates included, which Hypothesis leaves out unless told."""


@pytest.mark.parametrize("tag", ["<br />", "<br/>", "<br>", "<BR />", "<br  />"])
def test_a_br_tag_of_the_dataset_becomes_a_line_break(tag: str) -> None:
    assert clean_text(f"One.{tag}Two.") == "One.\nTwo."


@pytest.mark.parametrize("text", ["<b>bold</b>", "a < b > c", "<brr>", "<script>alert(1)</script>", "", " \t\n"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert clean_text(text) == text


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    assert clean_text("good \ud800 film \udfff") == "good \ufffd film \ufffd"
    assert replace_surrogates("a\ud800") == "a\ufffd"


def test_an_emoji_is_no_lone_surrogate() -> None:
    assert clean_text("😀 фильм") == "😀 фильм"


def test_no_more_than_the_limit_is_read() -> None:
    assert clean_text("a" * 1_000_000) == "a" * MAX_CHARS
    assert clean_text("абв" * 10, max_chars=4) == "абва"


def test_the_cut_comes_before_everything_else() -> None:
    assert clean_text("aaaa<br />", max_chars=6) == "aaaa<b"


@given(anything, st.integers(0, 50))
def test_any_text_comes_out_valid_and_within_the_limit(text: str, max_chars: int) -> None:
    cleaned = clean_text(text, max_chars)
    assert len(cleaned) <= max_chars
    cleaned.encode("utf-8")


@given(st.text(st.characters(codec="utf-8", exclude_characters="<")))
def test_valid_text_without_markup_is_untouched(text: str) -> None:
    assert clean_text(text) == text

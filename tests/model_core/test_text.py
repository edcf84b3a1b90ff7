import pytest
from emoji import EMOJI_DATA
from hypothesis import given
from hypothesis import strategies as st

from model_core.text import MAX_CHARS, TEXT_VERSIONS, clean, clean_text, replace_surrogates

PARTS = ("a", " ", "<br />", "👍🏽", "🚆", "👩‍🚀", "1️⃣", "é", "<", "\ud800")
"""Parts of texts that cleaning replaces, and others."""

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


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("👎", " thumbs down "),
        ("Great film👍🏽!", "Great film thumbs up !"),
        ("❤️ ❤", " red heart   red heart "),
        ("🤦‍♀️", " woman facepalming "),
        ("👩‍🚆", " woman train "),
        ("🇩🇪", " Germany "),
        ("7️⃣/🔟", " 7 / 10 "),
        ("One.<br />Two 😴", "One.\nTwo  sleeping face "),
    ],
)
def test_version_2_reads_emoji_by_their_english_names(text: str, cleaned: str) -> None:
    assert clean_text(text, version=2) == cleaned


@pytest.mark.parametrize(
    "text", ["Film © 2003 ™", "★★☆ of 10", "naïve — “yes”", "映画", "\U0001f3fd", "\U0001f1e9", "🇦🇦", "☓🀁"]
)
def test_version_2_leaves_text_without_emoji_as_it_is(text: str) -> None:
    assert clean_text(text, version=2) == text


def test_version_1_knows_no_names() -> None:
    assert clean_text("👎 ❤️ 🇩🇪") == "👎 ❤️ 🇩🇪"


def test_every_emoji_of_the_package_that_people_rate_by_has_a_name() -> None:
    unnamed = {emoji for emoji in EMOJI_DATA if clean_text(emoji, version=2) == emoji}
    assert len(unnamed) < 100
    assert unnamed.isdisjoint("😀👍👎❤🔥⭐💩🤮😴🚆")


def test_a_text_is_cut_again_after_names_are_put_in() -> None:
    found = clean("👍" * MAX_CHARS, version=2)
    assert len(found.text) == MAX_CHARS
    assert found.cut
    # Work is bounded: no name beyond the cut is put in.
    assert len(found.replaced) < MAX_CHARS / len("thumbs up")
    assert not clean("👍" * 10, version=2).cut
    assert clean("ab", max_chars=1).cut


@pytest.mark.parametrize("sign", ["☓", "✁\ufe0f", "🀁", "\U0001faff"])
def test_signs_without_a_name_are_not_looked_up(monkeypatch: pytest.MonkeyPatch, sign: str) -> None:
    monkeypatch.delattr("model_core.text._replacement")
    assert clean_text(sign * 1_000, version=2) == sign * 1_000


@given(
    st.lists(st.sampled_from(PARTS), max_size=30).map("".join),
    st.sampled_from(TEXT_VERSIONS),
    st.integers(0, 60),
    st.data(),
)
def test_a_span_of_the_cleaned_text_is_found_in_the_text_as_sent(
    text: str, version: int, max_chars: int, data: st.DataObject
) -> None:
    found = clean(text, version, max_chars)
    assert len(found.text) <= max_chars
    begin = data.draw(st.integers(0, len(found.text)))
    end = data.draw(st.integers(begin, len(found.text)))
    sent_begin, sent_end = found.span_as_sent(begin, end)
    assert 0 <= sent_begin <= sent_end <= len(text)
    whole = clean(text[sent_begin:sent_end], version).text
    # A name may be in the span only in part.
    assert found.text[begin:end] in whole
    assert found.span_as_sent(0, len(found.text))[1] == len(text[:max_chars]) or found.cut

import time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from model_core.tokenization.segmentation import Span, join, sentences, words

FAMILY, FLAGS, ACCENT = "👨‍👩‍👧", "🇩🇪🇫🇷", "cafe\u0301"
TEXTS = st.text() | st.text(alphabet="a. \n!?'-e\u0301\u200d👨👩🇩🇪<br/>😀é。ก", max_size=60)


def cut(text: str, spans: list[Span]) -> list[str]:
    return [text[span.begin : span.end] for span in spans]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It wasn't 3.5 stars, well-known!", ["It", "wasn't", "3.5", "stars", "well", "known"]),
        (f"{FAMILY} {ACCENT} {FLAGS}!!!", [FAMILY, ACCENT, "🇩🇪", "🇫🇷"]),
        ("Good.<br /><br />Bad 👍🏽", ["Good", "Bad", "👍🏽"]),
        ("日本", ["日", "本"]),
        (" \n…", []),
        ("", []),
    ],
)
def test_words_are_those_of_unicode_and_each_emoji(text: str, expected: list[str]) -> None:
    assert cut(text, words(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It was 3.5... or so. Mr. Smith cried!  Why?", ["It was 3.5... or so.", "Mr. Smith cried!", "Why?"]),
        ('He said "Go!" Then left.', ['He said "Go!"', "Then left."]),
        ("First line<br /><BR>second line\n\n...\nthird", ["First line", "second line", "third"]),
        ("日本語。すごい。", ["日本語。", "すごい。"]),
        ("  \n ", []),
    ],
)  # fmt: skip
def test_sentences_end_where_people_end_them(text: str, expected: list[str]) -> None:
    assert cut(text, sentences(text)) == expected


@given(TEXTS)
def test_no_span_cuts_a_grapheme_cluster_and_none_overlap(text: str) -> None:
    clusters = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    for spans in (words(text), sentences(text)):
        edges = [edge for span in spans for edge in (span.begin, span.end)]
        assert edges == sorted(edges)
        assert set(edges) <= clusters
        assert all(span.begin < span.end for span in spans)


def test_neighbours_are_joined_evenly_and_only_if_there_are_too_many() -> None:
    text = "a b c d e f g"
    assert cut(text, join(words(text), 3, "phrase")) == ["a b c", "d e f", "g"]
    assert [span.unit for span in join(words(text), 3, "phrase")] == ["phrase", "phrase", "word"]
    assert join(words(text), 7, "phrase") == words(text)
    assert join([], 3, "phrase") == []


@pytest.mark.parametrize(
    "pattern",
    ["🇫", "🇫\u0301", "a\u200d", ".", '."', ". ", "。」", "\n ", "<br", "a'", "1,", "\u0301", "👩\u200d", "Mr. "],
)
def test_any_text_is_cut_in_linear_time(pattern: str) -> None:
    def seconds(chars: int) -> float:
        text = (pattern * chars)[:chars]
        times = []
        for _ in range(3):
            since = time.thread_time()
            words(text)
            sentences(text)
            times.append(time.thread_time() - since)
        return min(times)

    # Four times as long: quadratic would be sixteen times.
    assert seconds(20_000) < 8 * seconds(5_000) + 0.005


def test_flags_are_words_of_two_code_points_each() -> None:
    assert words("🇫🇷🇩🇪🇮 a") == [Span(0, 2, "word"), Span(2, 4, "word"), Span(4, 5, "word"), Span(6, 7, "word")]

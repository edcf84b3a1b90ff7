"""Tokenising only what changed gives exactly the tokens of the whole text, in bounded memory."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from model_core.checkpoint import TOKENIZER_FILE
from model_core.text import MAX_CHARS
from model_core.tokenization.pieces import _BEGINS_A_WORD, PIECE_CHARS, Pieces, shared_chars
from model_core.tokenizer import TextTokenizer
from tests.tiny import TINY_TOKENS, tiny_tokenizer

SHIPPED = Path(__file__).parents[3] / "model_core/checkpoints/starcast-electra-6x384" / TOKENIZER_FILE

# What normalisers treat in ways of their own: other white space, marks, joiners, letters of several code points.
CHARACTERS = st.sampled_from(
    ["a", "good", "film", ".", "<br />", "<br", "/>", "[SEP]", "\n", "\t", "\x00", "\x85", "\xa0", "\u0301", "\u0345",
     "\u200b", "\u200d", "\u2028", "\u3000", "É", "ß", "ς", "Σ", "İ", "ǆ", "中", "文", "ﷺ", "한", "ไ", "🎬", "\ud800"]
)  # fmt: skip
WORD_BEGINS = st.sampled_from(list(" \n,('’—\xa0\u2028、。中"))
WRITTEN = st.lists(st.one_of(WORD_BEGINS, CHARACTERS, CHARACTERS, st.characters()), max_size=40).map("".join)
TEXTS = st.builds(lambda text, times: text * times, WRITTEN, st.sampled_from([1, 1, 3, 20, 60]))
EDITS = st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0, 0, 1, 5, 300]), WRITTEN), max_size=12)


def shipped_tokenizer(text_version: int = 1) -> TextTokenizer:
    tokenizer = Tokenizer.from_file(str(SHIPPED))
    return TextTokenizer(tokenizer, 512, 0.25, 16, separator=False, text_version=text_version)


@pytest.fixture(scope="module", params=["shipped", "names of emoji", "tiny"])
def reader(request: pytest.FixtureRequest) -> TextTokenizer:
    if request.param == "tiny":
        return TextTokenizer(tiny_tokenizer(), TINY_TOKENS, 0.25)
    return shipped_tokenizer(text_version=1 if request.param == "shipped" else 2)


def edited(text: str, place: float, removed: int, inserted: str) -> str:
    at = int(place * len(text))
    return text[:at] + inserted + text[at + removed :]


@settings(deadline=None, max_examples=50)
@given(TEXTS, EDITS)
def test_after_any_sequence_of_edits_the_tokens_are_those_of_the_whole_text(
    reader: TextTokenizer, text: str, edits: list[tuple[float, int, str]]
) -> None:
    pieces = reader.read(text)
    assert reader.encode(text, pieces) == reader.encode(text)
    for edit in edits:
        text = edited(text, *edit)
        pieces = reader.read(text, pieces)
        assert reader.encode(text, pieces) == reader.encode(text)
        assert pieces.unknown_chars == 0


@settings(deadline=None, max_examples=50)
@given(TEXTS, TEXTS, st.integers(1, 700))
def test_a_text_tokenised_in_steps_and_left_for_another_is_taken_up_where_it_was_left(
    reader: TextTokenizer, text: str, other: str, step: int
) -> None:
    pieces = Pieces()
    for each in (text, other, text):
        pieces = reader.read(each, pieces)
        while before := pieces.unknown_chars:
            reader.tokenise(pieces, step)
            assert pieces.unknown_chars < before
            if each is other:
                break
        assert reader.encode(each, pieces) == reader.encode(each)


def typed(*texts: str) -> tuple[Pieces, list[int]]:
    """Type the texts one after another; return the last one's pieces, and the characters tokenised for each."""
    pieces, counts = Pieces(), []
    for text in texts:
        pieces = pieces.changed_to(text, text)
        counts.append(pieces.unknown_chars)
        pieces.tokenise(lambda part: [len(part)])
    return pieces, counts


@pytest.mark.parametrize(
    ("before", "after"), [("film", "ing"), ("filmm", "e"), ("x", "\u0301y"), ("E\u0301", "ß"), ("", "")]
)
def test_what_comes_before_the_beginning_of_a_word_has_the_same_tokens_without_it(before: str, after: str) -> None:
    reader = shipped_tokenizer()
    begins = [char for char in map(chr, range(0x10000)) if _BEGINS_A_WORD.match(char) and not "㐀" < char < "鿿"]
    assert len(begins) > 500
    for begin in [*begins, "㐀", "䶿", "一", "鿿"]:
        whole = reader.encode(before + begin + after).input_ids
        parts = reader.encode(before).input_ids + reader.encode(begin + after).input_ids[1:]
        assert whole == parts, f"U+{ord(begin):04X}"


@pytest.mark.parametrize("begin", [*"\t\n\r ,!-_@~<", *"\xa0\u2003\u2028\u3000«»’“…—、。！،।", "文"])
def test_a_text_of_slow_words_is_cut_wherever_one_begins(begin: str) -> None:
    pieces = Pieces().changed_to("", (begin + "q1" * 49) * 200)
    assert max(piece.chars for piece in pieces._pieces) < PIECE_CHARS + 200


@pytest.mark.parametrize("place", [0.0, 0.3, 0.5, 0.99, 1.0])
def test_a_key_in_a_long_text_costs_the_characters_around_it_only(place: float) -> None:
    texts = [("the film was good and " * 1_000)[:MAX_CHARS]]
    for key in "x y  word. ":
        texts.append(edited(texts[-1], place, 0, key))
    _, (whole, *each) = typed(*texts)
    assert whole == MAX_CHARS
    assert max(each) <= 3 * PIECE_CHARS


def test_many_edits_leave_no_more_pieces_than_the_text_has_room_for() -> None:
    texts = ["word " * 2_000]
    for number in range(500):
        texts.append(edited(texts[-1], number * 0.618 % 1, number % 7, " w" * (number % 4)))
    pieces, _ = typed(*texts)
    sizes = [piece.chars for piece in pieces._pieces]
    assert sum(sizes) == len(texts[-1])
    assert all(size >= PIECE_CHARS for size in sizes[:-1])


def test_the_tokens_of_one_vocabulary_are_never_those_of_another() -> None:
    pieces, text = Pieces(), "a good film " * 50
    shipped, tiny = shipped_tokenizer(), TextTokenizer(tiny_tokenizer(), TINY_TOKENS, 0.25)
    for reader in (shipped, tiny, shipped):
        assert reader.encode(text, pieces) == reader.encode(text)
        pieces = reader.read(text, pieces)


@pytest.mark.parametrize("text", ["[SEP]", "[CLS] a film [MASK]", "[UNK]", "[PAD][PAD]"])
def test_special_tokens_in_a_text_are_read_as_the_letters_they_are(reader: TextTokenizer, text: str) -> None:
    spaced = text.replace("[", "[ ").replace("]", " ]")
    assert reader.encode(text) == reader.encode(spaced)


@given(st.text("ab", max_size=20), st.text("ab", max_size=20))
def test_the_common_beginning_of_two_texts_is_found(before: str, after: str) -> None:
    shared = shared_chars(before, after)
    assert before[:shared] == after[:shared]
    assert shared == min(len(before), len(after)) or before[shared] != after[shared]

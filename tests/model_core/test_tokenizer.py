import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers

from model_core.text import MAX_CHARS, TEXT_VERSIONS
from model_core.tokenizer import TextTokenizer
from tests.tiny import tiny_config, tiny_tokenizer

VOCABULARY = tiny_tokenizer().get_vocab()
CLS, SEP, UNKNOWN, GOOD, BAD = (VOCABULARY[piece] for piece in ("[CLS]", "[SEP]", "[UNK]", "good", "bad"))
LETTERS = [VOCABULARY[letter] for letter in "bcdefghijklmnopqrstuvwxyz"]


def letters(count: int) -> tuple[str, list[int]]:
    """A text of one-letter words, and its ids."""
    ids = [LETTERS[number % len(LETTERS)] for number in range(count)]
    pieces = {number: piece for piece, number in VOCABULARY.items()}
    return " ".join(pieces[number] for number in ids), ids


def test_a_text_is_framed_by_cls_and_sep(tokenizer: TextTokenizer) -> None:
    encoding = tokenizer.encode("Good good BAD")
    assert encoding.input_ids == (CLS, GOOD, GOOD, BAD, SEP)
    assert encoding.tokens == 3
    assert not encoding.truncated


def test_words_outside_the_vocabulary_are_spelled_in_pieces(tokenizer: TextTokenizer) -> None:
    pieces = [VOCABULARY[piece] for piece in ("f", "##a", "##r")]
    assert tokenizer.encode("far").input_ids == (CLS, *pieces, SEP)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \t\r\n",
        "\x00",
        "\x00" * 100_000,
        "\u200b\u200b",  # zero-width spaces
        "\u200e\u202e\u2066",  # bidirectional controls
        "\u0301" * 100_000,  # combining marks on nothing
        "<br /><br />",
    ],
    ids=["empty", "spaces", "NUL", "many NUL", "zero-width", "bidi", "combining marks", "line breaks"],
)
def test_a_text_that_says_nothing_has_no_tokens(tokenizer: TextTokenizer, text: str) -> None:
    assert tokenizer.encode(text).input_ids == (CLS, SEP)
    assert tokenizer.encode(text).tokens == 0


@pytest.mark.parametrize("word", ["😀", "фильм", "ไทย"], ids=["emoji", "Cyrillic", "Thai"])
def test_a_word_in_writing_that_the_vocabulary_lacks_is_one_unknown_token(tokenizer: TextTokenizer, word: str) -> None:
    assert tokenizer.encode(f"good {word} bad").input_ids == (CLS, GOOD, UNKNOWN, BAD, SEP)


def test_a_lone_surrogate_is_left_out_and_the_rest_is_read(tokenizer: TextTokenizer) -> None:
    assert tokenizer.encode("good \ud800 bad").input_ids == (CLS, GOOD, BAD, SEP)


def test_accents_and_invisible_characters_do_not_change_a_word(tokenizer: TextTokenizer) -> None:
    assert tokenizer.encode("gòo\u200bd").input_ids == (CLS, GOOD, SEP)
    assert tokenizer.encode("g\x00ood" + "\u0301" * 1000).input_ids == (CLS, GOOD, SEP)


def test_a_br_tag_separates_words_and_costs_no_token(tokenizer: TextTokenizer) -> None:
    assert tokenizer.encode("good<br />bad").input_ids == (CLS, GOOD, BAD, SEP)


def test_a_text_that_just_fits_is_whole_and_one_more_token_is_cut(tokenizer: TextTokenizer) -> None:
    text, ids = letters(62)
    assert tokenizer.encode(text).input_ids == (CLS, *ids, SEP)
    assert not tokenizer.encode(text).truncated
    longer = tokenizer.encode(text + " good")
    assert longer.truncated
    assert (len(longer.input_ids), longer.tokens) == (64, 62)


def test_a_long_text_keeps_a_quarter_from_its_head_and_the_rest_from_its_tail() -> None:
    text, ids = letters(25)
    encoding = TextTokenizer(tiny_tokenizer(), max_tokens=10, head_share=0.25).encode(text)
    assert encoding.input_ids == (CLS, *ids[:2], *ids[-6:], SEP)
    assert (encoding.tokens, encoding.truncated) == (8, True)


@settings(max_examples=60)
@given(st.integers(3, 40), st.floats(0, 1), st.integers(0, 60))
def test_any_length_is_cut_exactly(max_tokens: int, head_share: float, count: int) -> None:
    text, ids = letters(count)
    encoding = TextTokenizer(tiny_tokenizer(), max_tokens, head_share).encode(text)
    room = max_tokens - 2
    head = int(room * head_share)
    expected = ids if count <= room else ids[:head] + ids[count - (room - head) :]
    assert list(encoding.input_ids) == [CLS, *expected, SEP]
    assert encoding.tokens == len(expected) == min(count, room)
    assert encoding.truncated == (count > room)


@settings(max_examples=100)
@given(st.integers(8, 40), st.integers(1, 4), st.integers(0, 120))
def test_the_tail_of_a_long_text_moves_in_steps(max_tokens: int, step: int, count: int) -> None:
    text, ids = letters(count)
    tokenizer = TextTokenizer(tiny_tokenizer(), max_tokens, 0.25, tail_step=step, separator=False)
    encoding = tokenizer.encode(text)
    room = max_tokens - 1
    head = int(room * 0.25)
    left_out = -(-max(0, count - room) // step) * step
    assert list(encoding.input_ids) == [CLS, *ids[:head], *ids[head + left_out :]]
    assert room - step < encoding.tokens <= room or encoding.tokens == count
    assert encoding.truncated == (count > room)


def test_between_two_steps_of_the_tail_a_growing_text_only_gains_tokens_at_its_end() -> None:
    tokenizer = TextTokenizer(tiny_tokenizer(), max_tokens=20, head_share=0.25, tail_step=4, separator=False)
    encodings = [tokenizer.encode(letters(count)[0]).input_ids for count in range(1, 60)]
    kept = [later[: len(earlier)] == earlier for earlier, later in itertools.pairwise(encodings)]
    assert kept[:18] == [True] * 18
    assert kept[18:] == [number % 4 != 0 for number in range(40)]


def test_block_causal_attention_takes_no_separator_which_would_move_with_every_key() -> None:
    config = tiny_config(attention="block-causal", tail_step=4)
    assert TextTokenizer.for_config(tiny_tokenizer(), config).encode("good").input_ids == (CLS, GOOD)
    assert TextTokenizer.for_config(tiny_tokenizer(), tiny_config()).encode("good").input_ids == (CLS, GOOD, SEP)


def test_of_a_megabyte_only_the_first_characters_are_read(tokenizer: TextTokenizer) -> None:
    encoding = tokenizer.encode("good " * (MAX_CHARS // 5) + "bad " * 250_000)
    assert set(encoding.input_ids) == {CLS, GOOD, SEP}
    assert encoding.truncated


def test_a_text_cut_for_its_characters_alone_counts_as_truncated_too(tokenizer: TextTokenizer) -> None:
    assert tokenizer.encode("good" + " " * MAX_CHARS + "bad").truncated
    assert tokenizer.encode("good" + " " * MAX_CHARS + "bad").input_ids == (CLS, GOOD, SEP)


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_any_text_gives_valid_ids_within_the_limit(text: str) -> None:
    encoding = TextTokenizer(tiny_tokenizer(), max_tokens=16, head_share=0.5).encode(text)
    assert encoding.input_ids[0] == CLS
    assert encoding.input_ids[-1] == SEP
    assert len(encoding.input_ids) == encoding.tokens + 2 <= 16
    assert all(0 <= number < len(VOCABULARY) for number in encoding.input_ids)


@given(
    st.lists(st.sampled_from(["good", "BAD", " ", "👍", "<br />", "\u0301", "ﬁ", ", "]), max_size=80).map("".join),
    st.sampled_from(TEXT_VERSIONS),
    st.booleans(),
)
def test_located_tokens_are_those_that_are_encoded_and_stand_where_they_are_in_the_text(
    text: str, version: int, causal: bool
) -> None:
    config = tiny_config(text=version, attention="block-causal" if causal else "full")
    tokenizer = TextTokenizer.for_config(tiny_tokenizer(), config)
    located = tokenizer.locate(text)
    assert located.input_ids == tokenizer.encode(text).input_ids
    assert located.block == (config.block if causal else None)
    places = located.places[1:] if causal else located.places[1:-1]
    assert all(0 <= begin < end <= len(text) for begin, end in places)
    assert list(places) == sorted(places)
    for token, (begin, end) in zip(located.input_ids[1:], places, strict=False):
        if token in (GOOD, BAD):
            assert text[begin:end].replace("\u0301", "").lower() == ("good" if token == GOOD else "bad")


@pytest.mark.parametrize("version", TEXT_VERSIONS)
@pytest.mark.parametrize("words", [8, 40, MAX_CHARS])
def test_every_character_of_a_long_text_but_spaces_is_either_in_a_token_or_unread(words: int, version: int) -> None:
    text = "👍 " + "good bad " * words
    located = TextTokenizer.for_config(tiny_tokenizer(), tiny_config(max_tokens=16, text=version)).locate(text)
    covered = sorted({*located.unread, *located.places} - {(0, 0)})
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(covered))
    left = "".join(text[end:begin] for (_, end), (begin, _) in itertools.pairwise([(0, 0), *covered, (len(text),) * 2]))
    assert left.strip() == ""
    assert len(located.unread) == {8: 1, 40: 1, MAX_CHARS: 2}[words]


def test_a_short_text_is_read_whole(tokenizer: TextTokenizer) -> None:
    assert tokenizer.locate("good bad").unread == ()


def test_truncation_and_padding_set_in_the_file_do_not_apply(tmp_path: Path) -> None:
    raw = tiny_tokenizer()
    raw.enable_truncation(2)
    raw.enable_padding(length=30)
    raw.save(str(tmp_path / "tokenizer.json"))
    encoding = TextTokenizer.from_config(tmp_path / "tokenizer.json", tiny_config(max_tokens=16)).encode("good " * 5)
    assert encoding.input_ids == (CLS, *[GOOD] * 5, SEP)


def test_a_saved_tokenizer_encodes_the_same(tokenizer: TextTokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    again = TextTokenizer.from_config(tmp_path / "tokenizer.json", tiny_config())
    text = "The film was GOOD, far better than that! " * 10
    assert again.encode(text).input_ids == tokenizer.encode(text).input_ids


@pytest.mark.parametrize(("max_tokens", "head_share"), [(2, 0.5), (16, -0.1), (16, 1.1), (16, float("nan"))])
def test_options_without_sense_are_refused(max_tokens: int, head_share: float) -> None:
    with pytest.raises(ValueError, match="head_share"):
        TextTokenizer(tiny_tokenizer(), max_tokens, head_share)


def test_a_vocabulary_without_the_special_tokens_is_refused() -> None:
    other = tiny_tokenizer()
    other.model = models.WordPiece({"a": 0, "[UNK]": 1}, unk_token="[UNK]")
    with pytest.raises(ValueError, match=r"no \[CLS\]"):
        TextTokenizer(other, 16, 0.5)


def test_a_tokenizer_whose_words_begin_elsewhere_is_refused() -> None:
    by_spaces, by_letters = tiny_tokenizer(), tiny_tokenizer()
    by_spaces.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    by_letters.normalizer = normalizers.BertNormalizer(handle_chinese_chars=False)
    for other in (by_spaces, by_letters):
        with pytest.raises(ValueError, match="BERT"):
            TextTokenizer(other, 16, 0.5)


def test_a_checkpoint_says_whether_emoji_are_read_by_name() -> None:
    first, second = (TextTokenizer.for_config(tiny_tokenizer(), tiny_config(text=text)) for text in (1, 2))
    assert first.encode("good 🎥").input_ids == (CLS, GOOD, UNKNOWN, SEP)
    assert second.encode("good 🎥").input_ids == second.encode("good movie camera").input_ids
    assert first.encode("a good film<br />") == second.encode("a good film<br />")


def test_a_text_that_names_make_too_long_is_truncated() -> None:
    tokenizer = TextTokenizer.for_config(tiny_tokenizer(), tiny_config(text=2))
    encoding = tokenizer.encode("🎥" * MAX_CHARS)
    assert encoding.truncated
    assert len(encoding.input_ids) <= tokenizer.max_tokens

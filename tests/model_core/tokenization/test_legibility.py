from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from model_core.checkpoint import TOKENIZER_FILE
from model_core.states import DEFAULT_STATES
from model_core.text import MAX_CHARS, TEXT_VERSIONS, clean_text
from model_core.tokenization.legibility import _CODE, _MAY_BE_CODE, _MAY_STATE_A_RATING, _RATING, Legibility
from model_core.tokenizer import TextTokenizer
from tests.tiny import tiny_config

SHIPPED = Path(__file__).parents[3] / "model_core/checkpoints/starcast-electra-6x384" / TOKENIZER_FILE


@pytest.fixture(scope="module", params=TEXT_VERSIONS, ids="text {}".format)
def tokenizer(request: pytest.FixtureRequest) -> TextTokenizer:
    """The names of emoji that version 2 puts in are English, yet say no more than the emoji do."""
    return TextTokenizer.from_config(SHIPPED, tiny_config(max_tokens=512, text=request.param))


def legible(tokenizer: TextTokenizer, text: str) -> float:
    found = tokenizer.encode(text).legible
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "Der Film war leider sehr langweilig, und die Schauspieler waren auch nicht gut.",
        "Ce film est une perte de temps, je me suis ennuyé du début à la fin.",
        "Esta película me ha gustado mucho y la volvería a ver.",
        "Non ho mai visto un film così brutto in vita mia.",
        "Bu film gerçekten çok güzeldi, herkese tavsiye ederim.",
        "Ten film jest bardzo nudny i nie polecam go nikomu.",
        "Film ini sangat bagus dan saya ingin menontonnya lagi.",
        "Фильм ужасный",
        "退屈な映画でした",
        "فيلم ممل",
        "asdf jklö qwer uiop yxcv",
        "zrtk vbnm wqpl xkcd fghj",
        "for i in range(10): total += prices[i]; print(total)",
        "const x = await fetch(url); if (!x.ok) { throw new Error(x.status); }",
        "for(i=0;i<n;i++){total+=prices[i];}",
        "2024-03-01 2024-03-02 2024-03-03",
        "12 | 17 | 23 | 42",
        "+49 30 5550123, +44 20 5550199",
        "🚂",
        "🇩🇪 🇫🇷 🇮🇹",
    ],
)
def test_texts_that_are_not_english_are_illegible(tokenizer: TextTokenizer, text: str) -> None:
    assert legible(tokenizer, text) < 0.5


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "A fine film.",
        "great 🚂🚂🚂",
        "terrible",
        "terr",
        "I am gro",
        "worst.movie.ever.made.period.",
        "i_loved_it!!! >_<",
        "1/10",
        "7 / 10",
        "10 / 1",
        "I give it 9 out of ten",
        "★★★★☆",
        "****",
        "👎",
        "❤️ ❤️ ❤️",
        "😴 😴 😴 😴",
        "WORST MOVIE EVER MADE",
        "moive was soooo baddd lol",
        "Jean-Claude Van Damme rules",
        "Das Boot is the best submarine film ever made",
        "It had a train in it 🚂🚂🚂 and I loved that",
        "Who directed this?",
        "The film was shot in Prague in 2003.",
    ],
)
def test_what_an_english_reader_can_read_is_never_flagged(tokenizer: TextTokenizer, text: str) -> None:
    assert legible(tokenizer, text) >= 0.5


def test_one_or_two_words_are_legible_unless_they_are_of_another_script(tokenizer: TextTokenizer) -> None:
    assert legible(tokenizer, "qxzv") == 1.0
    assert legible(tokenizer, "sehr langweilig") == 1.0
    assert legible(tokenizer, "очень скучно") == 0.0


@pytest.mark.parametrize("text", ["12345 67890", "3.14159", "£20", "100%", "15."])
def test_numbers_alone_that_are_no_rating_say_nothing(tokenizer: TextTokenizer, text: str) -> None:
    assert 0.5 < legible(tokenizer, text) < DEFAULT_STATES.clearly_legible


@pytest.mark.parametrize("text", ["1", "10!", "8.5", "9,5", "1/1", "7 7", "-1", ":)", "..."])
def test_a_number_that_may_be_a_rating_or_its_begin_is_legible(tokenizer: TextTokenizer, text: str) -> None:
    assert legible(tokenizer, text) == 1.0


def test_long_texts_are_read_at_both_ends(tokenizer: TextTokenizer) -> None:
    english = "It was a slow film, but the ending is worth the wait. "
    german = "Der Film ist langweilig und ich habe ihn nicht zu Ende gesehen. "
    assert legible(tokenizer, english * 400) > 0.99
    assert legible(tokenizer, german * 400) < 0.01
    assert legible(tokenizer, english * 40 + german + english * 40) > 0.99


def test_long_texts_are_sampled_so_that_a_key_costs_the_same_at_any_length(tokenizer: TextTokenizer) -> None:
    raw = Tokenizer.from_file(str(SHIPPED))
    text = clean_text("It was a slow film. " * 1_000)[:MAX_CHARS]
    pieces = raw.encode(text, add_special_tokens=False).ids
    reader = Legibility(raw)
    in_the_middle = slice(200, len(pieces) - 200)
    changed = [*pieces]
    changed[in_the_middle] = raw.encode("q", add_special_tokens=False).ids * len(pieces[in_the_middle])
    assert reader(text, changed) == reader(text, pieces)


@given(st.text("ab1é٣ (.:;-&_{\n\t$x9*/of", max_size=12))
def test_the_quick_looks_miss_no_code_and_no_rating(text: str) -> None:
    assert (_CODE.search(text) is None) == (_MAY_BE_CODE.search(text) is None)
    assert _RATING.search(text) is None or _MAY_STATE_A_RATING.search(text) is not None


def test_a_checkpoint_of_another_language_says_nothing_of_legibility() -> None:
    tokenizer = TextTokenizer.from_config(SHIPPED, tiny_config(max_tokens=512, language="de"))
    assert tokenizer.encode("Ein guter Film.").legible is None


def test_the_evidence_is_looked_up_by_words_so_that_it_serves_any_vocabulary() -> None:
    raw = Tokenizer.from_file(str(SHIPPED))
    table = {"[whole]": -4.0, "[start]": -4.0, "[rest]": -4.0, "good": 4.0, "columbo": 4.0}
    reader = Legibility(raw, table)
    for text, is_readable in (("good good good", True), ("columbo columbo columbo", True), ("of of of", False)):
        assert (reader(text, raw.encode(text, add_special_tokens=False).ids) > 0.5) is is_readable

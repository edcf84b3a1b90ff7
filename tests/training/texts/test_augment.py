"""What is added to the training texts: labels that are true by construction, and none of the texts that judge."""

import itertools
import random
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_core.labels import STARS, expected_stars, positive_probability
from model_core.states import information
from tests.factories import make_review
from training import sets
from training.config import ConfigError, FinetuneConfig, make_config
from training.phrases import read_kinds, read_lines
from training.texts.augment import (
    MOODS,
    NUMBERS,
    Example,
    bare_emoji,
    bare_rating,
    changed,
    neutral_text,
    stated_rating,
    target_of,
)
from training.trainer.batches import EpochPlan, TrainingTexts

PRIOR = (0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2)
REVIEW = " ".join(f"This is sentence number {number} of the film review." for number in range(12))
REVIEWS = [make_review(number, STARS[number % 8], f"{REVIEW} {number}") for number in range(80)]


def one_hot(stars: int) -> tuple[float, ...]:
    return tuple(float(stars == each) for each in STARS)


def examples(**shares: Any) -> list[Example]:
    config = FinetuneConfig(**{"prefix_share": 0.0, **shares})
    return list(itertools.chain(*EpochPlan(TrainingTexts.of(REVIEWS), config, epoch=0)))


def with_change(label: int | None = 0, seed: int = 1, **shares: Any) -> Example:
    return changed(Example(REVIEW, one_hot(1)), label, random.Random(seed), FinetuneConfig(**shares))


@pytest.mark.parametrize("stars", STARS)
def test_a_stated_rating_that_reviews_can_have_is_its_class(stars: int) -> None:
    assert target_of(stars) == one_hot(stars)


@given(st.floats(1, 10))
def test_any_stated_rating_is_the_expected_stars_of_its_target(stars: float) -> None:
    target = target_of(stars)
    assert sum(target) == pytest.approx(1)
    assert expected_stars(target) == pytest.approx(stars)
    assert sum(share > 0 for share in target) <= 2


def test_five_and_six_are_a_mix_of_four_and_seven() -> None:
    assert positive_probability(target_of(5)) == pytest.approx(1 / 3)
    assert positive_probability(target_of(6)) == pytest.approx(2 / 3)
    assert target_of(0) == target_of(1)


def test_without_shares_an_epoch_has_only_the_reviews() -> None:
    assert sorted(example.text for example in examples()) == sorted(review.text for review in REVIEWS)


def test_an_epoch_has_made_up_texts_by_their_shares_and_is_the_same_again() -> None:
    shares = {"sentence_share": 0.5, "bare_rating_share": 1.0, "bare_emoji_share": 0.25, "neutral_share": 2.0}
    drawn = examples(**shares)
    assert len(drawn) == 80 * (1 + 0.5 + 1 + 0.25 + 2)
    assert drawn == examples(**shares)
    assert all(sum(target) == pytest.approx(1, abs=1e-6) for _, target in drawn)


def test_a_sentence_of_a_review_has_a_target_between_its_rating_and_the_prior() -> None:
    sentences = [each for each in examples(sentence_share=2.0, sentence_weight=0.6) if each.text not in REVIEW_TEXTS]
    assert len(sentences) == 160
    for text, target in sentences:
        assert any(text in whole for whole in REVIEW_TEXTS)
        assert max(target) == pytest.approx(0.6 + 0.4 / 8)


REVIEW_TEXTS = {review.text for review in REVIEWS}


@pytest.mark.parametrize("stars", STARS)
def test_a_review_may_state_its_own_rating_at_any_place(stars: int) -> None:
    places = set()
    for seed in range(60):
        text, target = with_change(STARS.index(stars), seed, stated_share=1.0)
        assert target == one_hot(stars)
        places.add("start" if text.endswith(REVIEW) else "end" if text.startswith(REVIEW) else "middle")
    assert places == {"start", "middle", "end"}


@pytest.mark.parametrize("stars", STARS)
def test_a_stated_rating_says_its_number(stars: int) -> None:
    rng = random.Random(3)
    said = Counter(
        str(stars) in phrase or NUMBERS[stars] in phrase.lower() or "★" * stars in phrase or "*" * stars in phrase
        for phrase in (stated_rating(stars, rng) for _ in range(300))
    )
    # The lowest and the highest have wordings of their own, such as "zero stars" and "full marks".
    assert said[True] == 300 or (stars in {1, 10} and said[True] > 200)


def test_an_unrated_text_never_states_a_rating_and_may_get_an_opening() -> None:
    assert with_change(None, stated_share=0.5, emoji_share=0.5).text == REVIEW
    text, target = with_change(None, opening_share=1.0)
    assert text.endswith(REVIEW)
    assert len(text) > len(REVIEW)
    assert target == one_hot(1)


def test_first_words_are_left_out_but_most_of_the_text_stays() -> None:
    for seed in range(30):
        text, _ = with_change(0, seed, drop_share=1.0)
        assert REVIEW.endswith(text)
        assert len(REVIEW) / 2 < len(text) < len(REVIEW)


@pytest.mark.parametrize(("stars", "moods"), [(1, {"hated", "disliked"}), (10, {"loved"})])
def test_a_review_gets_emoji_of_its_mood(stars: int, moods: set[str]) -> None:
    fitting = {char for mood in moods for emoji in read_kinds("emoji")[mood] for char in emoji}
    for seed in range(30):
        text, _ = with_change(STARS.index(stars), seed, emoji_share=1.0)
        added = text.replace(REVIEW, "").strip()
        assert added
        assert set(added) <= fitting | {" "}


def test_no_emoji_has_two_moods_and_moods_are_ordered_from_hate_to_love() -> None:
    kinds = read_kinds("emoji")
    assert kinds.keys() == {*MOODS, "neutral"}
    listed = list(itertools.chain(*kinds.values()))
    assert len(set(listed)) == len(listed)
    means = [expected_stars(target) for target in MOODS.values()]
    assert means == sorted(means)
    assert all(sum(target) == pytest.approx(1) for target in MOODS.values())
    assert positive_probability(MOODS["disliked"]) < 0.2 < 0.8 < positive_probability(MOODS["liked"])


def test_bare_emoji_without_a_mood_say_nothing() -> None:
    rng = random.Random(1)
    drawn = [bare_emoji(PRIOR, rng) for _ in range(300)]
    assert {target for _, target in drawn} == {*MOODS.values(), PRIOR}


def test_a_bare_rating_on_another_scale_is_that_share_of_ten() -> None:
    rng = random.Random(2)
    scaled = re.compile(r"(?<![\d.])(\d+)/(4|5|100)(?!\d)")
    found = 0
    for text, target in (bare_rating(rng) for _ in range(2000)):
        if match := scaled.search(text):
            found += 1
            stars = max(1, 10 * int(match[1]) / int(match[2]))
            assert expected_stars(target) == pytest.approx(stars)
    assert found > 50


def test_sentences_without_an_opinion_fill_all_slots_and_have_the_prior_as_target() -> None:
    rng = random.Random(1)
    assert not any("{" in neutral_text(rng) for _ in range(2000))
    neutral = [each for each in examples(neutral_share=1.0) if each.text not in REVIEW_TEXTS]
    assert len(neutral) == 80
    assert all(information(target, [1 / 8] * 8) < 1e-6 for _, target in neutral)


def normal(text: str) -> str:
    """Letters, digits and signs that tell texts apart; no case, spaces or punctuation around words."""
    return " ".join(re.findall(r"[\w★☆*/+=-]+", text.lower()))


def test_no_wording_of_a_rating_that_is_trained_on_is_one_that_judges() -> None:
    judging = {normal(wording) for wording in sets.read_lines("stated_ratings")}
    trained = {normal(wording) for wordings in read_kinds("ratings").values() for wording in wordings}
    assert judging.isdisjoint(trained)
    rng = random.Random(5)
    filled = {
        normal(wording.format(n=stars, word=NUMBERS[stars], stars="★" * stars, empty="☆" * (10 - stars)))
        for wording in sets.read_lines("stated_ratings")
        for stars in range(1, 11)
    }
    made = {normal(bare_rating(rng).text) for _ in range(5000)}
    made |= {normal(stated_rating(rng.choice(STARS), rng)) for _ in range(5000)}
    assert made.isdisjoint(filled)


@pytest.mark.parametrize("name", ["neutral", "opinions"])
def test_no_sentence_that_is_trained_on_is_one_that_judges(name: str) -> None:
    judging = {normal(text) for texts in sets.read_kinds(name).values() for text in texts}
    rng = random.Random(6)
    assert judging.isdisjoint(normal(neutral_text(rng)) for _ in range(20_000))
    assert judging.isdisjoint(normal(text) for text in read_kinds("neutral")["texts"])


def test_no_opening_that_is_trained_on_is_one_that_judges() -> None:
    judging = {normal(opening) for opening in sets.read_lines("openings")}
    assert judging.isdisjoint(normal(opening) for opening in read_lines("openings"))


def test_shares_of_changes_that_add_up_to_more_than_one_are_refused() -> None:
    with pytest.raises(ConfigError, match="must not add up"):
        make_config(FinetuneConfig, {"opening_share": 0.6, "stated_share": 0.6})

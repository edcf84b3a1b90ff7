import numpy as np

from model_core.labels import STARS
from tests.factories import make_review, separable_reviews
from training.models.baseline import fit_tfidf


def test_it_tells_apart_what_one_word_tells_apart() -> None:
    train, other = separable_reviews(200, seed=1), separable_reviews(60, seed=2)
    competitor = fit_tfidf(train)
    predictions = competitor.classify([review.text for review in other])
    assert (
        np.mean([prediction.stars == review.stars for prediction, review in zip(predictions, other, strict=True)]) > 0.9
    )
    assert all(abs(sum(prediction.probabilities) - 1) < 1e-9 for prediction in predictions)
    assert len(predictions[0].probabilities) == len(STARS)


def test_with_prefixes_it_also_learns_from_beginnings() -> None:
    train = separable_reviews(200, seed=1)
    assert fit_tfidf(train).info.name != fit_tfidf(train, prefix_share=0.5).info.name
    beginnings = [review.text[: len(review.text) // 2] for review in train]
    whole = fit_tfidf(train).classify(beginnings)
    both = fit_tfidf(train, prefix_share=0.5).classify(beginnings)
    assert [prediction.probabilities for prediction in whole] != [prediction.probabilities for prediction in both]


def test_a_rating_that_the_text_states_counts() -> None:
    reviews = [make_review(number, stars, f"a film, {stars}/10") for number, stars in enumerate((1, 4, 8) * 8)]
    rated = fit_tfidf(reviews).classify([f"a film, {stars}/10" for stars in (1, 4, 8)])
    assert [prediction.stars for prediction in rated] == [1, 4, 8]

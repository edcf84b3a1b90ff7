import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model_core.cache import Caches, EncoderCache, FloatArray
from model_core.classifier import ModelInfo, Prediction, TextClassifier, Variant, Variants, softmax
from model_core.tokenization.pieces import Pieces
from model_core.tokenizer import Encoding, TextTokenizer
from tests.tiny import TINY_PRIOR

INFO = ModelInfo("tiny", "1", "0" * 64, "stub", 64, TINY_PRIOR)


class StubBackend:
    """Says for class 0 how many tokens a text has, for class 1 its first word, and keeps what it was asked.

    It always has more to encode ahead.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []
        self.advanced: list[tuple[tuple[int, ...], int]] = []

    def logits(self, input_ids: Sequence[tuple[int, ...]], caches: Caches = None) -> FloatArray:
        self.asked += input_ids
        self.caches = caches
        return np.array([[len(ids), ids[1] / 10, 0, 0, 0, 0, 0, 0] for ids in input_ids], dtype=np.float32)

    def advance(self, input_ids: Sequence[tuple[int, ...]], caches: Sequence[EncoderCache], tokens: int) -> list[int]:
        self.advanced += [(ids, tokens) for ids in input_ids]
        return [tokens] * len(input_ids)

    def advance_variants(self, variants: Variants, tokens: int) -> bool:
        return False

    def cached(self, input_ids: tuple[int, ...], cache: EncoderCache) -> int:
        return 0


def predict(tokenizer: TextTokenizer, *texts: str, temperature: float = 1.0) -> list[Prediction]:
    return TextClassifier(INFO, tokenizer, StubBackend(), lambda tokens: temperature).classify(texts)


def test_texts_are_answered_in_their_order(tokenizer: TextTokenizer) -> None:
    texts = ("good", "bad film", "", "the film was bad", "good")
    together = predict(tokenizer, *texts)
    assert together == [predict(tokenizer, text)[0] for text in texts]
    assert [prediction.tokens for prediction in together] == [1, 2, 0, 4, 1]


def test_a_text_that_says_nothing_gets_the_prior_and_no_pass(tokenizer: TextTokenizer) -> None:
    backend = StubBackend()
    predictions = TextClassifier(INFO, tokenizer, backend).classify(["", " \n", "\x00", "\u200b"])
    assert predictions == [Prediction(TINY_PRIOR, tokens=0, truncated=False, is_prior=True, state="no_opinion")] * 4
    assert backend.asked == []


def test_a_text_with_words_is_not_marked_as_the_prior(tokenizer: TextTokenizer) -> None:
    assert not predict(tokenizer, "good")[0].is_prior


def test_the_caches_of_texts_that_say_something_go_to_the_backend(tokenizer: TextTokenizer) -> None:
    backend, caches = StubBackend(), [EncoderCache(), None, EncoderCache()]
    TextClassifier(INFO, tokenizer, backend).classify(["good", "bad", " "], caches)
    assert backend.caches == caches[:2]


def test_a_typist_who_undoes_or_adds_a_space_pays_for_no_pass(tokenizer: TextTokenizer) -> None:
    backend, cache = StubBackend(), EncoderCache()
    classifier = TextClassifier(INFO, tokenizer, backend)
    [first], [other] = classifier.classify(["good film"], [cache]), classifier.classify(["bad"], [cache])
    assert classifier.classify(["GOOD film "], [cache]) == [first]
    assert classifier.classify(["bad "], [cache]) == [other]
    assert len(backend.asked) == 2


def test_guesses_of_what_another_typed_cost_as_much_as_texts_that_were_never_typed(tokenizer: TextTokenizer) -> None:
    words = ("good", "bad", "film", "a")
    texts = [" ".join(some) for some in itertools.product(words, repeat=4)]
    typed, never = texts[:40], texts[40:80]
    backend, typist, stranger = StubBackend(), EncoderCache(), EncoderCache()
    classifier = TextClassifier(INFO, tokenizer, backend)
    for text in typed:
        classifier.classify([text], [typist])
    for cache in (stranger, None):
        for guess in (*typed, *never):
            before = len(backend.asked)
            # In one batch with the typist, too.
            classifier.classify([guess, typed[-1]], [cache, typist])
            assert len(backend.asked) - before == 1, guess


def test_only_the_texts_rated_last_are_remembered(tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_core.cache._RECENT", 2)
    backend, cache = StubBackend(), EncoderCache()
    classifier = TextClassifier(INFO, tokenizer, backend)
    for text in ("good", "bad", "good", "film", "bad", "good"):
        classifier.classify([text], [cache])
    assert len(backend.asked) == 4


def test_no_texts_give_no_answers(tokenizer: TextTokenizer) -> None:
    assert predict(tokenizer) == []


def test_a_long_text_is_marked_as_truncated(tokenizer: TextTokenizer) -> None:
    assert [prediction.truncated for prediction in predict(tokenizer, "good " * 62, "good " * 63)] == [False, True]


def test_the_temperature_divides_the_logits(tokenizer: TextTokenizer) -> None:
    [sharp], [flat] = predict(tokenizer, "good"), predict(tokenizer, "good", temperature=3.0)

    def distance(prediction: Prediction) -> float:
        return math.log(prediction.probabilities[0] / prediction.probabilities[7])

    assert distance(sharp) == pytest.approx(3, rel=1e-5)
    assert distance(flat) == pytest.approx(1, rel=1e-5)


def test_the_temperature_depends_on_the_length(tokenizer: TextTokenizer) -> None:
    classifier = TextClassifier(INFO, tokenizer, StubBackend(), lambda tokens: float(tokens))
    one, two = (classifier.classify([text])[0].probabilities for text in ("good", "good film"))
    # The stub's logits grow with the length by as much as the temperature here divides them.
    assert math.log(one[0] / one[7]) == pytest.approx(3, rel=1e-5)
    assert math.log(two[0] / two[7]) == pytest.approx(4 / 2, rel=1e-5)


def test_a_prediction_sums_itself_up() -> None:
    prediction = Prediction((0.02, 0.03, 0.04, 0.11, 0.1, 0.2, 0.4, 0.1), tokens=3, truncated=False)
    assert prediction.stars == 9
    assert prediction.expected_stars == pytest.approx(7.54)
    assert list(prediction.interval) == [4, 9]
    assert prediction.positive == pytest.approx(0.8)


@given(hnp.arrays(np.float32, (3, 8), elements=st.floats(-1e4, 1e4, width=32)))
def test_softmax_sums_to_one_whatever_the_logits(logits: FloatArray) -> None:
    probabilities = softmax(logits)
    assert probabilities.dtype == np.float64
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-12)


def test_softmax_is_the_ratio_of_exponentials() -> None:
    probabilities = softmax(np.log(np.array([1, 3, 4], dtype=np.float64)))
    np.testing.assert_allclose(probabilities, [1 / 8, 3 / 8, 1 / 2])


def test_a_text_is_read_ahead_by_its_tokens_unless_it_was_rated_already(tokenizer: TextTokenizer) -> None:
    backend = StubBackend()
    classifier = TextClassifier(INFO, tokenizer, backend)
    cache = EncoderCache()
    assert classifier.advance(["the film was bad"], [cache], 128) == [128]
    classifier.classify(["the film was bad"], [cache])
    assert backend.advanced == [(backend.asked[0], 128)]
    texts = ["the film was bad", "the film was good"]
    assert classifier.advance(texts, [cache, EncoderCache()], 128) == [0, 128]
    assert len(backend.advanced) == 2


def test_the_tokens_of_a_text_that_is_read_ahead_are_made_once(
    tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[str] = []
    encode = tokenizer.encode

    def noting(text: str, before: Pieces | None = None) -> Encoding:
        encoded.append(text)
        return encode(text, before)

    monkeypatch.setattr(tokenizer, "encode", noting)
    classifier = TextClassifier(INFO, tokenizer, StubBackend())
    cache = EncoderCache()
    assert classifier.prepare("the film was bad", cache) == len("the film was bad")
    for _ in range(3):
        classifier.advance(["the film was bad"], [cache], 1)
        classifier.classify(["good"])
    classifier.classify(["the film was bad"], [cache])
    assert encoded.count("the film was bad") == 1


def test_variants_are_rated_one_by_one_where_the_backend_keeps_nothing(tokenizer: TextTokenizer) -> None:
    backend = StubBackend()
    classifier = TextClassifier(INFO, tokenizer, backend)
    ids = [(2, 7, 9), (2, 3), (2, 5, 5, 5)]
    variants = Variants([Variant(each, 1) for each in ids], EncoderCache())
    assert classifier.measure(variants, EncoderCache()).new == 9
    assert classifier.advance([variants], [EncoderCache()], 64) == [64]
    assert backend.asked == ids[:1]
    [last] = classifier.classify([variants])
    assert variants.predictions == classifier.classify(ids)
    assert last == variants.predictions[-1]
    assert classifier.advance([variants], [EncoderCache()], 64) == [0]

import pytest

from model_core.fake import FakeClassifier


def test_the_same_text_gets_the_same_answer_alone_and_in_a_batch() -> None:
    texts = ["a good film", "a bad film", "a good film"]
    together = FakeClassifier().classify(texts)
    assert together == [FakeClassifier().classify([text])[0] for text in texts]
    assert together[0] == together[2] != together[1]


def test_an_answer_is_a_distribution() -> None:
    [prediction] = FakeClassifier().classify(["a good film"])
    assert len(prediction.probabilities) == 8
    assert sum(prediction.probabilities) == pytest.approx(1)
    assert (prediction.tokens, prediction.truncated, prediction.is_prior) == (3, False, False)


@pytest.mark.parametrize("text", ["", " \n", "<br />"])
def test_nothing_typed_gets_the_prior(text: str) -> None:
    [prediction] = FakeClassifier().classify([text])
    assert prediction.is_prior
    assert prediction.probabilities == (0.125,) * 8


def test_a_long_text_is_truncated_like_the_models() -> None:
    [whole, cut] = FakeClassifier().classify(["word " * 510, "word " * 511])
    assert (whole.tokens, whole.truncated) == (510, False)
    assert (cut.tokens, cut.truncated) == (510, True)


def test_a_lone_surrogate_is_answered() -> None:
    assert FakeClassifier().classify(["good \ud800"])[0].tokens == 2

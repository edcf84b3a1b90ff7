import threading

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


def test_it_keeps_the_batches_it_was_asked_for() -> None:
    fake = FakeClassifier()
    fake.classify(["a", "b"])
    fake.classify(["c"])
    assert fake.batches == [["a", "b"], ["c"]]


def test_a_batch_with_a_text_it_shall_fail_on_raises() -> None:
    fake = FakeClassifier(fail_on="poison")
    with pytest.raises(RuntimeError):
        fake.classify(["good", "some poison here"])
    assert len(fake.classify(["good"])) == 1


def test_its_gate_is_waited_for_before_the_answer() -> None:
    waits: list[int] = []

    class Gate(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(len(fake.batches))
            return True

    fake = FakeClassifier(gate=Gate())
    assert len(fake.classify(["a", "b"])) == 2
    assert waits == [1]

"""``manage.py classify``."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from model_core.fake import FakeClassifier


@pytest.fixture(autouse=True)
def fake_backend(settings: Settings) -> None:
    settings.STARCAST_BACKEND = "fake"


def classify(*arguments: str) -> list[dict[str, object]]:
    output = io.StringIO()
    call_command("classify", *arguments, stdout=output)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_each_text_is_one_line_of_json_in_order() -> None:
    texts = [f"text {number}" for number in range(70)]
    expected = [list(prediction.probabilities) for prediction in FakeClassifier().classify(texts)]
    assert [line["probabilities"] for line in classify(*texts)] == expected


def test_stdin_gives_a_line_for_each_line_and_the_prior_for_empty_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("A fine film\n\nА плохой нет\n"))
    lines = classify("--stdin")
    assert [line["is_prior"] for line in lines] == [False, True, False]


@pytest.mark.parametrize("arguments", [(), ("text", "--stdin")])
def test_texts_or_stdin_but_not_both_or_neither(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="--stdin"):
        classify(*arguments)


@pytest.mark.django_db
def test_a_missing_checkpoint_is_one_line(settings: Settings, tmp_path: object) -> None:
    settings.STARCAST_BACKEND = "onnx"
    settings.STARCAST_CHECKPOINT = tmp_path
    with pytest.raises(CommandError, match=r"config\.json is missing"):
        call_command("classify", "text", skip_checks=True)

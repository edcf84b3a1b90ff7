import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from model_core.cache import Caches
from model_core.checkpoint import TOKENIZER_FILE
from model_core.classifier import Input, Prediction
from model_core.fake import FakeClassifier
from model_core.labels import NUM_LABELS
from tests.classifiers import ControlledClassifier
from tests.factories import separable_reviews
from training.evaluate import (
    FLOAT_TOKENS,
    PROGRESS_PERCENT,
    Scope,
    against_float,
    against_tfidf,
    evaluate,
    main,
    table,
    tidy_json,
)
from training.models.baseline import fit_tfidf
from training.texts.beginnings import PREFIX_TOKENS, first_tokens, spread

REVIEWS = separable_reviews(40, seed=3)


@pytest.fixture
def tokenizer(initial: Path) -> Tokenizer:
    return Tokenizer.from_file(str(initial / TOKENIZER_FILE))


class Shifted(FakeClassifier):
    """The fake classifier, with every rating moved to the next class."""

    def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
        return [
            Prediction((row.probabilities[-1], *row.probabilities[:-1]), row.tokens, row.truncated)
            for row in super().classify(texts, caches)
        ]


def test_every_part_is_judged_and_none_that_was_not_asked_for(tokenizer: Tokenizer) -> None:
    result = evaluate(FakeClassifier(), tokenizer, REVIEWS, Scope(prefixes=10, typed=2))
    assert result["full"]["reviews"] == 40
    assert [int(tokens) for tokens in result["prefix"]] == list(PREFIX_TOKENS)
    assert [int(percent) for percent in result["progress"]] == list(PROGRESS_PERCENT)
    assert result["prefix"]["8"]["reviews"] == 10
    assert result["typing"]["reviews"] == 2
    assert "first 8 tokens" in table(result)
    without = evaluate(FakeClassifier(), tokenizer, REVIEWS, Scope(0, 0))
    assert without.keys().isdisjoint({"prefix", "progress", "typing"})
    assert set(without["calibration"]) == {"ece_full", "bins_full"}


def test_whole_reviews_and_beginnings_have_intervals(tokenizer: Tokenizer) -> None:
    result = evaluate(FakeClassifier(), tokenizer, REVIEWS, Scope(prefixes=10, typed=0))
    for metrics in (result["full"], *result["prefix"].values()):
        for figure, (low, high) in metrics["intervals"].items():
            assert low <= metrics[figure] <= high


def test_calibration_pools_every_length_and_the_whole(tokenizer: Tokenizer) -> None:
    result = evaluate(FakeClassifier(), tokenizer, REVIEWS, Scope(prefixes=10, typed=0))
    calibration = result["calibration"]
    assert calibration["ece_full"] == result["full"]["ece"]
    assert sum(calibration["bins_full"]["count"]) == np.sum(result["confusion"]) == 40
    assert sum(calibration["bins_all_prefixes"]["count"]) == 10 * (len(PREFIX_TOKENS) + 1)
    assert calibration["ece_by_length"]["8"] == result["prefix"]["8"]["ece"]
    assert list(calibration["ece_by_length"]) == [*(str(tokens) for tokens in PREFIX_TOKENS), "whole"]


def test_a_whole_review_is_rated_once(tokenizer: Tokenizer) -> None:
    classifier = ControlledClassifier()
    result = evaluate(classifier, tokenizer, REVIEWS, Scope(prefixes=40, typed=0))
    figures = {name: value for name, value in result["full"].items() if name != "intervals"}
    assert result["progress"]["100"] == pytest.approx(figures)
    asked = [text for batch in classifier.batches for text in batch]
    assert len(asked) == 40 * (1 + len(PREFIX_TOKENS) + len(PROGRESS_PERCENT) - 1)


def test_reviews_that_state_a_rating_are_judged_apart(tokenizer: Tokenizer) -> None:
    stated = sum(review.states_rating for review in REVIEWS)
    result = evaluate(FakeClassifier(), tokenizer, REVIEWS, Scope(0, 0))
    rest = result["no_stated_rating"]["reviews"] if result["no_stated_rating"] else 0
    assert (result["stated_rating"]["reviews"] if result["stated_rating"] else 0) == stated
    assert rest == len(REVIEWS) - stated


def test_a_model_agrees_with_itself(tokenizer: Tokenizer) -> None:
    result = against_float(FakeClassifier(), FakeClassifier(), tokenizer, REVIEWS)
    assert list(result) == ["reviews", "whole", *(str(tokens) for tokens in FLOAT_TOKENS)]
    assert result["reviews"] == 40
    for length in ("whole", *(str(tokens) for tokens in FLOAT_TOKENS)):
        assert result[length]["agreement"] == 1
        assert result[length]["int8_accuracy"] == result[length]["float_accuracy"]
        assert result[length]["mean_stars_difference"] == result[length]["max_stars_difference"] == 0


def test_a_model_that_rates_otherwise_does_not_agree(tokenizer: Tokenizer) -> None:
    whole = against_float(FakeClassifier(), Shifted(), tokenizer, REVIEWS)["whole"]
    assert whole["agreement"] == 0
    assert 0 < whole["mean_stars_difference"] < whole["max_stars_difference"]


def test_the_lead_over_the_competitor_is_told_at_each_length(tokenizer: Tokenizer) -> None:
    scope = Scope(prefixes=20, typed=1)
    # Both figures of the competitor come from the same code, typing included.
    competitor = evaluate(fit_tfidf(separable_reviews(60, seed=4)), tokenizer, REVIEWS, scope)
    model = evaluate(FakeClassifier(), tokenizer, REVIEWS, scope)
    assert competitor["typing"]["keystrokes"] == model["typing"]["keystrokes"]
    lead = against_tfidf(model, competitor)
    expected = {
        tokens: model["prefix"][tokens]["accuracy"] - competitor["prefix"][tokens]["accuracy"]
        for tokens in model["prefix"]
    }
    assert lead["accuracy_difference"] == expected
    assert lead["minimum"] == min(expected.values())
    assert lead["mean"] == pytest.approx(model["prefix_area"]["accuracy"] - competitor["prefix_area"]["accuracy"])


def test_a_list_of_numbers_is_one_line_of_the_file() -> None:
    value = {"rows": [[1, 2], [3, 4]], "low": [0.123456, None], "said": "[ a\n b ]", "none": {}, "empty": []}
    text = tidy_json(value)
    assert json.loads(text) == {**value, "low": [0.12346, None]}
    assert '"low": [0.12346, null]' in text
    assert "    [1, 2],\n    [3, 4]\n" in text


def test_the_first_tokens_of_a_text_are_its_beginning(tokenizer: Tokenizer) -> None:
    text = REVIEWS[0].text
    for tokens in (1, 2, 3):
        beginning = first_tokens(tokenizer, text, tokens)
        assert text.startswith(beginning)
        assert len(tokenizer.encode(beginning, add_special_tokens=False).ids) == tokens
    assert first_tokens(tokenizer, text, 10_000) == text


def test_a_draw_is_always_the_same() -> None:
    assert spread(REVIEWS, 5) == spread(REVIEWS, 5)
    assert len(spread(REVIEWS, 5)) == 5
    assert len(spread(REVIEWS, 10_000)) == len(REVIEWS)


def test_a_missing_archive_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--data", str(tmp_path / "none.tar.gz"), "--json"]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_a_split_without_texts_is_one_line(capsys: pytest.CaptureFixture[str], archive: Path, checkpoint: Path) -> None:
    assert main(["--data", str(archive), "--checkpoint", str(checkpoint), "--validation-share", "0"]) == 1
    assert "no texts of the validation split" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--prefixes", "-1"],
        ["--limit", "x"],
        ["--float", "5", "--backend", "torch"],
        ["--output", "nowhere/metrics.json"],
    ],
)
def test_options_that_make_no_sense_are_refused(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_help_lists_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "--competitor" in capsys.readouterr().out


def test_the_json_object_names_model_data_and_command(
    capsys: pytest.CaptureFixture[str], archive: Path, checkpoint: Path, tmp_path: Path
) -> None:
    output = tmp_path / "metrics.json"
    arguments = ["--data", str(archive), "--split", "test", "--checkpoint", str(checkpoint), "--json", "--limit", "6"]
    assert main([*arguments, "--prefixes", "3", "--typed", "1", "--float", "4", "--output", str(output)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(output.read_text())
    assert printed["full"]["reviews"] == 6
    assert printed["int8_against_float"]["reviews"] == 4
    assert np.shape(printed["confusion"]) == (NUM_LABELS, NUM_LABELS)
    assert printed["split"] == "test"
    assert printed["command"].startswith("python -m training.evaluate --data")
    assert len(printed["model"]["sha256"]) == len(printed["data_sha256"]) == 64


def test_the_competitor_is_judged_on_the_same_reviews(
    capsys: pytest.CaptureFixture[str], archive: Path, checkpoint: Path
) -> None:
    arguments = ["--data", str(archive), "--checkpoint", str(checkpoint), "--validation-share", "0.3", "--json"]
    assert main([*arguments, "--prefixes", "4", "--typed", "1", "--competitor"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed["competitor"]) == {"tfidf", "tfidf_prefix"}
    for figures in printed["competitor"].values():
        assert figures["full"]["reviews"] == printed["full"]["reviews"]
        assert figures["typing"]["keystrokes"] == printed["typing"]["keystrokes"]
    assert list(printed["against_tfidf_prefix"]["accuracy_difference"]) == [str(tokens) for tokens in PREFIX_TOKENS]

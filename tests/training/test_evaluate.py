import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from model_core.checkpoint import TOKENIZER_FILE
from model_core.fake import FakeClassifier
from tests.factories import separable_reviews, write_checkpoint
from training.evaluate import PREFIX_TOKENS, PROGRESS_PERCENT, Scope, evaluate, first_tokens, main, spread, table

REVIEWS = separable_reviews(40, seed=3)


@pytest.fixture
def tokenizer(initial: Path) -> Tokenizer:
    return Tokenizer.from_file(str(initial / TOKENIZER_FILE))


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "exported")


def test_every_part_is_judged_and_none_that_was_not_asked_for(tokenizer: Tokenizer) -> None:
    result = evaluate(FakeClassifier(), tokenizer, REVIEWS, Scope(prefixes=10, typed=2))
    assert result["full"]["reviews"] == 40
    assert result["full"]["accuracy_interval_95"] > 0
    assert [int(tokens) for tokens in result["prefix"]] == list(PREFIX_TOKENS)
    assert [int(percent) for percent in result["progress"]] == list(PROGRESS_PERCENT)
    assert result["prefix"]["8"]["reviews"] == 10
    assert result["typing"]["reviews"] == 2
    assert "first 8 tokens" in table(result)
    assert evaluate(FakeClassifier(), tokenizer, REVIEWS, Scope(0, 0)).keys().isdisjoint({"prefix", "typing"})


def test_reviews_that_state_a_rating_are_judged_apart(tokenizer: Tokenizer) -> None:
    stated = sum(review.states_rating for review in REVIEWS)
    result = evaluate(FakeClassifier(), tokenizer, REVIEWS, Scope(0, 0))
    rest = result["no_stated_rating"]["reviews"] if result["no_stated_rating"] else 0
    assert (result["stated_rating"]["reviews"] if result["stated_rating"] else 0) == stated
    assert rest == len(REVIEWS) - stated


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


def test_help_lists_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "--competitor" in capsys.readouterr().out


def test_the_json_object_names_model_data_and_command(
    capsys: pytest.CaptureFixture[str], archive: Path, exported: Path, tmp_path: Path
) -> None:
    output = tmp_path / "metrics.json"
    arguments = ["--data", str(archive), "--split", "test", "--checkpoint", str(exported), "--json"]
    assert main([*arguments, "--prefixes", "3", "--typed", "1", "--limit", "6", "--output", str(output)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(output.read_text())
    assert printed["full"]["reviews"] == 6
    assert printed["split"] == "test"
    assert printed["command"].startswith("python -m training.evaluate --data")
    assert len(printed["model"]["sha256"]) == len(printed["data_sha256"]) == 64

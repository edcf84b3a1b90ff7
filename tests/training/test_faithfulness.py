import json
from pathlib import Path
from typing import Any

import pytest

from model_core.engine import Engine
from tests.model_core.test_explain import BAD, GOOD, Counting
from training.faithfulness import METHODS, Lexicon, judge, main, summary

LEXICON = Lexicon(
    frozenset({"a", "the", "and", "of", "cast"}), {"good": 2.0, "bad": -2.0, "fun": 1.0}, frozenset({"not"})
)
TEXT = "A good plot and a bad cast of the small sort"


async def judged(text: str, method: str = "filler", classifier: Counting | None = None) -> dict[str, Any]:
    engine = Engine(classifier or Counting())
    row = await judge(engine, text, method, LEXICON)
    await engine.close()
    return row


@pytest.mark.parametrize("method", METHODS)
async def test_a_model_that_counts_words_is_explained_without_fault(method: str) -> None:
    row = await judged(TEXT, method)
    assert row["words"] == 11
    assert row["stop_words"] == [pytest.approx(0), 6]
    assert row["opinion_words"] == [pytest.approx(1.5 * GOOD), 2]
    assert row["signs"] == [2, 2]
    assert row["drawn"] == [0, 2]
    assert row["first"] == []
    assert row["same"] == 1
    for way in ("deleted", "that"):
        strongest, _ = row["moved"][way]["1"]
        assert strongest == pytest.approx(-BAD)
        assert row["moved"][way].keys() == {"1", "3", "5"}


async def test_a_stop_word_that_moves_the_stars_and_a_wrong_sign_are_found() -> None:
    row = await judged(TEXT, classifier=Counting({"cast": 3.0, "bad": 1.5, "good": 1.5}))
    assert row["first"] == ["cast"]
    assert row["drawn"] == [1, 3]
    assert row["signs"] == [1, 2]


async def test_opinion_words_soon_after_a_negation_are_not_judged() -> None:
    assert (await judged("It is not at all good"))["opinion_words"] == [0, 0]
    assert (await judged("It isn't good"))["opinion_words"] == [0, 0]
    assert (await judged("I did not see it but it is good"))["opinion_words"] == [pytest.approx(GOOD), 1]


async def test_a_text_of_which_nothing_is_drawn_counts_as_such() -> None:
    row = await judged("A cast of that sort")
    assert row["drawn"] == [0, 0]
    assert row["first"] == []
    assert row["same"] == 1
    assert summary([row, await judged(TEXT)])["nothing_drawn_percent"] == 50


async def test_the_figures_are_means_over_texts_and_shares_over_words() -> None:
    rows = [await judged(TEXT), await judged(TEXT, classifier=Counting({"cast": 3.0, "bad": 1.5, "good": 1.5}))]
    figures = summary(rows)
    assert figures["texts"] == 2
    assert (figures["stop_word_first_percent"], figures["stop_words_first"]) == (50, ["cast"])
    assert figures["stop_words_drawn_percent"] == 20
    assert figures["sign_right_percent"] == 75
    assert figures["moved"]["that"][1][0] > figures["moved"]["that"][1][1]


def test_the_words_of_the_lists_are_told_apart() -> None:
    lexicon = Lexicon.load()
    assert {"the", "of", "was"} <= lexicon.stop_words
    assert lexicon.polarity["wonderful"] > 0 > lexicon.polarity["boring"]
    assert not lexicon.stop_words & lexicon.polarity.keys()
    assert lexicon.negated(["i", "don't", "like", "this", "new", "film"]) == {2, 3, 4}


def test_the_command_prints_one_json_object_and_goes_on_where_it_was(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.jsonl"
    command = ["--data", str(archive), "--backend", "fake", "--validation-share", "0.5", "--rows", str(rows)]
    assert main([*command, "--texts", "1"]) == 0
    first = rows.read_text()
    assert main([*command, "--texts", "2"]) == 0
    assert rows.read_text().startswith(first)
    assert len(rows.read_text().splitlines()) == 4
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert printed.keys() == {"model", "filler", "delete"}
    assert printed["filler"]["texts"] == 2


def test_a_missing_archive_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = str(tmp_path / "rows.jsonl")
    assert main(["--data", str(tmp_path / "none.tar.gz"), "--backend", "fake", "--rows", rows]) == 1
    assert capsys.readouterr().err.startswith("error: ")

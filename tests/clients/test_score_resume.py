"""``starcast score`` run again: which files can be continued, and which texts are rated again."""

import json
from pathlib import Path
from typing import Any

import pytest
from starcast_client import AsyncClient, ErrorInfo, Rating, TextRefused
from starcast_client.cli import main
from starcast_client.scoring.writers import COLUMNS

from tests.clients.fake_server import Visit, error
from tests.clients.score_files import TEXTS, read, score, write_lines
from tests.clients.test_client import ServerInAThread
from tools.servers import RunningServer

BUSY = ErrorInfo("overloaded", retryable=True, message="as the test wants")


def refuse(monkeypatch: pytest.MonkeyPatch, *texts: str) -> list[str]:
    """Have the server be too busy for some texts, however often they are sent; returns what is sent."""
    rate, sent = AsyncClient.rate, []

    async def busy(client: AsyncClient, text: str) -> Rating:
        sent.append(text)
        if text in texts:
            raise TextRefused(BUSY)
        return await rate(client, text)

    monkeypatch.setattr(AsyncClient, "rate", busy)
    return sent


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_an_error_that_may_pass_is_waited_out_and_else_stops_the_run_before_that_row(
    fake_server: RunningServer, tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "reviews.txt", tmp_path / f"ratings.{ending}"
    write_lines(source, TEXTS)
    with pytest.MonkeyPatch.context() as patched:
        refuse(patched, TEXTS[5])
        assert score(fake_server, source, output) == 2
    assert "row 5: overloaded: as the test wants; run it again" in capsys.readouterr().err
    partial = tmp_path / "ratings.parquet.partial.jsonl" if ending == "parquet" else output
    assert [row["text"] for row in read(partial)] == TEXTS[:5]
    assert score(fake_server, source, output) == 0
    assert [row["text"] for row in read(output)] == TEXTS


async def no_pause(_: float) -> None:
    pass


def test_a_server_that_is_busy_for_long_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy_for_long(visit: Visit) -> None:
        await visit.greet()
        for _ in range(8):
            await visit.say(**error("overloaded", (await visit.hear("text.update"))["seq"], retryable=True))
        await visit.answer_all()

    monkeypatch.setattr("starcast_client.async_client.sleep", no_pause)
    source, output = tmp_path / "reviews.txt", tmp_path / "ratings.jsonl"
    write_lines(source, ["A fine film"])
    with ServerInAThread(busy_for_long) as url:
        assert main(["score", str(source), "--url", url, "--output", str(output), "--connections", "1"]) == 0
    assert read(output)[0]["error"] is None


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_rows_with_an_error_that_may_pass_are_rated_again_in_their_places(
    fake_server: RunningServer, tmp_path: Path, ending: str
) -> None:
    source, output = tmp_path / "reviews.txt", tmp_path / f"ratings.{ending}"
    write_lines(source, [*TEXTS[:6], "a" * 20_001])
    with pytest.MonkeyPatch.context() as patched:
        refuse(patched, TEXTS[1], TEXTS[4])
        assert score(fake_server, source, output, "--keep-going") == 1
    assert [bool(row["error"]) for row in read(output)] == [False, True, False, False, True, False, True]
    write_lines(source, [*TEXTS[:6], "a" * 20_001, *TEXTS[6:]])
    with pytest.MonkeyPatch.context() as patched:
        sent = refuse(patched)
        assert score(fake_server, source, output) == 1
    assert sorted(sent) == sorted([TEXTS[1], TEXTS[4], *TEXTS[6:]])
    rows = read(output)
    assert [int(row["row"]) for row in rows] == list(range(len(TEXTS) + 1))
    assert [row["text"] for row in rows if row["error"] in (None, "")] == TEXTS
    assert rows[6]["error"].startswith("text_too_long")


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_ratings_of_another_file_are_not_continued(fake_server: RunningServer, tmp_path: Path, changed: int) -> None:
    source, output = tmp_path / "reviews.txt", tmp_path / "ratings.jsonl"
    write_lines(source, TEXTS[:3])
    assert score(fake_server, source, output) == 0
    before = output.read_text()
    write_lines(source, ["another" if row == changed else text for row, text in enumerate(TEXTS)])
    assert score(fake_server, source, output) == 2
    assert output.read_text() == before


def test_a_file_that_became_shorter_is_another_one(fake_server: RunningServer, tmp_path: Path) -> None:
    source, output = tmp_path / "reviews.txt", tmp_path / "ratings.jsonl"
    write_lines(source, TEXTS[:3])
    assert score(fake_server, source, output) == 0
    write_lines(source, TEXTS[:2])
    assert score(fake_server, source, output) == 2


def test_ratings_of_another_model_are_mixed_only_where_one_asks_for_it(
    fake_server: RunningServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "reviews.txt", tmp_path / "ratings.jsonl"
    write_lines(source, TEXTS[:3])
    assert score(fake_server, source, output) == 0
    records: list[dict[str, Any]] = [row | {"model_version": "of last year"} for row in read(output)]
    before = "".join(json.dumps(record) + "\n" for record in records)
    output.write_text(before)
    # Nothing is left to rate, whatever the server has.
    assert score(fake_server, source, output) == 0
    write_lines(source, TEXTS)
    assert score(fake_server, source, output) == 2
    assert "ratings by model of last year, and the server has 0" in capsys.readouterr().err
    assert output.read_text() == before
    assert score(fake_server, source, output, "--any-model") == 0
    assert [row["model_version"] for row in read(output)][2:4] == ["of last year", "0"]


def test_a_record_that_lacks_a_field_is_something_else(fake_server: RunningServer, tmp_path: Path) -> None:
    source, output = tmp_path / "reviews.txt", tmp_path / "ratings.jsonl"
    write_lines(source, TEXTS)
    output.write_text(json.dumps({name: 0 for name in COLUMNS if name != "model_version"}) + "\n")
    assert score(fake_server, source, output) == 2

"""``starcast score`` against a real Daphne with the fake model."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starcast_client import AsyncClient, ConnectionFailed, Rating
from starcast_client.cli import main
from starcast_client.scoring.writers import COLUMNS

from tests.clients.score_files import TEXTS, read, score, write_csv, write_jsonl, write_lines, write_parquet
from tests.timing import PATIENCE_S
from tools.servers import RunningServer


@pytest.mark.parametrize(
    ("ending", "write"),
    [("txt", write_lines), ("csv", write_csv), ("jsonl", write_jsonl), ("parquet", write_parquet)],
)
@pytest.mark.parametrize("output_ending", ["jsonl", "csv", "parquet"])
def test_every_kind_of_file_is_rated_in_order_with_unrounded_numbers(
    fake_server: RunningServer,
    tmp_path: Path,
    ending: str,
    write: Callable[[Path, list[str]], None],
    output_ending: str,
) -> None:
    source, output = tmp_path / f"reviews.{ending}", tmp_path / f"ratings.{output_ending}"
    write(source, TEXTS)
    assert score(fake_server, source, output) == 0
    rows = read(output)
    assert [row["text"] for row in rows] == TEXTS
    assert tuple(rows[0]) == COLUMNS
    answer = httpx.post(
        f"{fake_server.http}/api/v1/predict", json={"text": TEXTS[3]}, trust_env=False, timeout=PATIENCE_S
    ).json()
    assert [float(rows[3][f"p_{label}"]) for label in (1, 2, 3, 4, 7, 8, 9, 10)] == answer["probabilities"]
    assert float(rows[3]["expected_stars"]) == answer["expected_stars"]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_a_second_run_goes_on_where_the_first_stopped(
    fake_server: RunningServer, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = tmp_path / "reviews.txt", tmp_path / f"ratings.{ending}"
    write_lines(source, TEXTS[:5])
    assert score(fake_server, source, output) == 0
    partial = output
    if ending == "parquet":
        partial = tmp_path / "ratings.parquet.partial.jsonl"
        partial.write_text("".join(json.dumps(row) + "\n" for row in read(output)))
        output.unlink()
    # A crash in the middle of the last record.
    partial.write_bytes(partial.read_bytes()[:-7])
    write_lines(source, TEXTS)
    sent: list[str] = []
    rate = AsyncClient.rate

    async def noting(client: AsyncClient, text: str) -> Rating:
        sent.append(text)
        return await rate(client, text)

    monkeypatch.setattr(AsyncClient, "rate", noting)
    assert score(fake_server, source, output) == 0
    assert [row["text"] for row in read(output)] == TEXTS
    assert sorted(sent) == sorted(TEXTS[4:])
    sent.clear()
    assert score(fake_server, source, output) == 0
    assert sent == []


def test_what_ends_the_client_ends_the_run_and_parquet_waits_for_all_rows(
    fake_server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = tmp_path / "reviews.txt", tmp_path / "ratings.parquet"
    write_lines(source, TEXTS)
    rate = AsyncClient.rate

    async def breaks_down(client: AsyncClient, text: str) -> Rating:
        if text == TEXTS[7]:
            raise ConnectionFailed("as the test wants")
        return await rate(client, text)

    with monkeypatch.context() as patched:
        patched.setattr(AsyncClient, "rate", breaks_down)
        assert score(fake_server, source, output) == 2
    assert not output.exists()
    assert len(read(tmp_path / "ratings.parquet.partial.jsonl")) == 7
    assert score(fake_server, source, output) == 0
    assert [path.name for path in tmp_path.iterdir() if "parquet" in path.name] == ["ratings.parquet"]
    assert [row["text"] for row in read(output)] == TEXTS


def test_a_row_that_cannot_be_rated_gets_an_error_and_stops_nothing(fake_server: RunningServer, tmp_path: Path) -> None:
    source, output = tmp_path / "reviews.jsonl", tmp_path / "ratings.jsonl"
    lines = ['{"text": "A fine film"}', "{", '{"txt": "?"}', json.dumps({"text": "a" * 20_001}), '"Only a string"']
    source.write_text("\n".join(lines) + "\n")
    assert score(fake_server, source, output) == 1
    errors = [row["error"] and row["error"].split(":")[0] for row in read(output)]
    assert errors == [None, "bad_row", "bad_row", "text_too_long", None]
    # Once more there is nothing to do, and the errors still count.
    assert score(fake_server, source, output) == 1


def test_another_column_may_hold_the_texts(fake_server: RunningServer, tmp_path: Path) -> None:
    source, output = tmp_path / "reviews.csv", tmp_path / "ratings.csv"
    source.write_text('id,review\n1,"Two\nlines"\n')
    assert score(fake_server, source, output, "--column", "review") == 0
    assert [row["text"] for row in read(output)] == ["Two\nlines"]


def test_a_missing_column_is_named(
    fake_server: RunningServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "reviews.csv"
    source.write_text("id,review\n1,fine\n")
    assert score(fake_server, source, tmp_path / "ratings.csv") == 2
    assert "no column 'text' in reviews.csv; it has id, review" in capsys.readouterr().err


@pytest.mark.parametrize("content", ['{"other": 1}\n', '{"row": 7, "text": "A"}\n'])
def test_a_file_of_something_else_is_not_written_over(fake_server: RunningServer, tmp_path: Path, content: str) -> None:
    source, output = tmp_path / "reviews.txt", tmp_path / "ratings.jsonl"
    write_lines(source, TEXTS)
    output.write_text(content)
    assert score(fake_server, source, output) == 2
    assert output.read_text() == content


def test_without_a_server_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: 0)
    source = tmp_path / "reviews.txt"
    write_lines(source, TEXTS)
    assert main(["score", str(source), "--url", "ws://localhost:1"]) == 2
    assert "no connection to ws://localhost:1/ws/v1/classify/ in 8 tries" in capsys.readouterr().err

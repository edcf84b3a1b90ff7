"""``starcast score`` run again: which runs can be continued, and which texts are rated again."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starcast_client.bulk import BulkClient
from starcast_client.cli import main

from tests.clients.score_files import TEXTS, read, score, texts_of, write
from tests.clients.scripted_http import Answer, error, rating, scripted_server

OUTPUTS = ["out.jsonl", "out.csv", "out.parquet", "out.csv.gz"]


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy server is given up at once."""
    monkeypatch.setattr("starcast_client.scoring.cli.BulkClient", partial(BulkClient, patience_s=0))


class Busy:
    """A script by which the server is too busy for some texts, however often they are sent."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def __call__(self, texts: list[str]) -> Answer:
        return 200, {"results": [error("overloaded", True) if text in self.texts else rating(text) for text in texts]}


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_interrupted_run_goes_on_where_it_stopped(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.txt", tmp_path / name
    write(source, TEXTS)
    busy = Busy(TEXTS[5])
    with scripted_server(busy) as server:
        assert score(server.url, source, "--output", str(output)) == 2
        assert f"row 6: overloaded: as the test wants; run it again to go on with {output}" in capsys.readouterr().err
        assert not output.exists()
        partial = output.with_name(f"{name}.partial.jsonl")
        assert len(read(partial)) == 5
        # A crash in the middle of the last record.
        partial.write_bytes(partial.read_bytes()[:-7])
        server.requests.clear()
        busy.texts = ()
        assert score(server.url, source, "--output", str(output)) == 0
        assert sorted(server.texts) == sorted(TEXTS[4:])
    assert texts_of(output) == TEXTS
    assert {path.name for path in tmp_path.iterdir()} == {"in.txt", name}


def test_ctrl_c_ends_with_130_and_keeps_what_is_rated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    write(source, TEXTS)

    def interrupt(*_: object) -> Any:
        raise KeyboardInterrupt

    with scripted_server() as server:
        with monkeypatch.context() as patched:
            patched.setattr("starcast_client.scoring.outputs.write", interrupt)
            assert score(server.url, source, "--output", str(output)) == 130
        assert "run it again" in capsys.readouterr().err
        server.requests.clear()
        assert score(server.url, source, "--output", str(output)) == 0
        assert not server.requests
    assert texts_of(output) == TEXTS


@pytest.mark.parametrize("name", OUTPUTS)
def test_rows_with_an_error_that_may_pass_are_rated_again_in_their_places(tmp_path: Path, name: str) -> None:
    source, output = tmp_path / "in.txt", tmp_path / name
    write(source, TEXTS[:6])
    busy = Busy(TEXTS[1], TEXTS[4])
    with scripted_server(busy) as server:
        assert score(server.url, source, "--output", str(output), "--keep-going") == 1
        assert [bool(row["error"]) for row in read(output)] == [False, True, False, False, True, False]
        write(source, TEXTS)
        server.requests.clear()
        busy.texts = ()
        assert score(server.url, source, "--output", str(output)) == 0
        assert sorted(server.texts) == sorted([TEXTS[1], TEXTS[4], *TEXTS[6:]])
        assert texts_of(output) == TEXTS
        assert not any(row["error"] for row in read(output))
        # Once more there is nothing to do.
        server.requests.clear()
        assert score(server.url, source, "--output", str(output)) == 0
        assert not server.requests


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_ratings_of_another_file_are_not_continued_but_by_force(tmp_path: Path, changed: int) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    write(source, TEXTS[:3])
    with scripted_server() as server:
        assert score(server.url, source, "--output", str(output)) == 0
        before = output.read_text()
        others = ["another" if row == changed else text for row, text in enumerate(TEXTS)]
        write(source, others)
        assert score(server.url, source, "--output", str(output)) == 2
        assert output.read_text() == before
        assert score(server.url, source, "--output", str(output), "--force") == 0
    assert texts_of(output) == others


@pytest.mark.parametrize("column", ["id", "stars"])
def test_what_is_rated_anew_in_vain_keeps_the_old_ratings(tmp_path: Path, column: str) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.jsonl"
    with scripted_server() as server:
        source.write_text("id,text\n1,fine\n")
        assert score(server.url, source, "--output", str(output)) == 0
        before = output.read_bytes()
        # A column of the input that ratings have too, or no server.
        source.write_text(f"{column},text\n1,dull\n")
        url = server.url if column == "stars" else "http://localhost:1"
        assert score(url, source, "--output", str(output), "--force") == 2
        assert output.read_bytes() == before
        # The next run goes on with rating anew.
        source.write_text("id,text\n1,dull\n")
        assert score(server.url, source, "--output", str(output)) == 0
    assert texts_of(output) == ["dull"]
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "out.jsonl"}


def test_an_unfinished_run_with_more_rows_than_the_limit_is_not_of_another_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    write(source, TEXTS)
    with scripted_server(Busy(TEXTS[5])) as server:
        assert score(server.url, source, "--output", str(output)) == 2
        capsys.readouterr()
        assert score(server.url, source, "--output", str(output), "--limit", "3") == 2
    said = capsys.readouterr().err
    assert "--limit" in said
    assert "another text" not in said


def test_a_file_that_became_shorter_is_another_one(tmp_path: Path) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    with scripted_server() as server:
        for texts, status in ((TEXTS[:3], 0), (TEXTS[:2], 2)):
            write(source, texts)
            assert score(server.url, source, "--output", str(output)) == status


def test_ratings_of_another_model_are_mixed_only_where_one_asks_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    write(source, TEXTS[:3])
    with scripted_server() as server:
        assert score(server.url, source, "--output", str(output)) == 0
        records: list[dict[str, Any]] = [row | {"model_version": "of last year"} for row in read(output)]
        before = "".join(json.dumps(record) + "\n" for record in records)
        output.write_text(before)
        # Nothing is left to rate, whatever the server has.
        assert score(server.url, source, "--output", str(output)) == 0
        write(source, TEXTS)
        assert score(server.url, source, "--output", str(output)) == 2
        assert "ratings by model of last year, and the server has 0" in capsys.readouterr().err
        assert score(server.url, source, "--output", str(output), "--any-model") == 0
    assert [row["model_version"] for row in read(output)][2:4] == ["of last year", "0"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("out.jsonl", '{"other": 1}\n'),
        ("out.jsonl", '{"text": "fine"}\n'),
        ("out.jsonl", "{oops\n"),
        ("out.csv", "notes of mine\n"),
        ("out.csv", ""),
        ("out.parquet", "notes of mine\n"),
    ],
)
def test_a_file_of_something_else_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str
) -> None:
    source, output = tmp_path / "in.txt", tmp_path / name
    write(source, TEXTS)
    output.write_text(content)
    with scripted_server() as server:
        assert score(server.url, source, "--output", str(output)) == 2
        assert f"{name} holds something else; use --force to overwrite it" in capsys.readouterr().err
        assert output.read_text() == content
        assert {path.name for path in tmp_path.iterdir()} == {"in.txt", name}
        assert not server.requests


def test_a_file_that_changes_while_it_is_read_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    write(source, TEXTS)

    def shrinks(texts: list[str]) -> None:
        write(source, TEXTS[:3])

    with scripted_server(shrinks) as server:
        assert score(server.url, source, "--output", str(output)) == 2
    assert "in.txt changed while it was read" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"in.txt", "out.jsonl.partial.jsonl"}


def test_without_a_server_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.txt"
    write(source, TEXTS)
    assert main(["score", str(source), "--url", "ws://localhost:1"]) == 2
    assert "no answer from http://localhost:1/api/v1/" in capsys.readouterr().err

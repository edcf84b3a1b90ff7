"""What ``starcast score`` reads: pipes, byte order marks, blank lines."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from starcast_client.scoring import cli as scoring
from starcast_client.scoring.readers import Row, Source, read_texts

from tests.clients.score_files import TEXTS, read, score, write_jsonl, write_lines
from tools.servers import REPOSITORY, RunningServer

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY / "clients/python/src"), "NO_PROXY": "localhost"}


def piped(server: RunningServer, content: bytes, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "starcast_client.cli", "score", "--url", server.http, *arguments]
    return subprocess.run(command, input=content, env=ENVIRONMENT, capture_output=True, check=False, timeout=120)


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_what_is_piped_in_is_rated_and_continued(fake_server: RunningServer, tmp_path: Path, name: str) -> None:
    source, output = tmp_path / "reviews.txt", tmp_path / "ratings.jsonl"
    for texts in (TEXTS[:4], TEXTS):
        write_lines(source, texts)
        finished = piped(fake_server, source.read_bytes(), name, "--output", str(output))
        assert finished.returncode == 0, finished.stderr
        assert [row["text"] for row in read(output)] == texts


def test_a_pipe_may_be_of_any_format_and_needs_an_output(fake_server: RunningServer, tmp_path: Path) -> None:
    source, output = tmp_path / "reviews.jsonl", tmp_path / "ratings.jsonl"
    write_jsonl(source, TEXTS)
    finished = piped(fake_server, source.read_bytes(), "-", "--format", "jsonl", "--output", str(output))
    assert finished.returncode == 0, finished.stderr
    assert [row["text"] for row in read(output)] == TEXTS
    finished = piped(fake_server, source.read_bytes(), "-", "--format", "jsonl")
    assert finished.returncode == 2
    assert b"say where by --output" in finished.stderr


def test_a_named_pipe_is_read_once(fake_server: RunningServer, tmp_path: Path) -> None:
    pipe, output = tmp_path / "reviews", tmp_path / "ratings.jsonl"
    os.mkfifo(pipe)
    writer = subprocess.Popen(["sh", "-c", f"printf 'A\\nB\\n' >{pipe}"])
    assert score(fake_server, pipe, output) == 0
    assert writer.wait(60) == 0
    assert [row["text"] for row in read(output)] == ["A", "B"]


def test_a_file_that_shrinks_while_it_is_read_is_no_success(
    fake_server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "reviews.txt", tmp_path / "ratings.jsonl"
    write_lines(source, TEXTS)
    readings = iter((TEXTS, TEXTS[:3]))
    monkeypatch.setattr(scoring, "read_texts", lambda *_: iter(next(readings)))
    assert score(fake_server, source, output) == 2
    assert "it had 21 rows, and then 3" in capsys.readouterr().err


def rows_of(path: Path, kind: str) -> list[Row]:
    return list(read_texts(Source(path, path.name, kind), "text"))


@pytest.mark.parametrize("kind", ["text", "csv", "jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path: Path, kind: str) -> None:
    table = io.StringIO()
    csv.writer(table).writerows([["text"], ["A fine film"]])
    content = {"text": "A fine film\n", "csv": table.getvalue(), "jsonl": json.dumps({"text": "A fine film"}) + "\n"}
    path = tmp_path / "reviews"
    path.write_text(content[kind], encoding="utf-8-sig")
    assert rows_of(path, kind) == ["A fine film"]


def test_blank_lines_of_jsonl_are_no_rows_and_those_of_text_are(tmp_path: Path) -> None:
    path = tmp_path / "reviews"
    path.write_text('"A"\n\n  \n"B"\n\n')
    assert rows_of(path, "jsonl") == ["A", "B"]
    assert rows_of(path, "text") == ['"A"', "", "  ", '"B"', ""]

"""``starcast score``: what goes in, what comes out."""

import csv
import datetime
import decimal
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import filelock
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starcast_client.cli import main
from starcast_client.scoring.ratings import Columns

from live.messages.protocol import rating_fields
from model_core.columns import columns_of
from model_core.labels import FILM_RATINGS, STARS, LabelSet
from tests.clients.score_files import TEXTS, read, score, texts_of, write
from tests.clients.scripted_http import LIMITS, Answer, ScriptedServer, error, rating, scripted_server
from tests.labelled import MANY, ORDINAL, VALUED, labelled
from tools.servers import REPOSITORY, RunningServer

SIDED = LabelSet(("bad", "ok", "good"), "ratings", (1, 2, 3))
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY / "clients/python/src"), "NO_PROXY": "localhost"}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.mark.parametrize(
    "output_name", ["out.jsonl", "out.csv", "out.tsv", "out.parquet", "out.csv.gz", "out.jsonl.GZ"]
)
@pytest.mark.parametrize("name", ["in.txt", "in.csv", "in.tsv", "in.jsonl", "in.parquet"])
def test_every_format_becomes_every_other_in_order_with_unrounded_numbers(
    server: ScriptedServer, tmp_path: Path, name: str, output_name: str
) -> None:
    source, output = tmp_path / name, tmp_path / output_name
    write(source, TEXTS)
    assert score(server.url, source, "--output", str(output)) == 0
    rows = read(output)
    assert texts_of(output) == TEXTS
    assert tuple(rows[0]) == (*(("text",) if name == "in.txt" else ("id", "text")), *Columns().kinds)
    if name != "in.txt":
        assert [int(row["id"]) for row in rows] == list(range(len(TEXTS)))
    expected = rating(TEXTS[3])
    assert [float(rows[3][f"p_{label}"]) for label in (1, 2, 3, 4, 7, 8, 9, 10)] == list(expected["probabilities"])
    assert float(rows[3]["expected_stars"]) == expected["expected_stars"]
    assert {path.name for path in tmp_path.iterdir()} == {name, output_name}


def test_columns_of_parquet_keep_their_types(server: ScriptedServer, tmp_path: Path) -> None:
    source, output = tmp_path / "in.parquet", tmp_path / "out.parquet"
    day = datetime.date(2026, 11, 1)
    table = pa.table(
        {
            "text": pa.array(["fine", "dull"]),
            "at": pa.array([1_000_000_001, None], pa.timestamp("ns")),
            "day": pa.array([day, day]),
            "price": pa.array([decimal.Decimal("1.50"), None], pa.decimal128(5, 2)),
            "lasts": pa.array([90_000, None], pa.duration("ms")),
            "tags": pa.array([["a", "b"], []]),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
        }
    )
    pq.write_table(table, source)
    assert score(server.url, source, "--output", str(output)) == 0
    assert pq.read_table(output).select(table.column_names).equals(table)
    assert score(server.url, source, "--output", str(tmp_path / "out.jsonl")) == 0
    first = read(tmp_path / "out.jsonl")[0]
    assert [first[name] for name in ("day", "price", "lasts", "tags")] == ["2026-11-01", "1.50", "90000 ms", ["a", "b"]]


def test_fields_that_only_some_rows_have_become_columns_of_all(server: ScriptedServer, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    rows = [{"text": "fine", "n": 1, "mixed": 1}, {"text": "dull", "n": 2.5, "mixed": "x", "more": {"a": [1]}}]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name in ("out.csv", "out.parquet", "out.jsonl"):
        assert score(server.url, source, "--output", str(tmp_path / name)) == 0
    assert [row["more"] for row in read(tmp_path / "out.csv")] == ["", '{"a": [1]}']
    parquet = read(tmp_path / "out.parquet")
    assert [(row["n"], row["mixed"], row["more"]) for row in parquet] == [(1, "1", None), (2.5, "x", '{"a": [1]}')]
    assert [row.get("more") for row in read(tmp_path / "out.jsonl")] == [None, {"a": [1]}]


def test_rows_without_a_text_get_no_rating_and_bad_rows_an_error(
    server: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.jsonl"
    source.write_text("id,text\n1,fine\n2,\n3,a,b\n4,   \n5,dull\n")
    assert score(server.url, source, "--output", str(output)) == 1
    rows = read(output)
    assert [row["stars"] is not None for row in rows] == [True, False, False, False, True]
    assert [row["error"] for row in rows] == [
        None,
        None,
        "bad_row: line 4: it has 3 cells, and the header 2",
        None,
        None,
    ]
    assert server.texts == ["fine", "dull"]
    assert "5 rows, 1 with an error, 2 without a text" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
def test_half_an_emoji_and_what_json_has_no_number_for_go_through_and_are_gone_on_with(
    server: ScriptedServer, tmp_path: Path, name: str
) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / name
    source.write_text('{"text": "fine \\ud83d", "n": 1e999, "more": [1e999, "\\ud83d"]}\n')
    assert score(server.url, source, "--output", str(output)) == 0
    first = read(output)
    # Only JSON can hold it.
    assert first[0]["text"] == {"out.jsonl": "fine \ud83d"}.get(name, "fine \ufffd")
    assert "Infinity" not in str(first[0]["more"])
    assert score(server.url, source, "--output", str(output)) == 0
    assert read(output) == first
    assert server.texts == ["fine \ufffd"]


def test_a_column_beside_the_text_that_is_not_utf_8_stops_nothing(server: ScriptedServer, tmp_path: Path) -> None:
    source, output = tmp_path / "in.parquet", tmp_path / "out.jsonl"
    damaged = pa.array([b"tr\xe8s", b"fine"], pa.binary()).view(pa.string())
    lists = pa.ListArray.from_arrays([0, 1, 2], damaged)
    pq.write_table(pa.table({"text": ["fine", "dull"], "list": lists, "raw": [b"\xff", b"a"]}), source)
    assert score(server.url, source, "--output", str(output)) == 0
    assert [(row["list"], row["raw"]) for row in read(output)] == [(None, "\\xff"), (["fine"], "a")]


def test_a_text_that_the_server_refuses_stops_nothing(tmp_path: Path) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    write(source, ["fine", "dull", "good"])

    def refuses_dull(texts: list[str]) -> Answer:
        return 200, {"results": [error("text_too_long", False) if text == "dull" else rating(text) for text in texts]}

    with scripted_server(refuses_dull) as server:
        assert score(server.url, source, "--output", str(output)) == 1
    assert [row["error"] for row in read(output)] == [None, "text_too_long: as the test wants", None]


def test_a_spreadsheet_takes_no_text_for_a_formula(server: ScriptedServer, tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('id,text\n-5,"=HYPERLINK(""x"")"\n+1e3,@fine\n-5 stars,fine\n')
    assert score(server.url, source, "--output", str(output)) == 0
    assert [(row["id"], row["text"]) for row in read(output)] == [
        ("-5", '\'=HYPERLINK("x")'),
        ("+1e3", "'@fine"),
        ("'-5 stars", "fine"),
    ]
    assert server.texts[0] == "fine"  # the shortest first, and none with the guard
    assert not any(text.startswith("'") for text in server.texts)


def test_a_spreadsheet_takes_no_header_for_a_formula(server: ScriptedServer, tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('=1+1,"=HYPERLINK(""x"")"\n1,fine\n')
    for _ in range(2):
        assert score(server.url, source, "--output", str(output), "--column", '=HYPERLINK("x")') == 0
        (row,) = read(output)
        assert (row["'=1+1"], row['\'=HYPERLINK("x")']) == ("1", "fine")
    assert server.texts == ["fine"]


def test_line_ends_inside_a_text_stay_inside_its_cell(server: ScriptedServer, tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.csv"
    texts = ["a\rb", "a\nb", "a\r\nb"]
    write(source, texts)
    assert score(server.url, source, "--output", str(output)) == 0
    assert [row["text"] for row in read(output)] == texts


def test_columns_of_one_name_need_a_prefix(
    server: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text,stars\nfine,3\n")
    assert score(server.url, source, "--output", str(output)) == 2
    assert "(stars)" in capsys.readouterr().err
    assert not output.exists()
    for _ in range(2):
        assert score(server.url, source, "--output", str(output), "--prefix", "rating_") == 0
    (row,) = read(output)
    assert row["stars"] == "3"
    assert row["rating_stars"]
    assert len(server.texts) == 1


def test_limit_rates_the_first_rows_and_the_next_run_the_rest(server: ScriptedServer, tmp_path: Path) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    write(source, TEXTS)
    assert score(server.url, source, "--output", str(output), "--limit", "3") == 0
    assert texts_of(output) == TEXTS[:3]
    assert score(server.url, source, "--output", str(output)) == 0
    assert texts_of(output) == TEXTS
    assert sorted(server.texts) == sorted(TEXTS)


def piped(url: str, content: bytes, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "starcast_client.cli", "score", "-", "--url", url, *arguments]
    return subprocess.run(command, input=content, env=ENVIRONMENT, capture_output=True, check=False, timeout=120)


def test_from_pipe_to_pipe_by_a_real_server(fake_server: RunningServer) -> None:
    finished = piped(fake_server.http, "id,text\n1,fine\n2,très dull\n".encode(), "--format", "csv")
    assert finished.returncode == 0, finished.stderr
    rows = [json.loads(line) for line in finished.stdout.decode().splitlines()]
    assert [(row["id"], row["text"]) for row in rows] == [("1", "fine"), ("2", "très dull")]
    assert all(row["model_version"] and row["state"] for row in rows)
    finished = piped(fake_server.http, b"fine\n", "--output-format", "csv")
    assert next(csv.DictReader(io.StringIO(finished.stdout.decode())))["text"] == "fine"


def test_a_reader_that_leaves_ends_the_run_in_silence(fake_server: RunningServer) -> None:
    command = [sys.executable, "-m", "starcast_client.cli", "score", "-", "--url", fake_server.http]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate(b"fine\n" * 5, timeout=60)
    assert process.returncode == 2
    assert b"Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("- <&-", "standard input is closed"),
        ("in.csv --output - >&-", "standard output is closed"),
        ("in.csv --output - >/dev/full", "standard output: No space left on device"),
        ("in.csv --output - >>in.csv", "standard output is the file that is rated"),
        ("- --format csv --output in.csv --force <in.csv", "in.csv is the file that is rated"),
        ("in.csv --output /dev/null --output-format csv", "use - for standard output"),
        ("in.csv --output out.csv; ulimit -f 1", "out.csv: File too large; run it again to go on with out.csv"),
        ("in.csv --output out.csv 2>&-", ""),
    ],
)
def test_streams_that_are_closed_or_full_or_the_input_itself(
    server: ScriptedServer, tmp_path: Path, arguments: str, words: str
) -> None:
    content = "text\n" + "fine\n" * 20
    (tmp_path / "in.csv").write_text(content)
    options, _, before = arguments.partition("; ")
    command = f"{before or ':'}; exec {sys.executable} -m starcast_client.cli score --url {server.url} {options}"
    finished = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True,
                              check=False, timeout=120)  # fmt: skip
    assert finished.returncode == (2 if words else 0)
    assert words in finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.stdout == ""
    assert (tmp_path / "in.csv").read_text() == content
    assert (tmp_path / "out.csv").exists() == (not words)


def test_a_named_pipe_is_read_once(server: ScriptedServer, tmp_path: Path) -> None:
    pipe, output = tmp_path / "reviews.txt", tmp_path / "ratings.jsonl"
    os.mkfifo(pipe)
    writer = subprocess.Popen(["sh", "-c", f"printf 'A\\nB\\n' >{pipe}"])
    assert score(server.url, pipe, "--output", str(output)) == 0
    assert writer.wait(60) == 0
    assert texts_of(output) == ["A", "B"]


def test_two_runs_do_not_write_one_output(
    server: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    write(source, TEXTS)
    with filelock.FileLock(tmp_path / "out.jsonl.lock"):
        assert score(server.url, source, "--output", str(output)) == 2
    assert "another run" in capsys.readouterr().err
    assert not output.exists()
    assert score(server.url, source, "--output", str(output)) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in.doc"], "--format"),
        (["in.txt", "--output", "out.xlsx"], "an output ends in"),
        (["in.txt", "--output", "out.parquet.gz"], "compresses itself"),
        (["in.txt", "--output", "out.parquet.xz"], "compresses itself"),
        (["in.txt", "--output", "out.csv.xz"], "compressed as .gz, not as .xz"),
        (["in.txt", "--output", "out.jsonl.BZ2"], "compressed as .gz, not as .bz2"),
        (["in.txt", "--output", "-", "--output-format", "parquet"], "file of its own"),
        (["missing.txt"], "No such file"),
        (["nowhere/in.txt"], "No such file"),
        (["in.txt", "--output", "nowhere/out.jsonl"], "No such file"),
        (["."], "is a folder"),
        (["in.txt", "--output", ""], "is a folder"),
        (["in.csv", "--output", "in.csv", "--force"], "name another --output"),
        (["in.csv", "--output", "link.csv", "--force"], "name another --output"),
        (["array.jsonl"], "use --format json"),
    ],
)
def test_what_cannot_be_done_is_said_before_a_text_is_sent(
    server: ScriptedServer, tmp_path: Path, arguments: list[str], words: str,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("in.doc", "in.txt"):
        Path(name).write_text("fine\n")
    Path("in.csv").write_text("text\nfine\n")
    Path("link.csv").symlink_to("in.csv")
    Path("array.jsonl").write_text('[{"text": "fine"}]\n')
    assert main(["score", "--url", server.url, *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not server.requests
    assert Path("in.csv").read_text() == "text\nfine\n"
    assert not Path("nowhere").exists()


@pytest.mark.parametrize(
    "arguments",
    [["--encoding", "rot13"], ["--encoding", "idna"], ["--encoding", "nope"], ["--delimiter", "ab"], ["--limit", "0"]],
)
def test_wrong_options_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["score", str(tmp_path / "in.txt"), *arguments])
    assert exit_.value.code == 2


@pytest.mark.parametrize("labels", [FILM_RATINGS, ORDINAL, VALUED, MANY, SIDED])
def test_the_columns_are_those_of_the_engine_for_any_labels(labels: LabelSet) -> None:
    names = STARS if labels.is_film else labels.names
    columns = Columns(names, labels.values, has_sides=labels.first_positive is not None)
    assert [*columns.kinds.items()][:-1] == [*columns_of(labels).items()]
    assert [*columns.kinds][-1] == "error"
    assert Columns.of(columns.kinds.keys()).kinds == columns.kinds


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("labels", [ORDINAL, VALUED], ids=["in order", "with values"])
def test_a_model_with_other_labels_has_columns_of_its_own_and_is_gone_on_with(
    tmp_path: Path, labels: LabelSet, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier = labelled(labels)

    def answer(texts: list[str]) -> Answer:
        return 200, {"results": [rating_fields(found) for found in classifier.classify(texts)]}

    source, output = tmp_path / "in.csv", tmp_path / f"out.{ending}"
    values = labels.values or (None,) * len(labels)
    classes = [
        {"name": name} if value is None else {"name": name, "value": value}
        for name, value in zip(labels.names, values, strict=True)
    ]
    # Names that film ratings, and labels, would have.
    source.write_text("stars,p_value,text\n1,2,A fine text\n")
    model = {"task": labels.task, "classes": classes, "model": {"version": "0"}, "limits": LIMITS}
    with scripted_server(answer, model=(200, model)) as server:
        assert score(server.url, source, "--output", str(output)) == 0
        source.write_text("stars,p_value,text\n1,2,A fine text\n2,2,\n3,2,A dull text\n")
        assert score(server.url, source, "--output", str(output)) == 0
        assert server.requests == [["A fine text"], ["A dull text"]]
    rows = read(output)
    numbers = ["expected_value", "interval_low", "interval_high"] if labels.values else []
    shares = [f"p_{name}" for name in labels.names]
    after = ["tokens", "truncated", "legible", "state", "model_version", "error"]
    assert list(rows[0]) == ["stars", "p_value", "text", "label", *numbers, *shares, *after]
    (found,) = classifier.classify(["A dull text"])
    assert rows[2]["label"] == found.label
    assert [float(rows[2][name]) for name in shares] == list(found.probabilities)
    source.write_text("stars,p_value,text\n1,2,A fine text\n2,2,\n3,2,A dull text\n4,2,A film\n")
    with scripted_server() as films:
        assert score(films.url, source, "--output", str(output)) == 2
    assert "other labels" in capsys.readouterr().err


def test_a_proxy_that_cannot_be_used_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", "socks5://localhost:1")
    write(tmp_path / "in.txt", TEXTS)
    assert score("http://starcast.invalid", tmp_path / "in.txt") == 2
    said = capsys.readouterr().err
    assert "SOCKS" in said
    assert "[score]" not in said

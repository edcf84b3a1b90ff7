"""``manage.py classify``."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from model_core.fake import FakeClassifier
from tools.servers import REPOSITORY


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


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), encoding="latin-1"))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_stdin_is_utf_8_whatever_the_shell_has_and_each_line_gives_a_line(
    monkeypatch: pytest.MonkeyPatch, mark: str, end: str
) -> None:
    texts = ["A fine film", "", "А плохой нет"]
    pipe(monkeypatch, (mark + "".join(text + end for text in texts)).encode())
    lines = classify("--stdin")
    assert [line["is_prior"] for line in lines] == [False, True, False]
    assert lines == classify(*texts)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"fine\ntr\xe8s\n", r"line 2: not UTF-8 \(byte 0xe8\)"),
        ("fine".encode("utf-16"), "line 1: not UTF-8"),
        ("fine".encode("utf-16-le"), "line 1: holds NUL bytes"),
    ],
)
def test_stdin_that_is_not_utf_8_is_refused_by_its_line(
    monkeypatch: pytest.MonkeyPatch, content: bytes, words: str
) -> None:
    pipe(monkeypatch, content)
    with pytest.raises(CommandError, match=words):
        classify("--stdin")


def test_a_text_that_the_shell_could_not_decode_is_refused() -> None:
    with pytest.raises(CommandError, match="not UTF-8"):
        classify("tr\udce8s")


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_closed_input_and_full_output_are_one_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="standard output: No space left"):
        call_command("classify", "fine", stdout=Full())
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(CommandError, match="standard input is closed"):
        classify("--stdin")


def leave(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.close()
    process.stdin.write(b"fine\n" * 64)
    process.stdin.flush()


def interrupt(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let processes take SIGINT, which those that a shell has in the background ignore, and pass that on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("end", "status"), [(leave, 2), (interrupt, 130)])
def test_a_reader_that_leaves_and_ctrl_c_end_it_in_silence(
    end: Callable[["subprocess.Popen[bytes]"], None], status: int
) -> None:
    environment = {**os.environ, "STARCAST_BACKEND": "fake", "STARCAST_SECRET_KEY": "x" * 60}
    command = [sys.executable, "manage.py", "classify", "--stdin"]
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"fine\n" * 2_000)
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"{")
        end(process)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == status
        assert b"Traceback" not in errors


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

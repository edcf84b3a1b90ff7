"""What the docs say runs as it is printed."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.conftest import require_program
from tools.servers import REPOSITORY, RunningServer


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (REPOSITORY / "docs" / page).read_text(), re.DOTALL)


def test_the_python_example_of_the_protocol_runs(fake_server: RunningServer, tmp_path: Path) -> None:
    (example,) = blocks("protocol.md", "python")
    (tmp_path / "example.py").write_text(example)
    finished = subprocess.run(
        [sys.executable, str(tmp_path / "example.py"), fake_server.ws],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert finished.stdout.splitlines()[-1].endswith("wanting to ring everybody I know.")


def test_the_javascript_example_of_the_protocol_runs(fake_server: RunningServer, tmp_path: Path) -> None:
    (example,) = blocks("protocol.md", "js")
    (tmp_path / "example.mjs").write_text(example)
    finished = subprocess.run(
        # From Node.js 22 on it is there without being asked for.
        [require_program("node"), "--no-warnings", "--experimental-websocket", "example.mjs", fake_server.ws],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert re.fullmatch(r"\d+\.\d stars: .* give back\.", finished.stdout.splitlines()[-1])


def test_the_key_commands_of_the_http_page_run(data_dir: Path) -> None:
    commands = re.findall(r"^manage\.py apikey .*", (REPOSITORY / "docs" / "http.md").read_text(), re.MULTILINE)
    environment = {**os.environ, "STARCAST_DATA_DIR": str(data_dir), "STARCAST_SECRET_KEY": "x" * 60}
    prefix, outputs = "", []
    for command in commands:
        program, *arguments = shlex.split(command.replace("sc_Ab3dEf9h", prefix))
        finished = subprocess.run(
            [sys.executable, program, *arguments],
            cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        outputs.append(finished.stdout)
        prefix = prefix or finished.stdout[: len("sc_Ab3dEf9h")]
    key, listed, revoked = outputs
    assert f"{prefix}  " in listed
    assert key.strip() not in listed
    assert revoked == f"Revoked the reading club ({prefix}…)\n"


def test_the_shell_examples_of_the_http_page_run(fake_server: RunningServer) -> None:
    require_program("curl")
    examples = "\n".join(blocks("http.md", "sh"))
    commands = [line for line in examples.replace("http://localhost:8000", fake_server.http).splitlines() if line]
    assert len(commands) > 4
    for command in commands:
        finished = subprocess.run(
            ["sh", "-ec", command.replace("curl ", "curl --fail-with-body --silent --noproxy '*' ", 1)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        # The example with a key has none here that is valid.
        expected = (22, "key_invalid") if "$STARCAST_KEY" in command else (0, "{")
        assert (finished.returncode, expected[1] in finished.stdout) == (expected[0], True), command


def test_the_examples_of_the_api_page_run(fake_server: RunningServer, tmp_path: Path) -> None:
    (python,) = blocks("api.md", "python")
    (javascript,) = blocks("api.md", "js")
    curl, _ = blocks("api.md", "sh")
    (tmp_path / "example.py").write_text(here(python, fake_server))
    (tmp_path / "example.mjs").write_text(here(javascript, fake_server))
    for command in (
        [sys.executable, str(tmp_path / "example.py")],
        # From Node.js 22 on it is there without being asked for.
        [require_program("node"), "--experimental-websocket", str(tmp_path / "example.mjs")],
        ["sh", "-ec", here(curl, fake_server)],
    ):
        finished = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=True, env={**os.environ, "NO_PROXY": "localhost"}
        )
        assert json.loads(finished.stdout.splitlines()[-1])["tokens"] > 2
    for example in (python, javascript, curl):
        assert len([line for line in example.splitlines() if line]) <= 5


def test_the_shell_example_of_the_api_page_runs(fake_server: RunningServer) -> None:
    _, shell = blocks("api.md", "sh")
    (messages,) = blocks("api.md", "json")
    program, *arguments = shlex.split(here(shell, fake_server))
    assert program == "python"
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_PROXY": "localhost"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(messages)
        process.stdin.flush()
        # It fails by its time limit where no answer comes.
        assert any('"type":"prediction"' in line and '"seq":2' in line for line in process.stdout)
        process.stdin.close()
        process.stdout.read()
    assert process.returncode == 0


def here(example: str, server: RunningServer) -> str:
    return example.replace("localhost:8000", f"localhost:{server.port}")


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"

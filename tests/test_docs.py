"""What the docs say runs as it is printed."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

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


def test_the_page_about_http_runs_in_one_fresh_shell_as_it_is_printed(
    fake_server: RunningServer, data_dir: Path, tmp_path: Path
) -> None:
    require_program("curl")
    (tmp_path / "manage.py").symlink_to(REPOSITORY / "manage.py")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    examples = here("\n".join(blocks("http.md", "sh")), fake_server)
    # The page names no key that there is.
    examples = examples.replace("sc_Ab3dEf9h", "$(.venv/bin/python manage.py apikey create 'to revoke' | cut -c1-11)")
    curl = """curl() { command curl --fail-with-body --silent --noproxy '*' "$@"; echo; }\n"""
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", curl + examples],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "STARCAST_DATA_DIR": str(data_dir),
            "STARCAST_DEBUG": "1",
            "STARCAST_BACKEND": "fake",
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    answers = [set(json.loads(line)) for line in finished.stdout.splitlines() if line.startswith("{")]
    for field in ("stars", "results", "spans", "stored", "labels", "token", "references", "status"):
        assert any(field in answer for answer in answers), field
    assert "the reading club" in finished.stdout
    assert "Revoked to revoke" in finished.stdout
    assert list((tmp_path / "feedback").iterdir())


def test_the_ratings_of_the_readme_are_those_of_the_shipped_model(real_server: RunningServer) -> None:
    readme = (REPOSITORY / "README.md").read_text()
    (typed,) = re.findall(r'"type": "text.update", "seq": 17, "text": "(.*)"}', readme)
    (finished,) = re.findall(r'manage.py classify "(.*)"', readme)
    # Shortened, they are not JSON.
    shown = [line.replace("[ … ]", "null").replace(", … }", "}") for line in readme.splitlines() if '"stars": ' in line]
    for text, line in zip((finished, typed), shown, strict=True):
        rating = httpx.post(
            f"{real_server.http}/api/v1/predict", json={"text": text}, trust_env=False, timeout=60
        ).json()
        printed = json.loads(line.removeprefix("← "))
        for field in ("stars", "interval"):
            assert printed.get(field, rating[field]) == rating[field], f"of {text!r}: {rating}"
        # Other CPUs differ a little.
        for field in ("probabilities", "positive"):
            assert printed.get(field) in (None, pytest.approx(rating[field], abs=0.05)), f"of {text!r}: {rating}"
        assert printed["expected_stars"] == pytest.approx(rating["expected_stars"], abs=0.2), f"of {text!r}: {rating}"


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

"""Every example of the docs runs as it is printed, or the reason why not is here."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from django.conf import settings
from pydantic import TypeAdapter
from websockets.sync.client import connect

from live.limits import Limits
from live.messages.client import parse_client_message
from live.messages.protocol import Explained, Rating, explained_fields, load_json, rating_fields
from live.messages.server import SERVER_MESSAGES, WATCHER_SERVER_MESSAGES
from model_core.classifier import ServedClassifier
from model_core.engine import Engine
from model_core.explain import explain
from model_core.loading import load_classifier
from model_core.options import EngineOptions
from tests.conftest import require_program
from tests.printed import PAGES, blocks, checkout, examples, here, in_a_fresh_shell, printed_by
from tests.timing import PATIENCE_S
from tools.servers import REPOSITORY, RunningServer, free_port
from tools.topology.services import wait_until

HERE: Final = "tests/test_docs.py::"
CLIENT: Final = "tests/clients/test_docs.py::"
PACKAGE: Final = "tests/js/test_package.py::"
INSTALLING: Final = "tests/system/test_installing.py::"
WIDGET: Final = "tests/browser/test_widget.py::"
TWO_MODELS: Final = "tests/system/topology/test_two_models.py::"
TRAINING: Final = "tests/training/test_printed_commands.py::"

RUN_BY: Final[Mapping[str, Mapping[str, str]]] = {
    "README.md": {
        "git clone": HERE + "test_a_server_starts_as_printed",
        ".venv/bin/python manage.py classify": HERE + "test_the_ratings_of_the_readme_are_those_of_the_shipped_model",
        '{"probabilities"': HERE + "test_the_ratings_of_the_readme_are_those_of_the_shipped_model",
        "→": HERE + "test_the_ratings_of_the_readme_are_those_of_the_shipped_model",
        ".venv/bin/python -m training.data import": TRAINING + "test_labels_of_your_own_are_served_as_the_readme_says",
        "make check": TRAINING + "test_every_command_takes_the_options_that_are_printed",
    },
    "docs/api.md": {
        "curl --json": HERE + "test_the_examples_of_the_api_page_run",
        "import json": HERE + "test_the_examples_of_the_api_page_run",
        "const socket": HERE + "test_the_examples_of_the_api_page_run",
        "python -m websockets": HERE + "test_the_shell_example_of_the_api_page_runs",
        '{"type": "text.update"': HERE + "test_the_shell_example_of_the_api_page_runs",
    },
    "docs/clients.md": {
        "pip install": INSTALLING + "test_the_python_client_is_installed_as_printed_and_rates",
        "import asyncio": CLIENT + "test_each_python_example_prints_a_rating",
        "from starcast_client import Client": CLIENT + "test_each_python_example_prints_a_rating",
        "starcast live": CLIENT + "test_the_command_for_a_terminal_runs_as_printed",
        "starcast score": CLIENT + "test_the_command_that_rates_a_file_runs_as_printed",
        "starcast-conformance": CLIENT + "test_the_command_that_holds_a_server_to_the_protocol_runs_as_printed",
    },
    "docs/bulk.md": {
        ".venv/bin/python -m benchmarks.bulk": TRAINING + "test_every_command_takes_the_options_that_are_printed"
    },
    "clients/python/README.md": {
        "pip install": INSTALLING + "test_the_python_client_is_installed_as_printed_and_rates",
        "from starcast_client import Client": CLIENT + "test_each_python_example_prints_a_rating",
    },
    "clients/js/README.md": {"import": PACKAGE + "test_the_example_of_the_package_runs_as_printed"},
    "docs/configuration.md": {"STARCAST_LOG_LEVEL": HERE + "test_a_server_starts_as_printed"},
    "docs/http.md": {"```sh": HERE + "test_the_page_about_http_runs_in_one_fresh_shell_as_it_is_printed"},
    "docs/javascript.md": {
        "<textarea": PACKAGE + "test_the_page_example_runs_as_printed",
        'import { connect } from "starcast-client";\n\nconst [review': PACKAGE
        + "test_the_node_example_runs_as_printed",
        'import { connect } from "starcast-client";\n\nconst live': PACKAGE
        + "test_the_example_that_goes_text_by_text_prints_each_rating_and_ends",
        "npm install": INSTALLING + "test_the_npm_package_is_packed_and_installed_as_printed_and_rates",
        "import { connect, utf16Spans }": PACKAGE + "test_the_example_with_spans_prints_each_part_of_the_text_and_ends",
        'import { connect } from "starcast-client";\n\nconst [room': PACKAGE
        + "test_the_example_that_watches_runs_as_printed",
    },
    "docs/models.md": {"```sh": HERE + "test_the_commands_that_switch_models_run_as_printed"},
    "docs/observability.md": {
        '{"timestamp"': "tests/live/monitoring/test_logs.py::test_the_docs_show_such_a_record",
    },
    "docs/operations.md": {
        "apiVersion": "tests/deploy/test_kubernetes.py::test_the_overlay_of_the_docs_changes_what_there_is"
    },
    "docs/protocol.md": {
        "```json": HERE + "test_the_messages_of_the_protocol_page_are_messages",
        "import asyncio": HERE + "test_the_python_example_of_the_protocol_runs",
        "const url": HERE + "test_the_javascript_example_of_the_protocol_runs",
    },
    "docs/troubleshooting.md": {
        "curl": HERE + "test_the_first_check_of_the_troubleshooting_page_prints_what_it_says",
        "STARCAST_ALLOWED_HOSTS": HERE + "test_a_server_starts_as_printed",
        "make run HOST": HERE + "test_a_server_starts_as_printed",
    },
    "docs/widget.md": {
        "<textarea": "tests/live/pages/test_views.py::test_the_docs_give_the_same_snippet_and_policy",
        "script-src": "tests/live/pages/test_views.py::test_the_docs_give_the_same_snippet_and_policy",
        "import os": WIDGET
        + "test_the_site_of_the_docs_shows_ratings_of_a_server_that_asks_for_keys_without_showing_its_key",
        "export STARCAST_KEY": WIDGET
        + "test_the_site_of_the_docs_shows_ratings_of_a_server_that_asks_for_keys_without_showing_its_key",
        "<script": WIDGET + "test_the_listeners_of_the_docs_hear_of_ratings",
    },
    "docs/your-own-labels.md": {
        ".venv/bin/python -m training.data import questions.csv": TRAINING
        + "test_labels_of_your_own_are_served_as_the_readme_says",
        ".venv/bin/python -m training.data import reviews.csv": TRAINING
        + "test_every_command_takes_the_options_that_are_printed",
        "make classifier": TRAINING + "test_every_command_takes_the_options_that_are_printed",
        "from pathlib": TRAINING + "test_labels_of_your_own_are_served_as_the_readme_says",
        "export STARCAST_HTTPS": TWO_MODELS + "test_the_servers_of_the_docs_are_those_of_this_test",
        "map $http_upgrade": TWO_MODELS + "test_a_page_of_each_name_is_rated_by_its_model",
    },
    # They train or measure for hours, most of them with the data set.
    **{
        page: {"```": TRAINING + "test_every_command_takes_the_options_that_are_printed"}
        for page in ("docs/benchmarks.md", "docs/experiments.md", "docs/pretraining.md", "docs/training.md")
    },
}
"""The test that runs each block: by how the block begins, or by its language where a test runs all blocks of it."""

NOT_RUN: Final[Mapping[str, Mapping[str, str]]] = {
    "README.md": {"cp .env.example": "needs Docker"},
    "docs/bulk.md": {
        "python3 -m venv": "installs Ray from PyPI; tests/deploy/test_ray.py runs the last line on a cluster",
        "from collections.abc": "needs Spark, and Java",
    },
    "docs/observability.md": {"scrape_configs": "is a configuration of Prometheus"},
    "docs/operations.md": {"```": "needs Docker, a domain name with certbot, or a Kubernetes cluster"},
    "docs/security.md": {"docker": "needs Docker and a registry"},
    "docs/troubleshooting.md": {
        "openssl": "asks a site on the internet",
        "proxy_http_version": "is a part of a configuration of nginx; the tests of the topology run a whole one",
    },
}
"""Why no test runs a block."""


SENTENCE: Final = re.compile(r'"([^"\n]+ [^"\n]+\.)"')
BLAME: Final = {"A waste of two hours.", "What a waste of two hours of my life."}
"""The sentences of the examples that blame a film; all others praise one."""


def ways_of(page: str) -> list[str]:
    return [*RUN_BY.get(page, {}), *NOT_RUN.get(page, {})]


def fits(way: str, example: Any) -> bool:
    language = way.removeprefix("```")
    return example.language == language if way != language else bool(example.content.startswith(way))


@pytest.mark.parametrize("page", PAGES)
def test_every_example_is_run_by_a_test_or_has_a_reason_why_not(page: str) -> None:
    unused = set(ways_of(page))
    for example in examples(page):
        ways = [way for way in ways_of(page) if fits(way, example)]
        # What begins so says more than a language.
        ways = [way for way in ways if not way.startswith("```")] or ways
        assert len(ways) == 1, f"{page}:{example.line}: {example.content.splitlines()[0]!r} has the ways {ways}"
        unused -= set(ways)
    assert not unused


def test_every_test_that_is_said_to_run_an_example_exists() -> None:
    for ways in RUN_BY.values():
        for test in ways.values():
            path, _, name = test.partition("::")
            assert f"def {name}(" in (REPOSITORY / path).read_text(), test


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", *PAGES])
def test_every_command_of_the_repository_names_the_python_that_has_its_packages(page: str) -> None:
    text = (REPOSITORY / page).read_text()
    assert re.findall(r"(?<!\.venv/bin/)python3?\s+-m\s+(?:training|benchmarks|tools)\S*", text) == []
    assert not any(re.search(r"^manage\.py", each.content, re.MULTILINE) for each in examples(page))


def quoted(example: str) -> str:
    """The sentence of an example that has one."""
    (sentence,) = SENTENCE.findall(example)
    return str(sentence)


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
    assert finished.stdout.splitlines()[-1].endswith(quoted(example))


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
    assert re.fullmatch(rf"\d+\.\d stars: {quoted(example)}", finished.stdout.splitlines()[-1])


@pytest.mark.long
@pytest.mark.ci
def test_the_page_about_http_runs_in_one_fresh_shell_as_it_is_printed(
    fake_server: RunningServer, data_dir: Path, tmp_path: Path
) -> None:
    require_program("curl")
    checkout(tmp_path)
    script = here("\n".join(blocks("http.md", "sh")), fake_server)
    # The page names no key that there is.
    script = script.replace("sc_Ab3dEf9h", "$(.venv/bin/python manage.py apikey create 'to revoke' | cut -c1-11)")
    output = printed_by(script, tmp_path, STARCAST_DATA_DIR=str(data_dir), STARCAST_BACKEND="fake")
    answers = [set(json.loads(line)) for line in output.splitlines() if line.startswith("{")]
    for field in ("stars", "results", "spans", "stored", "labels", "token", "references", "status"):
        assert any(field in answer for answer in answers), field
    assert "the reading club" in output
    assert "Revoked to revoke" in output
    assert list((tmp_path / "feedback").iterdir())


@pytest.mark.long
@pytest.mark.ci
def test_the_ratings_of_the_readme_are_those_of_the_shipped_model(
    real_server: RunningServer, data_dir: Path, tmp_path: Path
) -> None:
    require_program("curl")
    checkout(tmp_path)
    found = {
        begin: next(each.content for each in examples("README.md") if each.content.startswith(begin))
        for begin in (".venv/bin/python manage.py classify", '{"probabilities"', "→")
    }
    commands, shown, messages = found.values()
    printed = printed_by(here(commands, real_server), tmp_path, STARCAST_DATA_DIR=str(data_dir)).splitlines()
    assert len(printed) == 2
    for line in printed:
        expect_rating(json.loads(line), shown)
    sent, received = messages.splitlines()
    with connect(real_server.ws, proxy=None) as socket:
        socket.send(sent.removeprefix("→ "))
        assert json.loads(socket.recv(timeout=60))["type"] == "session.created"
        expect_rating(json.loads(socket.recv(timeout=60)), received.removeprefix("← "))


def expect_rating(rating: dict[str, Any], shown: str) -> None:
    """Compare a rating with a printed one, of which only a part is shown."""
    printed = json.loads(shown.replace("[ … ]", "null").replace(", … }", "}"))
    for field in printed.keys() & {"type", "seq", "stars", "interval", "tokens", "truncated", "is_prior", "state"}:
        assert printed[field] == rating[field], rating
    # Other CPUs differ a little.
    for field in ("probabilities", "positive"):
        assert printed.get(field) in (None, pytest.approx(rating[field], abs=0.05)), rating
    assert printed["expected_stars"] == pytest.approx(rating["expected_stars"], abs=0.2), rating


@pytest.fixture(scope="module")
def shipped() -> ServedClassifier:
    return load_classifier(settings.STARCAST_CHECKPOINT, threads=1)


def test_the_shipped_model_is_right_about_the_sentences_of_the_examples(shipped: ServedClassifier) -> None:
    sentences = {sentence for page in PAGES for each in examples(page) for sentence in SENTENCE.findall(each.content)}
    assert sentences > BLAME
    for sentence, prediction in zip(sentences, shipped.classify(list(sentences)), strict=True):
        assert prediction.state in ("leans", "says"), sentence
        assert (prediction.positive < 0.5) == (sentence in BLAME), sentence


async def test_the_numbers_of_the_protocol_page_are_those_of_the_shipped_model(shipped: ServedClassifier) -> None:
    from_client, *from_server = blocks("protocol.md", "json")
    text = json.loads(from_client.splitlines()[0])["text"]
    printed = {message["type"]: message for message in map(json.loads, from_server)}
    (prediction,) = shipped.classify([text])
    rating = json.loads(Rating(**rating_fields(prediction)).model_dump_json())
    for shown in (printed["prediction"], printed["room.state"]["rating"]):
        expect_rating({"type": "prediction", "seq": 17, **rating}, json.dumps(shown))
    greeting = printed["session.created"]
    assert greeting["prior"] == [round(share, 2) for share in shipped.info.prior]
    assert greeting["states"] == asdict(shipped.info.states)
    for name in ("name", "version", "max_tokens"):
        assert greeting["model"][name] == getattr(shipped.info, name)
    engine = Engine(shipped, EngineOptions(background_deadline_ms=int(PATIENCE_S) * 1000))
    explained = Explained(**explained_fields(await explain(engine, text))).model_dump()
    await engine.close()
    assert printed["explanation"]["all_words"] == explained["all_words"]
    for shown, span in zip(printed["explanation"]["spans"], explained["spans"], strict=True):
        assert shown == {**span, "weight": pytest.approx(span["weight"], abs=0.3)}


@pytest.mark.long
@pytest.mark.ci
def test_the_commands_that_switch_models_run_as_printed(data_dir: Path, tmp_path: Path) -> None:
    # A copy: servers of other tests would follow.
    shutil.copy(data_dir / "starcast.sqlite3", tmp_path)
    checkout(tmp_path)
    (script,) = blocks("models.md", "sh")
    output = printed_by(script, tmp_path, STARCAST_DATA_DIR=str(tmp_path))
    assert output.count("starcast-electra-6x384") >= 3


STARTS: Final = [
    example.content
    for page in ("README.md", "docs/configuration.md", "docs/troubleshooting.md")
    for example in examples(page)
    if "make run" in example.content and "make classifier" not in example.content
]


@pytest.mark.long
@pytest.mark.ci
@pytest.mark.parametrize("script", STARTS)
def test_a_server_starts_as_printed(data_dir: Path, tmp_path: Path, script: str) -> None:
    require_program("make")
    checkout(tmp_path)
    port = free_port()
    variables = {"STARCAST_DATA_DIR": str(data_dir), "STARCAST_BACKEND": "fake", "PORT": str(port)}
    with in_a_fresh_shell(script, tmp_path, **variables) as process:
        try:
            wait_until(lambda: is_alive(port) or process.poll() is not None, "the server answers")
            assert is_alive(port), process.communicate()
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=60)


def is_alive(port: int) -> bool:
    try:
        return httpx.get(f"http://localhost:{port}/healthz", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_the_first_check_of_the_troubleshooting_page_prints_what_it_says(
    fake_server: RunningServer, tmp_path: Path
) -> None:
    require_program("curl")
    page = (REPOSITORY / "docs/troubleshooting.md").read_text()
    (script,) = [each.content for each in examples("docs/troubleshooting.md") if each.content.startswith("curl")]
    assert f"`{printed_by(here(script, fake_server), tmp_path).strip()}`" in page


def test_the_messages_of_the_protocol_page_are_messages() -> None:
    from_client, *from_server = blocks("protocol.md", "json")
    for line in from_client.splitlines():
        parse_client_message(line, Limits())
    kinds = {kind.model_fields["type"].default: kind for kind in (*SERVER_MESSAGES, *WATCHER_SERVER_MESSAGES)}
    for block in from_server:
        message = load_json(block)
        kind = kinds[message["type"]]
        TypeAdapter(kind).validate_python(message)
        assert message.keys() <= kind.model_fields.keys()


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


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"

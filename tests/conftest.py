"""Fixtures that several levels of tests share: a fake model in the process, and a real Daphne beside it."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from channels.testing import WebsocketCommunicator
from hypothesis import HealthCheck, settings

import live.serving.process_engine
from model_core.errors import CheckpointError
from model_core.fake import FakeClassifier
from project.asgi import application
from tools.servers import RunningServer, free_port, start_server

# No test asserts a speed, and a busy machine must not fail one.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

REPOSITORY = Path(__file__).resolve().parent.parent
CLASSIFY_PATH = "/ws/v1/classify/"


def require_program(*names: str) -> str:
    """Return the path of the first program that is there; skip by name, or fail where nothing may be skipped."""
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        missing(f"{' or '.join(names)} is not installed")
    return path


def missing(message: str) -> NoReturn:
    """Skip, saying what is missing, or fail where nothing may be skipped."""
    if os.environ.get("STARCAST_REQUIRE_ALL"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def fresh_engine() -> Iterator[None]:
    """No engine and no classifier before and after the test."""
    live.serving.process_engine.reset()
    yield
    live.serving.process_engine.reset()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, fresh_engine: None) -> FakeClassifier:
    """The model of this process, replaced by a fake one whose knobs a test can turn."""
    classifier = FakeClassifier()
    monkeypatch.setattr(live.serving.process_engine, "load_classifier", lambda *_: classifier)
    return classifier


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch, fresh_engine: None) -> None:
    """A process whose checkpoint cannot be loaded."""

    def fail(*_: object) -> None:
        raise CheckpointError("gone")

    monkeypatch.setattr(live.serving.process_engine, "load_classifier", fail)


@pytest.fixture
async def socket(fake: FakeClassifier) -> AsyncIterator[WebsocketCommunicator]:
    """A connection to the consumer that has been greeted."""
    communicator = WebsocketCommunicator(application, CLASSIFY_PATH, subprotocols=["starcast.v1"])
    connected, _ = await communicator.connect()
    assert connected
    assert (await communicator.receive_json_from())["type"] == "session.created"
    yield communicator
    await communicator.disconnect()


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Database and static files of the servers that tests start."""
    folder = tmp_path_factory.mktemp("var")
    environment = {**os.environ, "STARCAST_DATA_DIR": str(folder), "STARCAST_DEBUG": "1", "STARCAST_BACKEND": "fake"}
    for command in (["migrate", "--verbosity", "0"], ["collectstatic", "--noinput", "--verbosity", "0"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=REPOSITORY, env=environment, check=True)
    return folder


@pytest.fixture(scope="module")
def fake_server(data_dir: Path) -> Iterator[RunningServer]:
    """A real Daphne on a free port, with the fake model."""
    with start_server(data_dir, STARCAST_BACKEND="fake") as server:
        yield server


@pytest.fixture(scope="session")
def real_server(data_dir: Path) -> Iterator[RunningServer]:
    """A real Daphne on a free port, with the shipped model."""
    with start_server(data_dir) as server:
        yield server


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Redis of the test's own, which keeps nothing."""
    program, port = require_program("redis-server"), free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("eady to accept connections" in line for line in process.stdout)
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()

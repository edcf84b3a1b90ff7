"""The lanes of the tests, and what several share: a fake model in the process, and a real Daphne beside it."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, NoReturn

import pytest
from django.conf import settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django.fixtures import Settings

import live.serving.process_engine
from model_core.errors import CheckpointError
from project.asgi import application
from tests.classifiers import ControlledClassifier
from tests.communicators import WebsocketCommunicator
from tools.servers import RunningServer, free_port, start_server

# No test asserts a speed, and a busy machine must not fail one.
hypothesis_settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.register_profile("quick", hypothesis_settings.get_profile("patient"), max_examples=20)
hypothesis_settings.load_profile("patient")

TESTS: Final = Path(__file__).resolve().parent
REPOSITORY: Final = TESTS.parent
CLASSIFY_PATH: Final = "/ws/v1/classify/"

MARKER_OF_PATH: Final = {
    "browser": "browser",
    "js/test_package.py": "browser",
    "clients/test_docs.py": "system",
    "clients/test_odd_files.py": "system",
    "clients/test_score.py": "system",
    "clients/test_score_resume.py": "system",
    "deploy": "system",
    "model_core/test_packages.py": "system",
    "project/test_manage.py": "system",
    "project/test_schemas.py": "system",
    "project/test_settings.py": "system",
    "project/test_supply_chain.py": "system",
    "system": "system",
    "tools/test_docs_site.py": "system",
    "benchmarks": "training",
    "model_core/backends": "training",
    "model_core/test_golden.py": "training",
    "model_core/test_loading.py": "training",
    "training": "training",
}
MARKER_OF_FIXTURE: Final = {"browser": "browser", "data_dir": "system", "redis_url": "system", "two_models": "training"}
"""What a test asks for says where it belongs, also through another fixture."""

PACKAGES_OF: Final = {
    "browser": ("playwright",),
    "training": ("onnx", "openvino", "pyarrow", "sklearn", "torch", "transformers"),
}
"""What only tests of a marker import."""

ONE_PROCESS: Final = ("system/topology",)
"""Folders whose files share what is started only once, and so share a process of pytest-xdist."""


def markers_of(path: Path) -> set[str]:
    """The markers of all tests in a folder or file."""
    name = path.relative_to(TESTS).as_posix()
    return {marker for prefix, marker in MARKER_OF_PATH.items() if f"{name}/".startswith(f"{prefix}/")}


def pytest_configure(config: pytest.Config) -> None:
    """Hide what a fresh clone, or `make check`, does not have: collected static files, and packages."""
    # Each test client would look at all collected files for a tenth of a second.
    settings.STATIC_ROOT = TESTS / "none"
    if "not system" not in config.option.markexpr:
        return
    for marker, packages in PACKAGES_OF.items():
        if f"not {marker}" in config.option.markexpr:
            sys.modules.update(dict.fromkeys(packages))  # type: ignore[arg-type]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no tests that are left out as a whole: what they import may not be installed."""
    left_out = (f"not {marker}" in config.option.markexpr for marker in markers_of(collection_path))
    return any(left_out) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its folder and its fixtures, and say which tests go to one process of pytest-xdist."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        of_fixtures = {MARKER_OF_FIXTURE[name] for name in fixtures if name in MARKER_OF_FIXTURE}
        for marker in of_fixtures | markers_of(item.path):
            item.add_marker(marker)
        file = item.path.relative_to(TESTS).as_posix()
        group = next((folder for folder in ONE_PROCESS if file.startswith(f"{folder}/")), file)
        item.add_marker(pytest.mark.xdist_group(group))


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
def fake(monkeypatch: pytest.MonkeyPatch, fresh_engine: None) -> ControlledClassifier:
    """The model of this process, replaced by a fake one whose knobs a test can turn."""
    classifier = ControlledClassifier()
    monkeypatch.setattr(live.serving.process_engine, "load_classifier", lambda *_: classifier)
    return classifier


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch, fresh_engine: None) -> None:
    """A process whose checkpoint cannot be loaded."""

    def fail(*_: object) -> None:
        raise CheckpointError("gone")

    monkeypatch.setattr(live.serving.process_engine, "load_classifier", fail)


@pytest.fixture
def plain_static_files(settings: Settings) -> None:
    """Pages name their files as they are called in the tree, so that nothing need be collected."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
async def socket(fake: ControlledClassifier) -> AsyncIterator[WebsocketCommunicator]:
    """A connection to the consumer that has been greeted."""
    communicator = WebsocketCommunicator(application, CLASSIFY_PATH, subprotocols=["starcast.v1"])
    connected, _ = await communicator.connect()
    assert connected
    assert (await communicator.receive_json_from())["type"] == "session.created"
    yield communicator
    await communicator.disconnect()


def manage(folder: Path, *command: str) -> None:
    """Run a command of ``manage.py`` for the servers that keep their data in ``folder``."""
    environment = {**os.environ, "STARCAST_DATA_DIR": str(folder), "STARCAST_DEBUG": "1", "STARCAST_BACKEND": "fake"}
    subprocess.run(
        [sys.executable, "manage.py", *command, "--verbosity", "0"], cwd=REPOSITORY, env=environment, check=True
    )


@pytest.fixture(scope="session")
def static_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Static files of the servers that tests start, collected by one process for all."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "static.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "static" / "staticfiles.json").exists():
            manage(folder, "collectstatic", "--noinput")
    return folder / "static"


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory, static_dir: Path) -> Path:
    """Database and static files of the servers that tests start."""
    folder = tmp_path_factory.mktemp("var")
    (folder / "static").symlink_to(static_dir)
    manage(folder, "migrate")
    return folder


@pytest.fixture(scope="session")
def fake_server(data_dir: Path) -> Iterator[RunningServer]:
    """A real Daphne on a free port, with the fake model."""
    with start_server(data_dir, STARCAST_BACKEND="fake") as server:
        yield server


@pytest.fixture(scope="session")
def real_server(data_dir: Path) -> Iterator[RunningServer]:
    """A real Daphne on a free port, with the shipped model."""
    with start_server(data_dir) as server:
        yield server


@pytest.fixture(scope="session")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two block-causal checkpoints, ``one`` and ``two``, which keep something between two keys."""
    # PyTorch takes seconds to load, and most tests do without.
    from tests.factories import write_tuned
    from tests.tiny import tiny_config
    from training.export import export

    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("one", "two"), 1):
        config = tiny_config(version=str(seed), attention="block-causal", block=4, tail_step=16)
        export(write_tuned(folder / name, seed, config), folder / name)
    return folder


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

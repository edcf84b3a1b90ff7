"""Fixtures of tests that serve real, tiny checkpoints."""

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation import override
from pytest_django.fixtures import Settings

from live.monitoring.logs import warn_once


@pytest.fixture(autouse=True)
def without_collected_files(plain_static_files: None) -> None:
    """Pages are tested in the process, where no static files are collected."""


@pytest.fixture(autouse=True)
def begun_in_english() -> Iterator[None]:
    """The language of the last request stays active in its thread, which is that of the next test."""
    with override("en"):
        yield


@pytest.fixture(autouse=True)
def nothing_warned_of() -> None:
    """Each test gets the warnings that a process logs only once."""
    warn_once.cache_clear()


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Only what nothing refers to is freed."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def models(two_models: Path, tmp_path: Path, settings: Settings) -> Path:
    """The settings name ``shipped/one`` in this folder; it is the data folder too, with ``checkpoints/two``."""
    shutil.copytree(two_models / "one", tmp_path / "shipped" / "one")
    shutil.copytree(two_models / "two", tmp_path / "checkpoints" / "two")
    settings.DATA_DIR = tmp_path
    settings.STARCAST_CHECKPOINT = tmp_path / "shipped" / "one"
    settings.STARCAST_BACKEND = "onnx"
    settings.STARCAST_MODEL_THREADS = 1
    # Tests type as fast as they are answered.
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "work_per_s": 10**6, "work_burst": 10**8}
    return tmp_path

"""The engine of the process is made from the settings."""

import asyncio

import pytest
from pytest_django.fixtures import Settings

from live.serving.process_engine import get_classifier, get_engine
from model_core.errors import CheckpointError


async def test_the_engine_is_made_once_and_anew_when_settings_change(settings: Settings) -> None:
    settings.STARCAST_BACKEND = "fake"
    engine = get_engine()
    assert get_engine() is engine
    settings.STARCAST_ENGINE = {**settings.STARCAST_ENGINE, "max_batch": 1}
    assert get_engine() is not engine


def test_each_event_loop_has_an_engine_of_its_own_with_the_same_classifier(settings: Settings) -> None:
    settings.STARCAST_BACKEND = "fake"

    async def rate() -> tuple[int, float]:
        engine = get_engine()
        return id(engine), (await engine.classify("A fine film")).prediction.expected_stars

    first = get_classifier()
    assert asyncio.run(rate())[1] == asyncio.run(rate())[1]
    assert get_classifier() is first


async def test_a_checkpoint_that_is_not_there_is_an_error_with_its_name(settings: Settings, tmp_path: object) -> None:
    settings.STARCAST_BACKEND = "onnx"
    settings.STARCAST_CHECKPOINT = tmp_path
    with pytest.raises(CheckpointError, match=r"config\.json is missing"):
        get_engine()

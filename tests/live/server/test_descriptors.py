"""The limit of open files is raised to what the settings promise, or the promise is lowered."""

import resource

import pytest

from live.server.descriptors import possible_connections


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The soft and the hard limit of open files, of which the real ones stay as they are."""
    values = {"soft": 1_024, "hard": 1_048_576}
    monkeypatch.setattr(resource, "getrlimit", lambda _: (values["soft"], values["hard"]))
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: values.update(zip(("soft", "hard"), new, strict=True)))
    return values


def test_the_soft_limit_is_raised_to_what_is_promised(limits: dict[str, int]) -> None:
    websockets, http = possible_connections(2_000)
    assert (websockets, http) == (2_000, 2_000)
    # The body of a request may be in a file.
    assert websockets + 2 * http < limits["soft"] < limits["hard"] == 1_048_576


@pytest.mark.parametrize("enough", [8_192, resource.RLIM_INFINITY])
def test_limits_that_are_enough_stay(limits: dict[str, int], enough: int) -> None:
    limits.update(soft=enough, hard=enough)
    assert possible_connections(2_000) == (2_000, 2_000)
    assert limits == {"soft": enough, "hard": enough}


@pytest.mark.parametrize("hard", [1, 100, 1_024, 2_100])
def test_fewer_connections_are_promised_where_the_hard_limit_is_low(
    limits: dict[str, int], caplog: pytest.LogCaptureFixture, hard: int
) -> None:
    limits.update(soft=min(hard, 512), hard=hard)
    websockets, http = possible_connections(2_000)
    assert 1 <= websockets <= max(1, hard - min(hard // 2, 256))
    assert 1 <= http <= max(1, (hard - websockets) // 2)
    assert limits == {"soft": hard, "hard": hard}
    assert f"only {websockets} WebSockets are possible, not 2000" in caplog.text

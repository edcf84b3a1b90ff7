"""Settings from the environment."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from project.environment import ALL, ClientLimits, Model, Server, read, secret, secret_key, unknown


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ALL:
        for variable in kind.variables().values():
            monkeypatch.delenv(variable, raising=False)


def test_unset_options_have_their_defaults() -> None:
    server = read(Server)
    assert (server.redis_url, server.debug, server.watchdog_s) == ("", False, 30)
    assert server.allowed_hosts == ["localhost", "127.0.0.1", "[::1]"]
    assert server.static_dir == server.data_dir / "static"
    assert read(Model).cache_mb >= 256


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("True", True), ("0", False), ("no", False), ("", False)])
def test_yes_and_no_have_their_usual_spellings(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("STARCAST_DEBUG", value)
    assert read(Server).debug is expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STARCAST_DEBUG", "treu"),
        ("STARCAST_WATCHDOG_S", "soon"),
        ("STARCAST_WATCHDOG_S", ""),
        ("STARCAST_WATCHDOG_S", "-1"),
        ("STARCAST_LOG_LEVEL", "loud"),
        ("STARCAST_SECRET_KEY_FILE", "no/such/file"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ImproperlyConfigured) as caught:
        read(Server)
    assert variable in str(caught.value)
    assert repr(value) in str(caught.value).replace("LOUD", "loud")
    assert "\n" not in str(caught.value)


def test_all_wrong_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARCAST_WORK_BURST", "0")
    monkeypatch.setenv("STARCAST_MAX_CHARS", "20001")
    with pytest.raises(ImproperlyConfigured, match=r"STARCAST_MAX_CHARS.*; STARCAST_WORK_BURST"):
        read(ClientLimits)


def test_a_list_is_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARCAST_ORIGINS", " a, b,,c ")
    assert read(Server).origins == ["a", "b", "c"]


def test_the_case_of_a_choice_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARCAST_LOG_LEVEL", "info")
    monkeypatch.setenv("STARCAST_LOG_FORMAT", "JSON")
    assert (read(Server).log_level, read(Server).log_format) == ("INFO", "json")


def test_a_path_may_be_in_the_home_folder_or_left_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARCAST_DATA_DIR", "~/stars")
    monkeypatch.setenv("STARCAST_STATIC_DIR", "")
    assert read(Server).data_dir == Path.home() / "stars"
    assert read(Server).static_dir == Path.home() / "stars" / "static"


def test_a_secret_comes_from_its_variable_then_its_file_then_the_default_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STARCAST_DATA_DIR", str(tmp_path))
    with pytest.raises(ImproperlyConfigured, match="set STARCAST_SECRET_KEY or STARCAST_SECRET_KEY_FILE"):
        secret_key(read(Server))
    (tmp_path / "secret_key").write_text("from default\n")
    assert secret_key(read(Server)) == "from default"
    (tmp_path / "named").write_text("from file\n")
    monkeypatch.setenv("STARCAST_SECRET_KEY_FILE", str(tmp_path / "named"))
    assert secret_key(read(Server)) == "from file"
    monkeypatch.setenv("STARCAST_SECRET_KEY", "from variable")
    assert secret_key(read(Server)) == "from variable"


def test_without_a_key_debug_mode_makes_one_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STARCAST_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("STARCAST_DEBUG", "1")
    assert len(secret_key(read(Server))) >= 50


def test_a_secret_may_be_left_out() -> None:
    assert secret("", None) == ""


def test_a_name_that_is_no_setting_is_told_with_the_one_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = ("STARCAST_WORK_BURTS", "STARCAST_ELSEWHERE", "STARCAST_OTHER", "STARCAST_WORK_BURST")
    for name in ours:
        monkeypatch.setenv(name, "1")
    # The machine that runs the tests may have variables of its own.
    found = {name: meant for name, meant in unknown(["STARCAST_OTHER"]).items() if name in ours}
    assert found == {"STARCAST_WORK_BURTS": "STARCAST_WORK_BURST", "STARCAST_ELSEWHERE": None}


def test_every_setting_is_described() -> None:
    assert all(field.description for kind in ALL for field in kind.model_fields.values())

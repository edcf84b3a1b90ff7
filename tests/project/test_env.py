"""Reading the environment."""

import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from project.env import (
    env_bool,
    env_choice,
    env_int,
    env_list,
    env_optional_secret,
    env_path,
    env_secret,
    env_str,
    unknown,
)

NAME = "STARCAST_TEST"


def test_what_is_not_set_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    assert env_str(NAME, "a") == "a"
    assert env_bool(NAME, True)
    assert env_int(NAME, 7) == 7
    assert env_list(NAME, ("a",)) == ["a"]
    assert env_path(NAME, Path("a")) == Path("a")


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("True", True), ("0", False), ("no", False), ("", False)])
def test_yes_and_no_have_their_usual_spellings(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv(NAME, value)
    assert env_bool(NAME, not expected) is expected


def test_a_typing_error_is_no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "treu")
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} must be 1 or 0"):
        env_bool(NAME, False)
    with pytest.raises(ImproperlyConfigured, match="whole number"):
        env_int(NAME, 1)
    monkeypatch.setenv(NAME, "0")
    with pytest.raises(ImproperlyConfigured, match="1 or more"):
        env_int(NAME, 1)


def test_a_choice_is_one_of_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "info")
    assert env_choice(NAME, "WARNING", ("INFO", "WARNING")) == "INFO"
    monkeypatch.setenv(NAME, "loud")
    with pytest.raises(ImproperlyConfigured, match="one of INFO, WARNING"):
        env_choice(NAME, "WARNING", ("INFO", "WARNING"))


def test_a_list_is_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " a, b,,c ")
    assert env_list(NAME) == ["a", "b", "c"]


def test_a_secret_comes_from_its_variable_then_its_file_then_the_default_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    default, named = tmp_path / "default", tmp_path / "named"
    with pytest.raises(ImproperlyConfigured, match=re.escape(f"set {NAME} or {NAME}_FILE")):
        env_secret(NAME, default, optional=False)
    assert len(env_secret(NAME, default, optional=True)) >= 50
    default.write_text("from default\n")
    assert env_secret(NAME, default, optional=False) == "from default"
    named.write_text("from file\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(named))
    assert env_secret(NAME, default, optional=False) == "from file"
    monkeypatch.setenv(NAME, "from variable")
    assert env_secret(NAME, default, optional=False) == "from variable"


def test_a_name_that_nothing_asks_for_is_told_with_the_one_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STARTEST_PROT", "STARTEST_ELSE", "STARTEST_KEY_FILE", "STARTEST_OTHER"):
        monkeypatch.setenv(name, __file__)
    env_str("STARTEST_PORT", "")
    env_optional_secret("STARTEST_KEY")
    assert unknown("STARTEST_", ("STARTEST_OTHER",)) == {"STARTEST_ELSE": None, "STARTEST_PROT": "STARTEST_PORT"}


def test_an_optional_secret_is_empty_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert env_optional_secret(NAME) == ""
    file = tmp_path / "secret"
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    with pytest.raises(ImproperlyConfigured, match="no file"):
        env_optional_secret(NAME)
    file.write_text("from file\n")
    assert env_optional_secret(NAME) == "from file"
    monkeypatch.setenv(NAME, "from variable")
    assert env_optional_secret(NAME) == "from variable"

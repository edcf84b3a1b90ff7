"""The ``starcast`` command: its errors when something is missing."""

import sys

import pytest
from starcast_client.cli import main


@pytest.mark.parametrize(("command", "module"), [("live", "starcast_client.terminal"), ("score", "tqdm")])
def test_what_is_missing_is_installed_from_the_repository(
    command: str, module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert main([command, "nothing.txt"] if command == "score" else [command]) == 2
    hint = {"live": "terminal", "score": "score"}[command]
    # The name alone is one that anybody may take on PyPI.
    assert f"pip install './clients/python[{hint}]'" in capsys.readouterr().err

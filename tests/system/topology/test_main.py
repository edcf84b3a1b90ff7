"""The command line of ``make topology``."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from tests.conftest import missing
from tools.servers import REPOSITORY
from tools.topology import __main__ as topology
from tools.topology.services import NotInstalledError, program
from tools.topology.site import Site
from tools.topology.typists import Typed


@pytest.mark.long
def test_it_brings_a_site_up_holds_it_to_the_protocol_and_takes_it_down() -> None:
    try:
        program("nginx")
    except NotInstalledError as error:
        missing(str(error))
    finished = subprocess.run(
        [sys.executable, "-m", "tools.topology", "--replicas", "1", "--backend", "fake", "--check"],
        cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert " 0 FAIL" in finished.stdout
    assert re.search(r"^https://localhost:\d+ ", finished.stdout, re.MULTILINE)


async def test_each_event_is_printed_with_the_texts_that_it_lost_and_no_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answered = iter([True, False, True, True, True, True])

    async def typed(_site: object, _event: Callable[[], Awaitable[None]], typists: int) -> list[Typed]:
        return [Typed(next(answered), 0, 0.1)] * typists

    def event(*_: object) -> contextlib.nullcontext[None]:
        return contextlib.nullcontext()

    monkeypatch.setattr(topology, "type_through", typed)
    for name in ("killed", "frozen", "upgraded", "without_redis", "without_postgres"):
        monkeypatch.setattr(topology, name, event)
    # Nothing is done to it.
    site: Site = object()  # type: ignore[assignment]
    assert await topology.go_through_faults(site, 2) == 1
    assert re.findall(r"(\d+) newest texts lost", capsys.readouterr().out) == ["0", "2", "0", "0", "0", "0"]

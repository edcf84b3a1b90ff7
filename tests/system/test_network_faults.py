"""A cable is pulled: lost clients are found, returning ones lose no text, and others are not affected."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.system.network import SERVER_ADDRESS, Network, two_hosts
from tools.servers import RunningServer, start_server
from tools.topology.services import wait_until


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with two_hosts() as network:
        yield network


@pytest.fixture
def far_server(network: Network, data_dir: Path) -> Iterator[RunningServer]:
    program = network.program(network.server, "manage.py", "serve", "--host", "0.0.0.0")
    hosts = f"localhost,127.0.0.1,{SERVER_ADDRESS}"
    with start_server(data_dir, program=program, STARCAST_BACKEND="fake", STARCAST_ALLOWED_HOSTS=hosts) as server:
        yield server


def test_a_text_that_is_on_its_way_while_the_cable_is_out_is_answered_when_it_is_back(
    network: Network, far_server: RunningServer
) -> None:
    with (
        network.typist(network.client, f"ws://{SERVER_ADDRESS}:{far_server.port}") as far,
        network.typist(network.server, f"ws://127.0.0.1:{far_server.port}") as near,
    ):
        first = far.ask("A fine film")
        network.pull_cable()
        try:
            far.send("A fine film, until the cable")
            assert [near.ask(f"I notice nothing, {number} times") for number in range(20)]
        finally:
            network.plug_cable()
        assert far.answer() > first


@pytest.mark.long
def test_who_is_gone_without_a_word_is_found_out_by_pings_and_leaves_nothing_behind(
    network: Network, far_server: RunningServer
) -> None:
    process = psutil.Process(far_server.process.pid)
    with network.typist(network.server, f"ws://127.0.0.1:{far_server.port}") as near:
        near.ask("Just looking")
        descriptors = process.num_fds()
        with network.typist(network.client, f"ws://{SERVER_ADDRESS}:{far_server.port}") as far:
            far.ask("A fine film")
            assert process.num_fds() == descriptors + 1
            network.pull_cable()
        try:
            # Half open: the client has ended, and its goodbye never arrives.
            wait_until(lambda: process.num_fds() <= descriptors, "the connection stays", within_s=90)
            near.ask("I notice nothing")
        finally:
            network.plug_cable()
    assert "Traceback" not in far_server.logged()


def test_a_bad_line_delays_answers_and_loses_none(network: Network, far_server: RunningServer) -> None:
    with network.typist(network.client, f"ws://{SERVER_ADDRESS}:{far_server.port}") as far:
        seq = far.ask("A fine film")
        network.disturb("delay", "100ms", "30ms", "loss", "5%", "reorder", "5%")
        for word in range(20):
            seq, before = far.ask(f"A fine film of {word} acts"), seq
            assert seq > before

import itertools
import os
import socket
from pathlib import Path

import pytest

from tools import servers
from tools.servers import free_port


def test_a_port_that_is_taken_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first = os.getpid() % 10_000  # Far from the last port, after which the first is next.
    monkeypatch.setattr(servers, "_numbers", itertools.count(first))
    taken = free_port()
    monkeypatch.setattr(servers, "_numbers", itertools.count(first))
    with socket.create_server(("127.0.0.1", taken)):
        assert free_port() > taken


def test_no_connection_gets_a_port_by_chance_before_the_server_does() -> None:
    limits = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not limits.exists():
        pytest.skip("this system does not say which ports it gives to connections")
    assert max(free_port() for _ in range(100)) < int(limits.read_text().split()[0])

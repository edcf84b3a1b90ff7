"""Where the server listens."""

import socket

import pytest

from live.server import listening
from tests.raw_sockets import has_ipv6


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_localhost_is_listened_to_over_ipv6_too_where_the_port_is_free(host: str) -> None:
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        over_ipv4, name = listening.place_of(host, port)
        assert len(over_ipv4) == 1
        assert name == "127.0.0.1"
    both, name = listening.place_of(host, port)
    assert any("::1" in each.replace("\\", "") for each in both)
    assert name == "localhost"


@pytest.mark.parametrize(("host", "port"), [("0.0.0.0", 8000), ("192.168.1.20", 8000), ("127.0.0.1", 0), ("::1", 8000)])
def test_elsewhere_only_what_is_asked_for(host: str, port: int) -> None:
    assert len(listening.place_of(host, port).endpoints) == 1


@pytest.mark.parametrize(
    ("host", "written"),
    [("fd00:0:0::1", "[fd00::1]"), ("[fd00::1]", "[fd00::1]"), ("192.168.1.20", "192.168.1.20"), ("pc.lan", "pc.lan")],
)
def test_a_host_is_written_as_browsers_write_it(host: str, written: str) -> None:
    assert listening.in_url(host) == written


def test_without_a_network_there_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unreachable(socket.socket):
        def connect(self, *_: object) -> None:
            raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "socket", Unreachable)
    assert listening.address_in_network() is None

"""The open sockets of a process, and the end of all of them."""

import pytest

from live.connections.open_sockets import LiveSockets
from live.messages.server import SessionClosing


class Socket:
    """One that leaves when it is told to, or cannot."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.has_left = False

    async def leave(self, closing: SessionClosing, within_s: float) -> None:
        if self.failure is not None:
            raise self.failure
        self.has_left = True


async def test_one_that_cannot_be_closed_keeps_no_other_from_its_answer(caplog: pytest.LogCaptureFixture) -> None:
    sockets = LiveSockets()
    others = [Socket() for _ in range(10)]
    for socket in (*others[:5], Socket(OSError("gone")), *others[5:]):
        sockets.add(socket)
    await sockets.drain(within_s=1)
    assert all(socket.has_left for socket in others)
    assert "a connection could not be closed" in caplog.text
    assert "gone" in caplog.text

"""The queue of texts of one client: a typed text is replaced by a newer one, an awaited text is not."""

import asyncio
import enum
from collections import deque
from dataclasses import dataclass
from typing import Any

from starcast_client.errors import Cancelled, NoText


class Want(enum.Enum):
    """The kind of answer that is wanted."""

    RATING = enum.auto()
    FINAL = enum.auto()
    EXPLANATION = enum.auto()


@dataclass(eq=False, slots=True)
class Request:
    """A text, what is wanted for it, and the future that waits (None if it was only typed)."""

    text: str
    want: Want = Want.RATING
    waiter: asyncio.Future[Any] | None = None
    failures: int = 0
    taken_back: bool = False

    @property
    def is_abandoned(self) -> bool:
        """Whether an answer is no longer wanted."""
        return self.taken_back or (self.waiter is not None and self.waiter.done())

    @property
    def is_firm(self) -> bool:
        """Whether this is a text of ``rate``, independent of typing."""
        return self.waiter is not None and self.want is Want.RATING

    def take_back(self) -> None:
        """Cancel, and notify the waiting call. Has no effect on a text of ``rate``."""
        if self.is_firm:
            return
        self.taken_back = True
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(Cancelled("it was taken back by cancel"))


class Line:
    """A queue whose last place is reserved for the newest typed text. Does no I/O."""

    def __init__(self) -> None:
        self.newest: str | None = None
        """The newest text, even after it was answered; None once refused or cancelled."""
        self._waiting: deque[Request] = deque()
        self._filled = asyncio.Event()
        self._appended = asyncio.Event()

    def typed(self, text: str) -> None:
        """Add a typed text, replacing an older one."""
        self._append(Request(text))

    def ask(self, text: str, want: Want) -> asyncio.Future[Any]:
        """Add a text for a pending call."""
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._append(Request(text, want, waiter))
        return waiter

    def ask_newest(self, want: Want) -> asyncio.Future[Any]:
        """Request more for the newest text. Raises NoText."""
        if self.newest is None:
            raise NoText("no text was sent yet, or the newest was refused or taken back")
        return self.ask(self.newest, want)

    async def take(self) -> Request:
        """Wait for the next text and remove it from the queue."""
        while True:
            await self._filled.wait()
            request = self._pop_left()
            if not request.is_abandoned:
                return request

    def put_back(self, request: Request) -> None:
        """Put an unanswered text back, unless it was only typed and there is a newer one."""
        if request.is_abandoned or (request.waiter is None and self._waiting):
            return
        self._waiting.appendleft(request)
        self._filled.set()

    def renew(self) -> None:
        """Queue the newest text again, for a new connection."""
        if self.newest is not None and not self._waiting:
            self.typed(self.newest)

    def cancel(self) -> None:
        """Cancel the newest text and all its pending calls."""
        for request in self._waiting:
            request.take_back()
        self.newest = None
        self._appended.set()

    def forget(self, text: str) -> None:
        """Drop a refused text, so that it is not sent again."""
        if self.newest == text:
            self.newest = None

    def fail(self, error: Exception) -> None:
        """Make all pending calls raise ``error``."""
        while self._waiting:
            waiter = self._pop_left().waiter
            if waiter is not None and not waiter.done():
                waiter.set_exception(error)

    async def wait_newer(self, text: str) -> None:
        """Wait until the newest text is a different one."""
        while self.newest == text:
            self._appended.clear()
            await self._appended.wait()

    def _append(self, request: Request) -> None:
        if self._waiting and self._waiting[-1].waiter is None:
            self._waiting.pop()
        self._waiting.append(request)
        self.newest = request.text
        self._filled.set()
        self._appended.set()

    def _pop_left(self) -> Request:
        request = self._waiting.popleft()
        if not self._waiting:
            self._filled.clear()
        return request

"""The texts of one client that wait to be sent: a typed one gives way to a newer one, an awaited one does not."""

import asyncio
import enum
from collections import deque
from dataclasses import dataclass
from typing import Any

from starcast_client.errors import Cancelled, NoText


class Want(enum.Enum):
    """What is asked of a text."""

    RATING = enum.auto()
    FINAL = enum.auto()
    EXPLANATION = enum.auto()


@dataclass(eq=False, slots=True)
class Request:
    """A text, what is wanted of it, and who waits for the answer: nobody where it was only typed."""

    text: str
    want: Want = Want.RATING
    waiter: asyncio.Future[Any] | None = None
    failures: int = 0
    taken_back: bool = False

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody wants an answer any more."""
        return self.taken_back or (self.waiter is not None and self.waiter.done())

    @property
    def is_firm(self) -> bool:
        """Whether somebody wants this very text rated, so that it has nothing to do with what is typed."""
        return self.waiter is not None and self.want is Want.RATING

    def take_back(self) -> None:
        """Want no answer any more, and tell whoever waits; a firm one stays."""
        if self.is_firm:
            return
        self.taken_back = True
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(Cancelled("it was taken back by cancel"))


class Line:
    """A queue whose last place belongs to the newest typed text. It knows no network."""

    def __init__(self) -> None:
        self.newest: str | None = None
        """The newest text, also after it was answered; None once it was refused or taken back."""
        self._waiting: deque[Request] = deque()
        self._filled = asyncio.Event()
        self._appended = asyncio.Event()

    def typed(self, text: str) -> None:
        """Put in a text that nobody waits for, in place of an older such text."""
        self._append(Request(text))

    def ask(self, text: str, want: Want) -> asyncio.Future[Any]:
        """Put in a text that somebody waits for."""
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._append(Request(text, want, waiter))
        return waiter

    def ask_newest(self, want: Want) -> asyncio.Future[Any]:
        """Ask more of the newest text. Raises NoText."""
        if self.newest is None:
            raise NoText("no text was sent yet, or the newest was refused or taken back")
        return self.ask(self.newest, want)

    async def take(self) -> Request:
        """Wait for the text whose turn it is, and take it out."""
        while True:
            await self._filled.wait()
            request = self._pop_left()
            if not request.is_abandoned:
                return request

    def put_back(self, request: Request) -> None:
        """Take a text again that was not answered, unless it was only typed and there are newer ones."""
        if request.is_abandoned or (request.waiter is None and self._waiting):
            return
        self._waiting.appendleft(request)
        self._filled.set()

    def renew(self) -> None:
        """Put the newest text in again, for a server that knows nothing of it."""
        if self.newest is not None and not self._waiting:
            self.typed(self.newest)

    def cancel(self) -> None:
        """Take back the newest text and all that is asked of it."""
        for request in self._waiting:
            request.take_back()
        self.newest = None
        self._appended.set()

    def forget(self, text: str) -> None:
        """The text was refused: sending it again would be in vain."""
        if self.newest == text:
            self.newest = None

    def fail(self, error: Exception) -> None:
        """Tell everybody who waits that nothing will come."""
        while self._waiting:
            waiter = self._pop_left().waiter
            if waiter is not None and not waiter.done():
                waiter.set_exception(error)

    async def wait_newer(self, text: str) -> None:
        """Wait until another text than this one is the newest."""
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

"""A room: the text and rating that one typist shows to watchers. It lives in the typist's process."""

import asyncio
import hashlib
import logging
import secrets
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from typing import Final, Protocol

from live.limits import Limits
from live.messages.protocol import ProtocolError
from live.messages.rooms import RoomEnd, RoomState
from live.monitoring.metrics import open_rooms
from live.watching import MISSED_S, audience_group, room_group
from live.watching.link import LayerAway, Message, get_link
from model_core.tasks import settle, spawn

logger = logging.getLogger(__name__)

_SECRET_BYTES: Final = 32
_ID_BYTES: Final = 16
_PACE_S: Final = 0.05
"""Seconds between two states at the least: more could not be seen, and only the newest counts."""
_RETRY_S: Final = 1.0


def new_secret() -> str:
    """A random secret. Its holder is the typist of the room."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def room_id_of(secret: str) -> str:
    """The public name of a room, for watching. The secret cannot be derived from it."""
    digest = hashlib.sha256(f"starcast room {secret}".encode()).digest()
    return urlsafe_b64encode(digest[:_ID_BYTES]).decode().rstrip("=")


class Typist(Protocol):
    """The connection that a room belongs to."""

    async def show_watchers(self, count: int) -> None:
        """Take the new number of watchers."""
        ...

    async def room_ended(self, reason: RoomEnd) -> None:
        """Note that the room no longer belongs to this connection."""
        ...


@dataclass(slots=True)
class _Count:
    watchers: int
    until: float


class _Clock:
    """The time of day, but never earlier than before: it may be set back."""

    def __init__(self) -> None:
        self._last_ns = 0

    def now_ns(self) -> int:
        self._last_ns = max(self._last_ns + 1, time.time_ns())
        return self._last_ns


_clock = _Clock()


class Room:
    """Sends its audiences the newest state, and answers their beats. The typist never waits for either."""

    def __init__(self, room_id: str, address: str, grace_s: float, on_end: Callable[["Room"], None]) -> None:
        self.id = room_id
        self.address = address
        self.watchers = 0
        self._grace_s = grace_s
        self._on_end = on_end
        self._typist: Typist | None = None
        self._state = RoomState()
        self._token = ""
        """Made when a typist enters; sorts by time. Of two rooms with the same secret, the later one counts."""
        self._number = 0
        self._told = -1
        self._was_asked = False
        self._counts: dict[str, _Count] = {}
        self._away_since: float | None = None
        self._end: RoomEnd | None = None
        self._is_superseded = False
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def enter(self, typist: Typist) -> None:
        """Make this connection the typist, and tell the previous one that its room was taken."""
        before, self._typist = self._typist, typist
        self._away_since = None
        self._token = f"{_clock.now_ns():016x}-{secrets.token_hex(4)}"
        if self._task is None:
            # In a context of its own: the connection's would live as long as the task.
            self._task = spawn(self._work(), context=Context())
        if before is not None:
            await settle([before.room_ended("taken")], "a typist could not be told")
        self.show(self._state.model_copy(update={"is_typist_here": True}))

    def show(self, state: RoomState) -> None:
        """Make this the newest state."""
        self._state = state
        self._number += 1
        self._changed.set()

    def leave(self, typist: Typist) -> None:
        """Note that this typist's connection is lost. The room waits ``grace_s`` for a new one."""
        if self._typist is typist:
            self._typist = None
            self._away_since = time.monotonic()
            self.show(self._state.model_copy(update={"is_typist_here": False, "is_fresh": False}))

    def close(self, reason: RoomEnd) -> None:
        """End the room and tell its audiences."""
        self._end = self._end or reason
        self._on_end(self)
        self._changed.set()

    async def _work(self) -> None:
        link = get_link()
        try:
            while self._end is None:
                self._changed.clear()
                self._look_at_the_clock()
                await self._tell_typist()
                try:
                    await link.join(room_group(self.id), self._on_message)
                    await self._tell_audiences()
                except LayerAway:
                    await asyncio.sleep(_RETRY_S)
                    continue
                await asyncio.sleep(_PACE_S)
                await self._wait_for_change()
            if self._is_superseded:
                if self._typist is not None:
                    await self._typist.room_ended("taken")
            else:
                await link.send(audience_group(self.id), {"token": self._token, "end": self._end})
        except LayerAway:
            logger.debug("cannot tell the audiences of a room that it has ended")
        finally:
            self._on_end(self)
            await link.leave(room_group(self.id), self._on_message)

    async def _wait_for_change(self) -> None:
        waits = [count.until for count in self._counts.values()]
        if self._away_since is not None:
            waits.append(self._away_since + self._grace_s)
        timeout = max(0.0, min(waits) - time.monotonic()) if waits else None
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            return

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        self._counts = {name: count for name, count in self._counts.items() if count.until > now}
        if self._away_since is not None and now >= self._away_since + self._grace_s:
            self.close("left")

    async def _tell_typist(self) -> None:
        watchers = sum(count.watchers for count in self._counts.values())
        if watchers != self.watchers:
            self.watchers = watchers
            if self._typist is not None:
                await settle([self._typist.show_watchers(watchers)], "a typist could not be told")

    async def _tell_audiences(self) -> None:
        """Send the state if it changed and there are watchers. Answer a beat in any case."""
        was_asked, self._was_asked = self._was_asked, False
        message: Message = {"token": self._token, "number": self._number, "watchers": self.watchers}
        if self._told != self._number and self.watchers > 0:
            self._told = self._number
            message["state"] = self._state.encode()
        elif not was_asked:
            return
        try:
            await get_link().send(audience_group(self.id), message)
        except LayerAway:
            self._told = -1
            raise

    def _on_message(self, message: Message) -> None:
        """Take the beat of an audience: its name, its number of watchers, and the state it shows."""
        token, number = message["shown"]
        if token > self._token:
            # The typist has reconnected to another process.
            self._is_superseded = True
            self.close("taken")
            return
        if (token, number) != (self._token, self._number):
            self._told = -1
        if message["watchers"]:
            self._counts[message["audience"]] = _Count(message["watchers"], time.monotonic() + MISSED_S)
        else:
            self._counts.pop(message["audience"], None)
        self._was_asked = True
        self._changed.set()


class Rooms:
    """Finds the room of a secret, or opens it within the limits."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._addresses: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._rooms)

    def __contains__(self, room_id: str) -> bool:
        return room_id in self._rooms

    def watchers_of(self, secret: str | None) -> int:
        """How many watch the room of this secret; 0 if there is no such room here."""
        room = self._rooms.get(room_id_of(secret)) if secret else None
        return 0 if room is None else room.watchers

    def open(self, secret: str, address: str, limits: Limits) -> Room:
        """Return the room of this secret; create it if needed. Raises ProtocolError if there are too many rooms."""
        room_id = room_id_of(secret)
        if room_id in self._rooms:
            return self._rooms[room_id]
        if len(self._rooms) >= limits.max_rooms or self._addresses[address] >= limits.max_rooms_per_address:
            raise ProtocolError("too_many_rooms", "too many rooms are open; try again later")
        room = Room(room_id, address, limits.room_grace_s, self._forget)
        self._rooms[room_id] = room
        self._addresses[address] += 1
        return room

    def _forget(self, room: Room) -> None:
        if self._rooms.get(room.id) is room:
            del self._rooms[room.id]
            self._addresses[room.address] -= 1
            if not self._addresses[room.address]:
                del self._addresses[room.address]


rooms = Rooms()
"""The rooms of this process."""
open_rooms.set_function(lambda: len(rooms))

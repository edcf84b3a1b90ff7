"""An audience: all watchers of one room in this process. They share its newest state and one beat."""

import asyncio
import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from contextvars import Context
from typing import Final, Protocol

from live.limits import Limits
from live.messages.protocol import ProtocolError
from live.messages.rooms import RoomEnd
from live.monitoring.metrics import open_watchers
from live.watching import BEAT_S, MISSED_S, UNKNOWN_S, audience_group, room_group
from live.watching.link import LayerAway, Message, get_link, is_joined, reaches_other_processes
from live.watching.room import rooms
from model_core.tasks import settle, spawn

logger = logging.getLogger(__name__)

_ROOM_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")


class Watcher(Protocol):
    """One connection that watches."""

    def show(self, frame: str) -> None:
        """Show a state. It replaces one that was not shown yet."""
        ...

    async def room_ended(self, reason: RoomEnd | None) -> None:
        """Note that the room has ended; None if it was never found."""
        ...


class Audience:
    """Asks at every beat, shows the answers, and ends when the room ends or is silent for too long."""

    def __init__(self, room_id: str, grace_s: float, patience_s: float, on_end: Callable[["Audience"], None]) -> None:
        self.room_id = room_id
        self._name = uuid.uuid4().hex
        self.total = 0
        """Watchers in all processes, as counted by the room."""
        self.watchers: set[Watcher] = set()
        self._grace_s = grace_s
        self._patience_s = patience_s
        """Seconds to wait for the first message of the room."""
        self._on_end = on_end
        self._token = ""
        self._number = -1
        self._frame: str | None = None
        self._asked_since: float | None = None
        self._end: RoomEnd | None = None
        self._changed = asyncio.Event()
        self._task = spawn(self._work(), context=Context())

    def add(self, watcher: Watcher) -> None:
        """Add a watcher, and show it the known state."""
        self.watchers.add(watcher)
        if self._frame is not None:
            watcher.show(self._frame)
        self._changed.set()

    def discard(self, watcher: Watcher) -> None:
        """Remove a watcher."""
        self.watchers.discard(watcher)
        self._changed.set()

    async def _work(self) -> None:
        try:
            while self.watchers and self._end is None:
                self._changed.clear()
                await self._beat()
                self._look_at_the_clock()
                if self._end is None:
                    await self._wait_for_change()
            # New watchers get a new audience from here on.
            self._on_end(self)
            reason = self._end if self._frame is not None else None
            await settle([watcher.room_ended(reason) for watcher in self.watchers], "a watcher could not be told")
        finally:
            self._on_end(self)
            await self._say_goodbye()

    async def _beat(self) -> None:
        link = get_link()
        try:
            await link.join(audience_group(self.room_id), self._on_message)
            await link.send(
                room_group(self.room_id),
                {"audience": self._name, "watchers": len(self.watchers), "shown": [self._token, self._number]},
            )
        except LayerAway:
            # The room may exist: without the layer it cannot answer.
            self._asked_since = None
            self._show_away()
        else:
            self._asked_since = self._asked_since or time.monotonic()

    async def _say_goodbye(self) -> None:
        link = get_link()
        try:
            message = {"audience": self._name, "watchers": 0, "shown": [self._token, self._number]}
            await link.send(room_group(self.room_id), message)
        except LayerAway:
            logger.debug("cannot tell a room that its audience has ended")
        await link.leave(audience_group(self.room_id), self._on_message)

    async def _wait_for_change(self) -> None:
        # Sooner while there is nothing to show: the last beat may have been sent before the room listened.
        is_away = self._number < 0
        try:
            async with asyncio.timeout(BEAT_S / 2 if is_away else BEAT_S):
                await self._changed.wait()
        except TimeoutError:
            return

    def _look_at_the_clock(self) -> None:
        if self._asked_since is None:
            return
        silent_s = time.monotonic() - self._asked_since
        if silent_s > (self._patience_s if self._frame is None else self._grace_s + BEAT_S):
            self._end = "left"
        elif silent_s > MISSED_S:
            self._show_away()

    def _on_message(self, message: Message) -> None:
        """Take a message of the room. Messages of an older room with the same secret are ignored."""
        if message["token"] < self._token:
            return
        self._asked_since = None
        self._token = message["token"]
        if "end" in message:
            self._end = message["end"]
            self._changed.set()
            return
        self.total = message["watchers"]
        if "state" in message:
            self._number = message["number"]
            self._show(message["state"])

    def _show_away(self) -> None:
        """Show that the typist cannot be reached. The next message of the room brings the full state."""
        if self._frame is not None and self._number >= 0:
            self._number = -1
            # Not validated: the typist's server may be of another version.
            self._show(json.dumps({**json.loads(self._frame), "is_typist_here": False, "is_fresh": False}))

    def _show(self, frame: str) -> None:
        self._frame = frame
        for watcher in self.watchers:
            try:
                watcher.show(frame)
            except Exception:
                logger.exception("a watcher could not be shown a state")


class Audiences:
    """Finds the audience of a room, or makes it."""

    def __init__(self) -> None:
        self._audiences: dict[str, Audience] = {}
        self._began = time.monotonic()

    def __len__(self) -> int:
        return len(self._audiences)

    @property
    def watchers(self) -> int:
        """Watching connections of this process."""
        return sum(len(audience.watchers) for audience in self._audiences.values())

    def enter(self, room_id: str, watcher: Watcher, limits: Limits) -> Audience:
        """Add a watcher to the room's audience. Raises ProtocolError if the room is full or unknown."""
        audience = self._audiences.get(room_id)
        if audience is None:
            patience_s = self._patience_s(room_id, limits.room_grace_s)
            if patience_s == 0:
                raise ProtocolError("room_not_found", "there is no such room")
            audience = Audience(room_id, limits.room_grace_s, patience_s, self._forget)
            self._audiences[room_id] = audience
        elif max(audience.total, len(audience.watchers)) >= limits.max_watchers:
            raise ProtocolError("room_full", f"{limits.max_watchers} may watch at once; try again later")
        audience.add(watcher)
        return audience

    async def may_find(self, room_id: str, limits: Limits) -> bool:
        """Whether the room may exist."""
        if not _ROOM_ID.fullmatch(room_id):
            return False
        if self._is_starting(limits.room_grace_s) or room_id in self._audiences or room_id in rooms:
            return True
        return reaches_other_processes() and await is_joined(room_group(room_id))

    def _patience_s(self, room_id: str, grace_s: float) -> float:
        """Seconds to wait for the first message of a room; 0 if it certainly does not exist."""
        if not _ROOM_ID.fullmatch(room_id):
            return 0
        if self._is_starting(grace_s):
            return grace_s + BEAT_S
        return UNKNOWN_S if reaches_other_processes() or room_id in rooms else 0

    def _is_starting(self, grace_s: float) -> bool:
        """Whether rooms may come back: after a restart, typists and watchers reconnect in any order."""
        return time.monotonic() - self._began < grace_s

    def _forget(self, audience: Audience) -> None:
        if self._audiences.get(audience.room_id) is audience:
            del self._audiences[audience.room_id]


audiences = Audiences()
"""The audiences of this process."""
open_watchers.set_function(lambda: audiences.watchers)

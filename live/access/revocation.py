"""Closes sockets of revoked keys and stores when keys were last used, in one task that runs while needed."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextvars import Context
from datetime import datetime
from typing import Final

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError
from django.utils import timezone

from live.access.keys import KnownKey
from live.models import ApiKey
from model_core.tasks import spawn

logger = logging.getLogger(__name__)

_POLL_S: Final = 2.0
"""Seconds. Polling the database also sees keys revoked by other processes."""
_WRITE_S: Final = 60.0

OnRevoked = Callable[[], Awaitable[None]]


class KeyWatch:
    """The sockets with a key in this process, and uses that are not stored yet."""

    def __init__(self) -> None:
        self._sockets: dict[OnRevoked, KnownKey] = {}
        self._used: dict[int, datetime] = {}
        self._written = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def add(self, key: KnownKey, on_revoked: OnRevoked) -> None:
        """Call ``on_revoked`` when the key is revoked: once, and again if it raises."""
        self._sockets[on_revoked] = key
        self._wake()

    def remove(self, on_revoked: OnRevoked) -> None:
        """Stop watching."""
        self._sockets.pop(on_revoked, None)

    def note_use(self, key: KnownKey) -> None:
        """Record that a key was used; stored at most once a minute."""
        self._used[key.id] = timezone.now()
        self._wake()

    def _wake(self) -> None:
        # A task of a closed event loop cannot be reused.
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            # Use a new context: the request's context refers to a database executor that ends with the request.
            self._task = spawn(self._work(), context=Context())

    async def _work(self) -> None:
        while self._sockets or self._used:
            await asyncio.sleep(_POLL_S)
            try:
                await self._close_revoked()
                await self._write_used()
            except DatabaseError as error:
                logger.warning("cannot read or write keys, will try again: %s", error)
            except Exception:
                logger.exception("watching keys failed, will try again")

    async def _close_revoked(self) -> None:
        watched = {key.id for key in self._sockets.values()}
        if not watched:
            return
        gone = watched - await database_sync_to_async(_valid_ids)(watched)
        for on_revoked, key in list(self._sockets.items()):
            if key.id not in gone:
                continue
            try:
                await on_revoked()
            except Exception:
                # It stays watched, and those after it are not to wait for it.
                logger.exception("the socket of a revoked key could not be closed, will try again")
            else:
                self.remove(on_revoked)

    async def _write_used(self) -> None:
        if not self._used or time.monotonic() - self._written < _WRITE_S:
            return
        used, self._used = self._used, {}
        self._written = time.monotonic()
        try:
            await database_sync_to_async(_write_last_used)(used)
        except DatabaseError:
            self._used = {**used, **self._used}
            raise


def _valid_ids(ids: Collection[int]) -> set[int]:
    return set(ApiKey.objects.filter(pk__in=ids, revoked=None).values_list("pk", flat=True))


def _write_last_used(used: Mapping[int, datetime]) -> None:
    for pk, last_used in used.items():
        ApiKey.objects.filter(pk=pk).update(last_used=last_used)


key_watch = KeyWatch()
"""The key watch of this process."""

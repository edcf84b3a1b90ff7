"""Closes sockets of revoked keys and stores when keys were used and how much, in one task that runs while needed."""

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
from live.access.usage import Usage, User, store, stored_usage, today
from live.models import ApiKey
from live.monitoring.metrics import explanations, rated_texts, rated_tokens
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
        self._usage: dict[User, Usage] = {}
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

    def note_usage(self, key: KnownKey | None, usage: Usage) -> None:
        """Record what a client used: for the metrics, and for its key, if any, with the time of its last use."""
        rated_texts.inc(usage.texts)
        rated_tokens.inc(usage.tokens)
        explanations.inc(usage.explanations)
        if key is None:
            return
        self._usage.setdefault(User(key.id, key.reference, today()), Usage()).add(usage)
        self._wake()

    async def usage_of(self, key: KnownKey) -> dict[str, Usage]:
        """Return what a key used lately, by reference, with what this process has not stored yet.

        Raises django.db.Error.
        """
        used: dict[str, Usage] = await database_sync_to_async(stored_usage)(key.id)
        for user, usage in self._usage.items():
            if user.key_id == key.id:
                used.setdefault(user.reference, Usage()).add(usage)
        return used

    async def write(self) -> None:
        """Store what is not stored yet. Raises django.db.Error."""
        used, self._used = self._used, {}
        usage, self._usage = self._usage, {}
        self._written = time.monotonic()
        try:
            await database_sync_to_async(_write)(used, usage)
        except DatabaseError:
            self._used = {**used, **self._used}
            for user, more in usage.items():
                self._usage.setdefault(user, Usage()).add(more)
            raise

    async def finish(self, within_s: float) -> None:
        """Store what is not stored yet, if the database takes it within this time."""
        if not (self._used or self._usage):
            return
        try:
            async with asyncio.timeout(within_s):
                await self.write()
        except (DatabaseError, TimeoutError) as error:
            logger.warning("what keys used in the last minute is lost: %s", error)

    def _wake(self) -> None:
        # A task of a closed event loop cannot be reused.
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            # Use a new context: the request's context refers to a database executor that ends with the request.
            self._task = spawn(self._work(), context=Context())

    async def _work(self) -> None:
        while self._sockets or self._used or self._usage:
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
        if (self._used or self._usage) and time.monotonic() - self._written >= _WRITE_S:
            await self.write()


def _valid_ids(ids: Collection[int]) -> set[int]:
    return set(ApiKey.objects.filter(pk__in=ids, revoked=None).values_list("pk", flat=True))


def _write(used: Mapping[int, datetime], usage: Mapping[User, Usage]) -> None:
    for pk, last_used in used.items():
        ApiKey.objects.filter(pk=pk).update(last_used=last_used)
    # Last, and all or nothing: if anything fails, all is written again, and usage must not be counted twice.
    store(usage)


key_watch = KeyWatch()
"""The key watch of this process."""
